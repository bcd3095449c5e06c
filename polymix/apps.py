"""The project's own app: commands, beat schedules, system checks."""

import gc
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core import checks

from venues.polymarket.limits import TIERS

SCHEDULES = (
    # name, task, every seconds
    ("Sweep up what a crash left", "trading.tasks.sweep_up", 30),
    ("Expire approvals", "trading.tasks.expire_approvals", 10),
    ("Settle resolved markets", "trading.tasks.settle_resolved", 60),
    ("Score followed whales", "whales.tasks.score_whales", 3600),
    ("Read Kalshi's games", "markets.tasks.read_kalshi", 120),
    ("Scan pairs where their stream died", "trading.tasks.scan_arbitrage", 15),
    ("Read the leaderboard", "whales.tasks.discover_whales", 86_400),
    ("Forget old answers of the API", "api.tasks.forget_old", 86_400),
)


class PolymixConfig(AppConfig):
    name = "polymix"

    def ready(self) -> None:
        checks.register(check_live_trading)
        # What is loaded by now lives as long as the process: the collector need not walk it again.
        # A pass makes thousands of short-lived objects and hardly a cycle to look for.
        gc.freeze()
        gc.set_threshold(50_000, 20, 20)


def make_schedules() -> None:
    """Put the schedules into the database; the admin's edits stand. Safe to repeat."""
    from django_celery_beat.models import IntervalSchedule, PeriodicTask

    for name, task, seconds in SCHEDULES:
        every, _ = IntervalSchedule.objects.get_or_create(
            every=seconds, period=IntervalSchedule.SECONDS
        )
        PeriodicTask.objects.get_or_create(
            name=name, defaults={"task": task, "interval": every, "expire_seconds": seconds}
        )


def check_live_trading(**kwargs: Any) -> list[checks.CheckMessage]:
    """Say that real money is on, and refuse settings that would lose it."""
    found: list[checks.CheckMessage] = []
    if settings.POLYMARKET_TIER not in TIERS:
        found.append(
            checks.Error(
                f"POLYMARKET_TIER is {settings.POLYMARKET_TIER!r}, which is none of "
                f"{', '.join(TIERS)}.",
                hint="Leave it at standard unless Polymarket told you otherwise.",
                id="polymix.E001",
            )
        )
    return found + _real_money()


def _real_money() -> list[checks.CheckMessage]:
    """Refuse settings that would lose real money."""
    found: list[checks.CheckMessage] = []
    if settings.LIVE_TRADING:
        found.append(
            checks.Info(
                "LIVE_TRADING is true: accounts in LIVE or APPROVAL with proved keys send orders.",
                hint="manage.py doctor says which accounts those are.",
                id="polymix.I001",
            )
        )
    if settings.LIVE_TRADING and settings.DEBUG:
        found.append(
            checks.Error(
                "DEBUG and LIVE_TRADING are both true; an error page would show what is in memory, "
                "keys included.",
                hint="Set DEBUG=false where real money is.",
                id="polymix.E005",
            )
        )
    if settings.LIVE_TRADING and settings.LIVE_ORDER_LIFETIME_SECONDS < 240:
        found.append(
            checks.Error(
                f"LIVE_ORDER_LIFETIME_SECONDS is {settings.LIVE_ORDER_LIFETIME_SECONDS}; "
                "Polymarket takes no order that ends within three minutes.",
                hint="Use 240 or more.",
                id="polymix.E003",
            )
        )
    if not 0 < settings.VENUE_TIMEOUT_SECONDS <= 10:
        found.append(
            checks.Error(
                f"VENUE_TIMEOUT_SECONDS is {settings.VENUE_TIMEOUT_SECONDS}; what proves that an "
                "order never arrived relies on at most 10.",
                hint="Leave it at 10.",
                id="polymix.E004",
            )
        )
    if settings.LIVE_TRADING and not 1 <= settings.SEND_SECONDS <= 60:
        found.append(
            checks.Error(
                f"SEND_SECONDS is {settings.SEND_SECONDS}; an order is sent within seconds or not.",
                hint="Leave it at 10.",
                id="polymix.E002",
            )
        )
    return found
