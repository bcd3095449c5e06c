"""Token buckets that all processes of this server share, kept over the Redis protocol.

Only speed depends on them. When the counters cannot be reached, each process counts for itself.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import redis

from venues.errors import NotSent
from venues.limits import PATIENCE, READS_WAIT, WRITES_WAIT, Pauses

log = logging.getLogger(__name__)

SLOWEST = 0.5  # seconds between two looks at an empty bucket

# One step for all processes: refill by the server's own clock, take if all of it is there, else
# say for how long to wait. Times are in seconds, tokens may be parts.
TAKE = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local rate, capacity, cost = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local known = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens = tonumber(known[1]) or capacity
local at = tonumber(known[2]) or now
tokens = math.min(capacity, tokens + math.max(now - at, 0) * rate)
local wait = 0
if tokens >= cost then tokens = tokens - cost else wait = (cost - tokens) / rate end
redis.call('HSET', KEYS[1], 'tokens', tostring(tokens), 'at', tostring(now))
redis.call('PEXPIRE', KEYS[1], math.ceil(1000 * capacity / rate) + 1000)
return tostring(wait)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """Tokens a second, and at most."""

    name: str
    rate: float
    capacity: float


class Buckets(Protocol):
    """Takes tokens before a call is made, and remembers who asked not to be called."""

    def take(self, bucket: Bucket, cost: int, *, owner: str, is_read: bool) -> None:
        """Return when the tokens were there. Raises NotSent where that would take too long."""

    def left(self, what: str) -> float:
        """Return for how many seconds the venue asked for a pause of something."""

    def pause(self, what: str, *, seconds: float) -> None:
        """Let nobody do something for a while; a longer pause is not cut short."""


class NoBuckets:
    """For one process that asks little, and for tests."""

    def take(self, bucket: Bucket, cost: int, *, owner: str, is_read: bool) -> None:
        return

    def left(self, what: str) -> float:
        return 0.0

    def pause(self, what: str, *, seconds: float) -> None:
        return


class SharedBuckets:
    """Buckets in the server's Redis; `venue` tells those of one place from another's."""

    def __init__(
        self, url: str, *, venue: str, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._redis = redis.Redis.from_url(url, **PATIENCE)
        self._script = self._redis.register_script(TAKE)
        self._pauses = Pauses(self._redis, venue=venue)
        self._venue, self._sleep = venue, sleep
        self._alone: dict[str, tuple[float, float]] = {}  # tokens, and when
        self._lock = threading.Lock()
        self._is_alone = False

    def take(self, bucket: Bucket, cost: int, *, owner: str, is_read: bool) -> None:
        left = READS_WAIT if is_read else WRITES_WAIT
        # A call that costs more than the bucket holds would wait for ever.
        wanted = min(float(cost), bucket.capacity)
        key = f"polymix:bucket:{self._venue}:{owner}:{bucket.name}"
        while (wait := self._try(key, bucket, wanted)) > 0:
            if wait > left:
                raise NotSent(f"This account's {bucket.name} limit is used up at the venue.")
            step = min(wait, SLOWEST)
            self._sleep(step)
            left -= step

    def left(self, what: str) -> float:
        return self._pauses.left(what)

    def pause(self, what: str, *, seconds: float) -> None:
        self._pauses.hold(what, seconds=seconds)

    def _try(self, key: str, bucket: Bucket, cost: float) -> float:
        """Take the tokens, or return for how many seconds they are missing."""
        try:
            answer = self._script(keys=[key], args=[bucket.rate, bucket.capacity, cost])
        except redis.RedisError as problem:
            if not self._is_alone:
                log.warning("Each process counts its calls alone: %s", type(problem).__name__)
            self._is_alone = True
            return self._try_alone(key, bucket, cost)
        self._is_alone = False
        return float(answer)

    def _try_alone(self, key: str, bucket: Bucket, cost: float) -> float:
        now = time.monotonic()
        with self._lock:
            tokens, at = self._alone.get(key, (bucket.capacity, now))
            tokens = min(bucket.capacity, tokens + (now - at) * bucket.rate)
            wait = max((cost - tokens) / bucket.rate, 0.0)
            self._alone[key] = (tokens if wait else tokens - cost, now)
        return wait
