"""One look at all pairs without a stream: for the command, and for the task that takes over where
the stream died.
"""

import time
from datetime import datetime, timedelta

from django.conf import settings

from accounts.limits import shared_limits
from accounts.polymarket_keys import addresses
from accounts.venues import kalshi_public
from markets import clock
from markets.models import Feed
from trading import leases, pair_views
from trading.pair_books import Books
from trading.pair_watch import LEASE, PairWatch
from venues.limits import NoLimits
from venues.polymarket.public import Public

AGAIN, LONGEST = 0.25, 45.0  # seconds between two looks at what is open, and for all of them


def is_watched(*, now: datetime) -> bool:
    """Tell whether somebody watched pairs within the last moments."""
    seen = leases.seen_at(LEASE)
    return seen is not None and now - seen < timedelta(seconds=settings.PAIR_STREAM_SECONDS)


def scan_once(*, trades: bool) -> bool:
    """Match and scan once, by reading alone; tells whether nobody else did meanwhile.

    With `trades` what has a side open is driven until it has none. Nothing is ever begun: whoever
    looks now and then is too slow for that.
    """
    feed = clock.current_feed()
    limits = NoLimits() if feed is not None and feed.kind == Feed.Kind.SANDBOX else shared_limits()
    with Public(addresses(), limits=limits) as public:
        kalshi = kalshi_public()
        books = Books(polymarket=public, kalshi=kalshi, now=clock.database_now)
        watch = PairWatch(
            polymarket=public,
            kalshi=kalshi,
            books=books,
            now=clock.database_now,
            trades=trades,
            begins=False,
        )
        ends = time.monotonic() + LONGEST
        try:
            has_lease = watch.step()
            while has_lease and trades and pair_views.open_trades(urgent=True):
                if time.monotonic() > ends:
                    break  # the next run goes on
                time.sleep(AGAIN)
                has_lease = watch.step()
            return has_lease
        finally:
            watch.close()
