"""Say what is wrong with this server, why it matters, and the fix."""

import json
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import redis
from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Sum

from markets import clock
from markets.models import Feed
from markets.queries import snapshot
from notifications.delivery import NOT_NEWS
from notifications.models import Channel, Event
from polymix import live_checks
from polymix.celery import app
from polymix.findings import Finding
from risk.models import RiskState
from trading.models import Order
from trading.summary import ledger_sums, unbalanced_entries
from venues.words import duration
from whales.models import Follow
from whales.queries import all_assumed

SKEW_SECONDS = 2.0
FEED_SECONDS = 30.0
UNTOLD = timedelta(minutes=1)  # after which an event should have been planned


class Command(BaseCommand):
    help = "Check database, queue, clock, feed and books; every problem comes with its fix."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON document only")

    def handle(self, *args: Any, **options: Any) -> None:
        found = [finding for check in CHECKS for finding in _run(check)]
        if options["json"]:
            self.stdout.write(json.dumps([asdict(finding) for finding in found]))
        else:
            bad = [finding for finding in found if not finding.ok]
            self.stdout.write(f"{len(bad)} to fix, {len(found) - len(bad)} fine")
            for finding in sorted(found, key=lambda each: each.ok):
                self.stdout.write(f"{'ok' if finding.ok else '!!'} {finding.name}: {finding.says}")
                if finding.fix and not finding.ok:
                    self.stdout.write(f"   Fix: {finding.fix}")
        if any(not finding.ok for finding in found):
            raise SystemExit(1)


def _run(check: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """A check that cannot run is a finding, not a crash: the next ones still run."""
    try:
        yield from check()
    except Exception as error:
        name = check.__name__.strip("_").replace("_", " ")
        yield Finding(name=name, ok=False, says=f"could not be checked: {error}", fix="See above.")


def _database() -> Iterator[Finding]:
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        version = cursor.fetchone()[0]
    executor = MigrationExecutor(connection)
    waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    yield Finding(
        name="database",
        ok=not waiting,
        says=f"PostgreSQL {version}, {len(waiting)} migrations wait",
        fix="Run: manage.py migrate",
    )


def _queue() -> Iterator[Finding]:
    redis.Redis.from_url(settings.REDIS_URL).ping()
    workers = app.control.inspect(timeout=1.0).ping() or {}
    yield Finding(
        name="queue",
        ok=bool(workers),
        says=f"answers, {len(workers)} workers listen",
        fix="Start PolyMix: make up. Until then nothing is decided.",
    )


def _clock() -> Iterator[Finding]:
    skew = abs((clock.database_now() - datetime.now(UTC)).total_seconds())
    yield Finding(
        name="clock",
        ok=skew < SKEW_SECONDS,
        says=f"this machine and the database differ by {skew:.1f} s",
        fix="Switch time synchronisation on.",
    )


def _feed() -> Iterator[Finding]:
    feed = clock.current_feed()
    if feed is None:
        yield Finding(name="feed", ok=False, says="none", fix="Start one: make up")
        return
    silent = clock.database_now() - feed.seen_at
    done = feed.state == Feed.State.DONE
    log = "replay" if feed.kind == Feed.Kind.RECORDING else "watch"
    yield Finding(
        name="feed",
        ok=done or silent.total_seconds() < FEED_SECONDS,
        says=f"{feed.name}, {'at its end' if done else f'last heard {duration(silent)} ago'}",
        fix=f"Look at .polymix/log/{log}.log, or start again: make up",
    )


def _mode() -> Iterator[Finding]:
    says = "ON" if settings.LIVE_TRADING else "OFF: paper only"
    yield Finding(name="live trading", ok=True, says=says)
    follows = Follow.objects.count()
    note = ", all on assumed figures" if follows and all_assumed() else ""
    yield Finding(name="follows", ok=True, says=f"{follows}{note}")


def _books() -> Iterator[Finding]:
    with snapshot():  # orders are filled meanwhile
        wrong = unbalanced_entries() + sum(_differs(state) for state in RiskState.objects.all())
    yield Finding(
        name="books",
        ok=not wrong,
        says=f"{wrong} differences between ledger and accounts",
        fix="Stop trading and report this: it must not happen.",
    )
    doubt = Order.objects.filter(state__in=["UNKNOWN", "MANUAL"]).count()
    yield Finding(
        name="orders in doubt",
        ok=not doubt,
        says=str(doubt),
        fix="UNKNOWN ones wait for evidence; of MANUAL ones the admin lets you say what is true.",
    )


def _differs(state: RiskState) -> bool:
    books = ledger_sums(state.account_id)
    held = state.account.reservations.filter(state="HELD").aggregate(t=Sum("amount"))["t"] or 0
    # The day's count is of copies: the legs of pairs are bought without a signal.
    copied = state.account.decisions.filter(accepted=True, side="BUY", signal__isnull=False)
    today = copied.filter(at__gte=state.day) if state.day else copied.none()
    return (books["CASH"], books["POSITIONS"], held, today.count()) != (
        state.cash,
        state.committed,
        state.reserved,
        state.day_copies,
    )


def _messages() -> Iterator[Finding]:
    now = datetime.now(UTC)
    failing = Channel.objects.filter(removed_at=None, failing_since__isnull=False)
    late = Event.objects.filter(planned_at=None, at__lt=now - UNTOLD, at__gt=now - NOT_NEWS).count()
    names = ", ".join(f"{each.user} {each.name}" for each in failing.select_related("user")[:5])
    yield Finding(
        name="notifications",
        ok=not late and not names,
        says=f"{late} events wait to be told; channels that fail: {names or 'none'}",
        fix="Start PolyMix: make up, or look at .polymix/log/deliver.log; test the channel on its "
        "owner's Notifications page.",
    )


CHECKS = (_database, _queue, _clock, _feed, _mode, _books, _messages, *live_checks.CHECKS)
