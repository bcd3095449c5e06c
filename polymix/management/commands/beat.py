"""Celery beat, once: a second one waits for the first one's end."""

import os
import threading
import time
from typing import Any

import psycopg
from django.core.management.base import BaseCommand

from polymix import embedded
from polymix.admin_roles import make_roles
from polymix.apps import make_schedules
from polymix.celery import app

LOOK_SECONDS = 5
LOCK = "SELECT pg_advisory_lock(hashtext('polymix beat'))"


class Command(BaseCommand):
    help = "Run the schedules of the database. Only one runs on one database, ever."

    def handle(self, *args: Any, **options: Any) -> None:
        # The lock lives as long as this connection, so it dies with this process.
        with psycopg.connect(embedded.database_url(), autocommit=True) as connection:
            connection.execute(LOCK)
            make_schedules()
            make_roles()
            threading.Thread(target=_end_without, args=[connection], daemon=True).start()
            app.Beat(loglevel="INFO", pidfile=None).run()


def _end_without(connection: psycopg.Connection[Any]) -> None:
    """End this process when its lock is gone: another beat may hold it by then."""
    while True:
        time.sleep(LOOK_SECONDS)
        try:
            connection.execute("SELECT 1")
        except psycopg.Error:
            os._exit(1)
