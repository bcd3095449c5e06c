"""Watch both venues for pairs of games that cost less than they pay; `make up` starts it."""

import logging
import signal
import time
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from accounts import kalshi_keys
from accounts.limits import shared_limits
from accounts.models import VenueCredential
from accounts.polymarket_keys import addresses
from accounts.vault import VaultClosed
from accounts.venues import kalshi_public, wall_clock
from markets import clock
from markets.models import Feed
from trading.pair_books import Books
from trading.pair_watch import PairWatch
from venues.errors import Unreadable
from venues.kalshi.stream import BookPush as KalshiPush
from venues.limits import NoLimits
from venues.polymarket.public import Public
from venues.polymarket.stream import BookPush

log = logging.getLogger("polymix.pairs")

STEP_SECONDS = 0.25
RETRY_SECONDS = 5.0


class Command(BaseCommand):
    help = "Match games of both venues, scan their books, and trade pairs for every account."

    def handle(self, *args: Any, **options: Any) -> None:
        stopping: list[bool] = []
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopping.append(True))
        check_addresses()
        feed = clock.current_feed()
        live = feed is None or feed.kind == Feed.Kind.LIVE
        with ExitStack() as stack:
            public = stack.enter_context(
                Public(addresses(), limits=shared_limits() if live else NoLimits())
            )
            ours, theirs = BookPush(settings.POLYMARKET_WS_URL), kalshi_push()
            for push in (ours, theirs):
                if push is not None:
                    push.start()
                    stack.callback(push.close)
            books = Books(
                polymarket=public,
                kalshi=kalshi_public(),
                now=clock.database_now,
                polymarket_push=ours,
                kalshi_push=theirs,
            )
            watch = PairWatch(
                polymarket=public, kalshi=kalshi_public(), books=books, now=clock.database_now
            )
            _keep_watching(watch, stopping)
            watch.close()


def _keep_watching(watch: PairWatch, stopping: list[bool]) -> None:
    while not stopping:
        try:
            has_lease = watch.step()
        except Unreadable as problem:
            log.warning("A venue does not answer (%s); trying again", problem)
            time.sleep(RETRY_SECONDS)
            continue
        time.sleep(STEP_SECONDS if has_lease else 2.0)


def kalshi_push() -> KalshiPush | None:
    """Return Kalshi's stream of books, where some account has a key that proved itself."""
    found = VenueCredential.objects.filter(
        venue=kalshi_keys.VENUE,
        environment=kalshi_keys.PRODUCTION,
        removed_at__isnull=True,
        verified_at__isnull=False,
    ).first()
    if found is None:
        log.info("No Kalshi key is here: its books are read twice a second instead of pushed")
        return None
    try:
        keys = kalshi_keys.keys_of(found)
    except VaultClosed as problem:
        log.error("Kalshi's key does not open: %s", problem)
        return None
    url = kalshi_keys.url_of(kalshi_keys.PRODUCTION)
    return KalshiPush(
        kalshi_keys.ws_url_of(kalshi_keys.PRODUCTION),
        keys=keys,
        now=wall_clock,
        clock=kalshi_keys.clock_of(url),
    )


def check_addresses() -> None:
    """Refuse to mix invented exchanges with real ones, and to trade by a recording's clock."""
    feed = clock.current_feed()
    if feed is None:
        return
    if feed.kind == Feed.Kind.RECORDING:
        raise CommandError("What runs is a recording, which has no books of two venues.")
    at = addresses()
    hosts = {urlsplit(each).hostname for each in (at.clob, at.gamma, settings.KALSHI_URL)}
    if feed.kind == Feed.Kind.SANDBOX and hosts != {"127.0.0.1"}:
        raise CommandError(
            "The sandbox's pairs are watched on the sandbox only: start it with make up, or set "
            "POLYMARKET_CLOB_URL, POLYMARKET_GAMMA_URL and KALSHI_URL to its addresses."
        )
