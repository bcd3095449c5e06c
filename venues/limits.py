"""How often a venue may be asked: one count for all processes, kept over the Redis protocol.

Only speed depends on it. When the counters cannot be reached, each process counts for itself.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import redis
from limits import RateLimitItem
from limits.errors import StorageError
from limits.storage import MemoryStorage, storage_from_string
from limits.strategies import SlidingWindowCounterRateLimiter

from venues.errors import NotSent

log = logging.getLogger(__name__)

STEP = 0.02  # seconds between two looks at a full counter
READS_WAIT = 10.0  # seconds that a read may wait for its turn
# With the counters: a Redis that does not answer must not keep an order, or a cancel, waiting.
PATIENCE: dict[str, Any] = {"socket_timeout": 0.5, "socket_connect_timeout": 0.5}
WRITES_WAIT = 2.0  # an order that waits longer has lost its price


class Limits(Protocol):
    """Counts calls before they are made."""

    def wait(self, call: str, *, signer: str = "") -> None:
        """Return when the call may be made. Raises NotSent where that would take too long."""

    def left(self, call: str, *, signer: str = "") -> float:
        """Return for how many seconds the venue asked not to be called."""

    def back_off(self, call: str, *, seconds: float, signer: str = "") -> None:
        """Let nobody, or not this signer, make the call for a while: the venue asked for that."""


class NoLimits:
    """For one process that asks little, and for tests."""

    def wait(self, call: str, *, signer: str = "") -> None:
        return

    def left(self, call: str, *, signer: str = "") -> float:
        return 0.0

    def back_off(self, call: str, *, seconds: float, signer: str = "") -> None:
        return


class Pauses:
    """What venues asked not to be called for, remembered by all processes of this server."""

    def __init__(self, counters: redis.Redis, *, venue: str) -> None:
        self._redis, self._venue = counters, venue
        self._own: dict[str, float] = {}  # what this process was asked itself

    def hold(self, what: str, *, seconds: float) -> None:
        """Remember a pause; a longer one is not cut short."""
        name, milliseconds = self._name(what), max(int(1000 * seconds), 1)
        self._own[what] = max(self._own.get(what, 0.0), time.monotonic() + seconds)
        try:
            self._redis.set(name, "1", px=milliseconds, nx=True) or (
                self._redis.pexpire(name, milliseconds, gt=True)
            )
        except redis.RedisError as problem:
            log.warning("Only this process knows of a pause: %s", type(problem).__name__)

    def left(self, what: str) -> float:
        """Return for how many seconds a pause still holds."""
        own = self._own.get(what, 0.0) - time.monotonic()
        try:
            shared = float(self._redis.pttl(self._name(what))) / 1000
        except redis.RedisError:
            shared = 0.0
        return max(own, shared, 0.0)

    def _name(self, what: str) -> str:
        return f"polymix:pause:{self._venue}:{what}"


class SharedLimits:
    """Sliding windows that all processes of this server share.

    `venue` tells the counts of one place from those of another. `table` names the windows of a
    call by its longest known beginning; `always` holds those that count every call, `reads` those
    that count reads alone and so leave room for orders. A window whose name ends in `signer` is
    kept for each signer.
    """

    def __init__(
        self,
        url: str,
        *,
        venue: str,
        table: Mapping[str, Sequence[tuple[str, RateLimitItem]]],
        always: Sequence[tuple[str, RateLimitItem]] = (),
        reads: Sequence[tuple[str, RateLimitItem]] = (),
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._shared = SlidingWindowCounterRateLimiter(
            storage_from_string(url, wrap_exceptions=True, **PATIENCE)
        )
        counters = redis.Redis.from_url(url.replace("redis+unix://", "unix://", 1), **PATIENCE)
        self._pauses = Pauses(counters, venue=venue)
        self._alone = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._venue, self._table, self._sleep = venue, table, sleep
        self._always, self._reads = always, reads
        self._is_alone = False

    def wait(self, call: str, *, signer: str = "") -> None:
        patience = READS_WAIT if call.startswith("GET ") else WRITES_WAIT
        left = patience
        self._wait_out(call, signer, patience)
        reads = self._reads if call.startswith("GET ") else ()
        for name, window in (*reads, *self._windows(call), *self._always):
            who = (name, signer) if name.endswith("signer") else (name,)
            while not self._hit(window, *who):
                if left <= 0:
                    raise NotSent(
                        f"{call} had no turn within {patience:g} s: the limit {name} is used up."
                    )
                self._sleep(STEP)
                left -= STEP

    def back_off(self, call: str, *, seconds: float, signer: str = "") -> None:
        """Remember until when nobody makes the call; a longer pause is not cut short."""
        self._pauses.hold(f"{call}:{signer}", seconds=seconds)

    def left(self, call: str, *, signer: str = "") -> float:
        """Return for how many seconds a pause of everybody, or of this signer, still holds."""
        return max(self._pauses.left(f"{call}:"), self._pauses.left(f"{call}:{signer}"))

    def _wait_out(self, call: str, signer: str, patience: float) -> None:
        left = self.left(call, signer=signer)
        if left > patience:
            raise NotSent(f"The venue asked not to be called with {call} for {left:.0f} s.")
        if left > 0:
            self._sleep(left)

    def _windows(self, call: str) -> Sequence[tuple[str, RateLimitItem]]:
        known = [beginning for beginning in self._table if call.startswith(beginning)]
        return self._table[max(known, key=len)] if known else ()

    def _hit(self, window: RateLimitItem, *who: str) -> bool:
        return self._ask(lambda strategy: strategy.hit(window, self._venue, *who))

    def _ask(self, question: Callable[[SlidingWindowCounterRateLimiter], bool]) -> bool:
        try:
            answer = question(self._shared)
        except StorageError as problem:
            if not self._is_alone:
                log.warning("Call limits are counted by each process alone: %s", problem)
            self._is_alone = True
            return question(self._alone)
        self._is_alone = False
        return answer
