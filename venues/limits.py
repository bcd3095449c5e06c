"""How often a venue may be asked: one count for all processes, kept over the Redis protocol.

Only speed depends on it. When the counters cannot be reached, each process counts for itself.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from limits import RateLimitItem, RateLimitItemPerSecond
from limits.errors import StorageError
from limits.storage import MemoryStorage, storage_from_string
from limits.strategies import SlidingWindowCounterRateLimiter

from venues.errors import NotSent

log = logging.getLogger(__name__)

STEP = 0.02  # seconds between two looks at a full counter
READS_WAIT = 10.0  # seconds that a read may wait for its turn
WRITES_WAIT = 2.0  # an order that waits longer has lost its price


class Limits(Protocol):
    """Counts calls before they are made."""

    def wait(self, call: str, *, signer: str = "") -> None:
        """Return when the call may be made. Raises NotSent where that would take too long."""

    def back_off(self, call: str, *, seconds: float) -> None:
        """Let nobody make the call for a while: the venue has just asked for that."""


class NoLimits:
    """For one process that asks little, and for tests."""

    def wait(self, call: str, *, signer: str = "") -> None:
        return

    def back_off(self, call: str, *, seconds: float) -> None:
        return


class SharedLimits:
    """Sliding windows that all processes of this server share.

    `venue` tells the counts of one place from those of another. `table` names the windows of a
    call by its longest known beginning; `always` holds those that count every call. A window whose
    name ends in `signer` is kept for each signer.
    """

    def __init__(
        self,
        url: str,
        *,
        venue: str,
        table: Mapping[str, Sequence[tuple[str, RateLimitItem]]],
        always: Sequence[tuple[str, RateLimitItem]] = (),
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._shared = SlidingWindowCounterRateLimiter(
            storage_from_string(url, wrap_exceptions=True)
        )
        self._alone = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._venue, self._table, self._always, self._sleep = venue, table, always, sleep
        self._is_alone = False

    def wait(self, call: str, *, signer: str = "") -> None:
        patience = READS_WAIT if call.startswith("GET ") else WRITES_WAIT
        left = patience
        self._wait_out(call, patience)
        for name, window in (*self._always, *self._windows(call)):
            who = (name, signer) if name.endswith("signer") else (name,)
            while not self._hit(window, *who):
                if left <= 0:
                    raise NotSent(
                        f"{call} had no turn within {patience:g} s: the limit {name} is used up."
                    )
                self._sleep(STEP)
                left -= STEP

    def back_off(self, call: str, *, seconds: float) -> None:
        """Remember a pause as a full window of its length."""
        self._hit(_pause(seconds), "pause", call)

    def _wait_out(self, call: str, patience: float) -> None:
        for seconds in PAUSES:
            window = _pause(seconds)
            if self._test(window, "pause", call):
                continue
            if seconds > patience:
                raise NotSent(f"The venue asked not to be called with {call} for now.")
            self._sleep(seconds)

    def _windows(self, call: str) -> Sequence[tuple[str, RateLimitItem]]:
        known = [beginning for beginning in self._table if call.startswith(beginning)]
        return self._table[max(known, key=len)] if known else ()

    def _hit(self, window: RateLimitItem, *who: str) -> bool:
        return self._ask(lambda strategy: strategy.hit(window, self._venue, *who))

    def _test(self, window: RateLimitItem, *who: str) -> bool:
        return self._ask(lambda strategy: strategy.test(window, self._venue, *who))

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


PAUSES = (1, 5, 30, 90, 300, 600)  # seconds; what a venue asks for is rounded up to one of them


def _pause(seconds: float) -> RateLimitItem:
    """Return the window that one call fills for so long."""
    length = next((each for each in PAUSES if seconds <= each), PAUSES[-1])
    return RateLimitItemPerSecond(1, length, namespace="POLYMIX-PAUSE")
