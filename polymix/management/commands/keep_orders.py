"""Look after real orders; `make up` starts it when live trading is on."""

import logging
import signal
import threading
import time
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import InterfaceError, OperationalError, connection

from markets import clock
from trading import redemption
from trading.keeping import Keeper, listen_to
from trading.reconciliation import one_alone

log = logging.getLogger("polymix.keep")

STEP_SECONDS = 0.5
REDEEM_SECONDS = 30


class Command(BaseCommand):
    help = "Hear and ask what became of real orders, redeem what was won, heed the kill switch."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.LIVE_TRADING:
            raise CommandError("Live trading is off: set LIVE_TRADING=true to have real orders.")
        stopping: list[bool] = []
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopping.append(True))
        _only_one()
        keeper = Keeper(
            now=clock.database_now,
            listen=listen_to,
        )
        redeeming = threading.Thread(target=_redeem, args=[stopping], name="redeem", daemon=True)
        redeeming.start()  # beside the rest: the chain takes its time
        while not stopping:
            try:
                keeper.step()
            except (OperationalError, InterfaceError) as problem:
                # The lock that keeps a second keeper away went with the connection.
                raise CommandError(f"The database was lost: {problem}") from problem
            time.sleep(STEP_SECONDS)
        keeper.close()


def _redeem(stopping: list[bool]) -> None:
    """Redeem what was won until the process stops; a redemption that is cut short is done again."""
    try:
        while not stopping:
            try:
                with one_alone("redemptions"):
                    redemption.redeem_due(now=clock.database_now())
            except (OperationalError, InterfaceError) as problem:
                log.warning("Redemptions wait for the database: %s", problem)
                connection.close()  # the next round opens a new one
            for _ in range(REDEEM_SECONDS):
                time.sleep(0 if stopping else 1)
    finally:
        connection.close()


def _only_one() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtext('polymix keep orders'))")
        if not cursor.fetchone()[0]:
            raise CommandError("Another keeper runs on this database. Stop it first.")
