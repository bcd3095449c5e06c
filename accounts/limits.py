"""The call limits that all processes of this server keep together."""

from functools import lru_cache

from django.conf import settings

from venues.limits import Limits, SharedLimits
from venues.polymarket import limits


@lru_cache(maxsize=1)
def shared_limits() -> Limits:
    """Return Polymarket's limits, counted in the server's Redis."""
    return SharedLimits(
        settings.REDIS_URL.replace("unix://", "redis+unix://", 1),
        table=limits.table(settings.POLYMARKET_TIER),
        always=limits.always(
            per_second=settings.POLYMARKET_PER_SECOND, per_minute=settings.POLYMARKET_PER_MINUTE
        ),
    )
