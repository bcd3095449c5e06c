"""Limits on calls, counted in Redis in one step: they hold whatever arrives at once."""

import time
from functools import lru_cache
from typing import Any

from django.conf import settings
from limits import RateLimitItem, parse
from limits.storage import RedisStorage, storage_from_string
from limits.strategies import FixedWindowRateLimiter
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle


class Throttle(BaseThrottle):
    """So many reads and writes a minute for a person, and few sign-ins for an address."""

    def __init__(self) -> None:
        self._wait: float | None = None

    def allow_request(self, request: Request, view: Any) -> bool:
        """Count this call; tells whether it may go on."""
        who, rate = self._of(request, view)
        allowed = _limiter().hit(rate, "api", who)
        if not allowed:
            stats = _limiter().get_window_stats(rate, "api", who)
            self._wait = max(stats.reset_time - time.time(), 1.0)
        return allowed

    def wait(self) -> float | None:
        return self._wait

    def _of(self, request: Request, view: Any) -> tuple[str, RateLimitItem]:
        if getattr(view, "signs_in", False) or not request.user.is_authenticated:
            return f"address.{self.get_ident(request)}", parse(settings.API_SIGN_INS)
        kind = "reads" if request.method in ("GET", "HEAD", "OPTIONS") else "writes"
        rate = settings.API_READS if kind == "reads" else settings.API_WRITES
        return f"{kind}.{request.user.pk}", parse(rate)


@lru_cache(maxsize=1)
def _limiter() -> FixedWindowRateLimiter:
    storage = storage_from_string(settings.REDIS_URL.replace("unix://", "redis+unix://", 1))
    assert isinstance(storage, RedisStorage)
    return FixedWindowRateLimiter(storage)
