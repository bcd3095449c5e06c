"""Tell people what happened; `make up` starts it."""

import logging
import signal
import time
from typing import Any

from django.core.management.base import BaseCommand
from django.db import InterfaceError, OperationalError, connection
from django.utils import timezone

from notifications.delivery import step

log = logging.getLogger("polymix.deliver")

IDLE_SECONDS = 1.0


class Command(BaseCommand):
    help = "Deliver events to people's channels until it is stopped."

    def handle(self, *args: Any, **options: Any) -> None:
        stopping: list[bool] = []
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopping.append(True))
        while not stopping:
            try:
                sent = step(now=timezone.now())
            except (OperationalError, InterfaceError) as problem:
                log.warning("Deliveries wait for the database: %s", problem)
                connection.close()  # the next round opens a new one
                sent = 0
            if sent:
                log.info("Sent %s", sent)
            else:
                time.sleep(IDLE_SECONDS)
