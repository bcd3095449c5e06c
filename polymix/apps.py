"""The project's own app: commands, beat schedules, system checks."""

import gc
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core import checks
from django.db.models.signals import post_migrate

SCHEDULES = (
    # name, task, every seconds
    ("Sweep up what a crash left", "trading.tasks.sweep_up", 30),
    ("Expire approvals", "trading.tasks.expire_approvals", 10),
    ("Settle resolved markets", "trading.tasks.settle_resolved", 60),
    ("Score followed whales", "whales.tasks.score_whales", 3600),
)


class PolymixConfig(AppConfig):
    name = "polymix"

    def ready(self) -> None:
        checks.register(check_live_trading)
        post_migrate.connect(make_schedules, sender=self)
        # What is loaded by now lives as long as the process: the collector need not walk it again.
        # A pass makes thousands of short-lived objects and hardly a cycle to look for.
        gc.freeze()
        gc.set_threshold(50_000, 20, 20)


def make_schedules(**kwargs: Any) -> None:
    """Put the schedules into the database once; from then on the admin's edits stand."""
    from django_celery_beat.models import IntervalSchedule, PeriodicTask

    for name, task, seconds in SCHEDULES:
        every, _ = IntervalSchedule.objects.get_or_create(
            every=seconds, period=IntervalSchedule.SECONDS
        )
        PeriodicTask.objects.get_or_create(
            name=name, defaults={"task": task, "interval": every, "expire_seconds": seconds}
        )


def check_live_trading(**kwargs: Any) -> list[checks.CheckMessage]:
    """Warn when real money is on, because no live venue is connected in this version."""
    if not settings.LIVE_TRADING:
        return []
    return [
        checks.Info(
            "LIVE_TRADING is true, but no live venue is connected: every live order is refused.",
            hint="Leave it false until credentials can be stored.",
            id="polymix.I001",
        )
    ]
