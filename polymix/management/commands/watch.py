"""Watch a venue's public market for the whales that are followed; `make up` starts it."""

import logging
import signal
import time
from argparse import ArgumentParser
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from backtest import demo
from markets import clock
from markets.models import Feed
from polymix.hands import CeleryHands
from trading.hands import Hands, OwnHands
from trading.watching import Watch
from venues.errors import Unreadable
from venues.polymarket.public import Addresses, Public
from venues.polymarket.stream import Push
from whales.discovery import discover

log = logging.getLogger("polymix.watch")

STEP_SECONDS = 0.5
RETRY_SECONDS = (1.0, 2.0, 5.0, 15.0, 30.0)  # after the first failure, the second, ...
LOOK_FOR_WHALES = 600.0  # seconds between two looks, while nobody worth following was found


class Command(BaseCommand):
    help = "Follow whales as they trade: read, decide, fill on paper, settle."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--feed", required=True, help="the key of the feed to keep")
        parser.add_argument("--hands", choices=["own", "celery"], default="own")

    def handle(self, *args: Any, **options: Any) -> None:
        stopping: list[bool] = []
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopping.append(True))
        feed = Feed.objects.filter(key=options["feed"]).first()
        if feed is None:
            raise CommandError(f"There is no feed {options['feed']!r}: start PolyMix with make up.")
        _check_addresses(feed)
        _only_one()
        if feed.clock_at is None:
            # What is traded while the past is read belongs to the first look after it.
            feed.clock_at = clock.database_now()
            feed.save(update_fields=["clock_at"])
        with Public(addresses()) as public:
            hands: Hands = OwnHands() if options["hands"] == "own" else CeleryHands()
            push = Push(settings.POLYMARKET_ACTIVITY_URL)
            watch = Watch(feed=feed, public=public, now=clock.database_now, hands=hands, push=push)
            push.start()
            look_at = 0.0
            while not stopping:
                if time.monotonic() >= look_at:
                    _until_done(lambda: _follow_the_best(feed, public), stopping)
                    look_at = time.monotonic() + LOOK_FOR_WHALES
                _until_done(watch.step, stopping)
                time.sleep(STEP_SECONDS)
            push.close()


def addresses() -> Addresses:
    return Addresses(
        clob=settings.POLYMARKET_CLOB_URL,
        gamma=settings.POLYMARKET_GAMMA_URL,
        data=settings.POLYMARKET_DATA_URL,
    )


def _check_addresses(feed: Feed) -> None:
    """Refuse to read a real exchange into the sandbox's feed."""
    at = addresses()
    hosts = {urlsplit(each).hostname for each in (at.clob, at.gamma, at.data)}
    if feed.kind == Feed.Kind.SANDBOX and hosts != {"127.0.0.1"}:
        raise CommandError(
            "The sandbox's feed is read from the sandbox only: start it with make up, or set "
            "POLYMARKET_CLOB_URL, POLYMARKET_GAMMA_URL and POLYMARKET_DATA_URL to its address."
        )


def _until_done(work: Callable[[], None], stopping: list[bool]) -> None:
    """Do some work; a venue that does not answer is asked again, for as long as it takes."""
    failures = 0
    while not stopping:
        try:
            work()
        except Unreadable as problem:
            if not failures:
                log.warning("Polymarket does not answer (%s); trying again", problem)
            time.sleep(RETRY_SECONDS[min(failures, len(RETRY_SECONDS) - 1)])
            failures += 1
        else:
            if failures:
                log.info("Polymarket answers again")
            return


def _follow_the_best(feed: Feed, public: Public) -> None:
    """Give the demo accounts, once, the whales with the best earned scores."""
    if feed.last_at is not None:  # when that was done: who unfollows all has chosen so
        return
    now = clock.database_now()
    log.info("Looking for whales")
    shown = [0]

    def progress(part: float) -> None:
        if int(10 * part) > shown[0]:
            shown[0] = int(10 * part)
            log.info("Read %s%% of what the leaders traded", 10 * shown[0])

    found = discover(public, now=now, progress=progress)
    followed = demo.follow_best(accounts=feed.accounts, candidates=found, now=now)
    log.info("Scored %s wallets, following %s", len(found), followed)
    if followed:
        feed.last_at = now
        feed.save(update_fields=["last_at"])


def _only_one() -> None:
    """Hold the lock that keeps a second watch from reading the same feed, until this one ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtext('polymix watch'))")
        if not cursor.fetchone()[0]:
            raise CommandError("Another watch runs on this database. Stop it first.")
