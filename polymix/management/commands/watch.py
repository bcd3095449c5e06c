"""Watch a venue's public market for the whales that are followed; `make up` starts it."""

import logging
import signal
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from accounts.limits import shared_limits
from accounts.polymarket_keys import addresses
from accounts.venues import http
from backtest import demo
from markets import catalogue, clock
from markets.models import Feed
from polymix.hands import CeleryHands
from trading.chain_feed import ChainFeed
from trading.hands import Hands, OwnHands
from trading.watching import Watch
from venues.errors import Unreadable
from venues.limits import NoLimits
from venues.listening import Listener
from venues.polymarket.chain import ChainPush, Node
from venues.polymarket.public import Public
from venues.polymarket.stream import BookPush, Push
from whales.discovery import discover

log = logging.getLogger("polymix.watch")

STEP_SECONDS = 0.5
RETRY_SECONDS = (1.0, 2.0, 5.0, 15.0, 30.0)  # after the first failure, the second, ...
READ_CATALOGUE = 60.0  # seconds between two looks into the catalogue
PAGES = 3  # of it, at each look
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
        # An exchange on this machine has no limit; the real one counts all of us together.
        limits = shared_limits() if feed.kind == Feed.Kind.LIVE else NoLimits()
        with Public(addresses(), limits=limits) as public:
            hands: Hands = OwnHands() if options["hands"] == "own" else CeleryHands()
            watch = Watch(
                feed=feed,
                public=public,
                now=clock.database_now,
                hands=hands,
                push=Push(settings.POLYMARKET_ACTIVITY_URL),
                chain=_chain(feed, public),
                books=BookPush(settings.POLYMARKET_WS_URL),
            )
            with _listening(watch):
                _keep_watching(watch, stopping)


def _keep_watching(watch: Watch, stopping: list[bool]) -> None:
    look_at = read_at = 0.0
    while not stopping:
        if time.monotonic() >= look_at:
            _until_done(lambda: _follow_the_best(watch.feed, watch.public), stopping)
            look_at = time.monotonic() + LOOK_FOR_WHALES
        if time.monotonic() >= read_at:
            _read_catalogue(watch.public)
            read_at = time.monotonic() + READ_CATALOGUE
        _until_done(watch.step, stopping)
        time.sleep(STEP_SECONDS)


@contextmanager
def _listening(watch: Watch) -> Iterator[None]:
    """Keep the pushes of a watch open meanwhile."""
    pushes: list[Listener] = [each for each in (watch.push, watch.books) if each is not None]
    if watch.chain is not None:
        pushes.append(watch.chain.push)
    for push in pushes:
        push.start()
    try:
        yield
    finally:
        for push in pushes:
            push.close()


def _chain(feed: Feed, public: Public) -> ChainFeed | None:
    """Return the chain as a feed, where a node is named that pushes."""
    if not settings.POLYGON_WS_URL:
        return None
    return ChainFeed(
        feed=feed,
        push=ChainPush(settings.POLYGON_WS_URL),
        node=Node(settings.POLYGON_RPC_URL, http=http()),
        public=public,
        now=clock.database_now,
    )


def _read_catalogue(public: Public) -> None:
    """Read on in the catalogue; what fails now is read the next time."""
    try:
        catalogue.sync(public, pages=PAGES, now=clock.database_now())
    except Unreadable as problem:
        log.warning("The catalogue cannot be read: %s", problem)


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
