"""Celery beat, once: a second one waits for the first one's end."""

from typing import Any

import psycopg
from django.core.management.base import BaseCommand

from polymix import embedded
from polymix.celery import app

LOCK = "SELECT pg_advisory_lock(hashtext('polymix beat'))"


class Command(BaseCommand):
    help = "Run the schedules of the database. Only one runs on one database, ever."

    def handle(self, *args: Any, **options: Any) -> None:
        # The lock lives as long as this connection, so it dies with this process.
        with psycopg.connect(embedded.database_url(), autocommit=True) as connection:
            connection.execute(LOCK)
            app.Beat(loglevel="INFO", pidfile=None).run()
