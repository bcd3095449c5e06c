"""The sandbox's time: real, faster than real, or moved by hand."""

import time
from datetime import UTC, datetime, timedelta


class Clock:
    """Starts at a moment and runs `speed` times as fast as real time; at 0 it stands still."""

    def __init__(self, *, start: datetime | None = None, speed: float = 1.0) -> None:
        self._start = start or datetime.now(UTC)
        self._speed = speed
        self._since = time.monotonic()
        self._real = datetime.now(UTC) if speed else self._start
        self._moved = timedelta(0)

    def now(self) -> datetime:
        ran = (time.monotonic() - self._since) * self._speed
        return self._start + self._moved + timedelta(seconds=ran)

    def wall(self) -> datetime:
        """Return the time by the clocks of this machine, which clients sign with."""
        return self._real + self._moved + timedelta(seconds=time.monotonic() - self._since)

    def move(self, by: timedelta) -> None:
        """Jump ahead; time never goes back. Raises ValueError for a negative jump."""
        if by < timedelta(0):
            raise ValueError("the sandbox's clock cannot go back")
        self._moved += by


class Skewed(Clock):
    """Another clock, a fixed time ahead of it or behind."""

    def __init__(self, clock: Clock, by: timedelta) -> None:
        self._clock, self._by = clock, by

    def now(self) -> datetime:
        return self._clock.now() + self._by

    def wall(self) -> datetime:
        return self._clock.wall() + self._by

    def move(self, by: timedelta) -> None:
        self._clock.move(by)


def milliseconds(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def iso(at: datetime) -> str:
    """Return `2026-06-11T06:29:20.866753Z`."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
