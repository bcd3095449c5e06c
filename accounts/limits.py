"""The call limits that all processes of this server keep together."""

from functools import lru_cache

from django.conf import settings

from venues.buckets import Buckets, SharedBuckets
from venues.limits import Limits, SharedLimits
from venues.polymarket import limits


def shared_limits() -> Limits:
    """Return Polymarket's limits, counted in the server's Redis."""
    return _limits(
        settings.POLYMARKET_CLOB_URL,
        settings.POLYMARKET_TIER,
        per_second=settings.POLYMARKET_PER_SECOND,
        per_minute=settings.POLYMARKET_PER_MINUTE,
    )


@lru_cache(maxsize=4)
def _limits(venue: str, tier: str, *, per_second: int, per_minute: int) -> Limits:
    """Count for one address of the venue: a sandbox has limits of its own."""
    return SharedLimits(
        settings.REDIS_URL.replace("unix://", "redis+unix://", 1),
        venue=venue,
        table=limits.table(tier),
        always=limits.always(per_second=per_second, per_minute=per_minute),
        reads=limits.reads(per_second=per_second, per_minute=per_minute),
    )


@lru_cache(maxsize=8)
def shared_buckets(venue: str) -> Buckets:
    """Return Kalshi's token buckets at one of its addresses, kept in the server's Redis."""
    return SharedBuckets(settings.REDIS_URL, venue=venue)
