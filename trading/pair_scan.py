"""One look at all pairs without a stream: for the command, and for the task that takes over where
the stream died.
"""

from datetime import datetime, timedelta

from django.conf import settings

from accounts.limits import shared_limits
from accounts.polymarket_keys import addresses
from accounts.venues import kalshi_public
from markets import clock
from markets.models import Feed
from trading import leases
from trading.pair_books import Books
from trading.pair_watch import LEASE, PairWatch
from venues.limits import NoLimits
from venues.polymarket.public import Public


def is_watched(*, now: datetime) -> bool:
    """Tell whether somebody watched pairs within the last moments."""
    seen = leases.seen_at(LEASE)
    return seen is not None and now - seen < timedelta(seconds=settings.PAIR_STREAM_SECONDS)


def scan_once(*, trades: bool) -> bool:
    """Match, scan and drive once, by reading alone; tells whether nobody else did meanwhile.

    Without `trades` nothing is begun, and nothing that is open is touched.
    """
    feed = clock.current_feed()
    limits = NoLimits() if feed is not None and feed.kind == Feed.Kind.SANDBOX else shared_limits()
    with Public(addresses(), limits=limits) as public:
        kalshi = kalshi_public()
        books = Books(polymarket=public, kalshi=kalshi, now=clock.database_now)
        watch = PairWatch(
            polymarket=public, kalshi=kalshi, books=books, now=clock.database_now, trades=trades
        )
        try:
            return watch.step()
        finally:
            watch.close()
