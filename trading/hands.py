"""Who does the work that falls due: the process that reads the feed, or the Celery workers."""

from datetime import datetime
from typing import Protocol

from trading import copying, sending, settlement


class Hands(Protocol):
    """Who does the work that is due: this process, or the Celery workers."""

    own: bool  # done when the call returns

    def copy(self, signal_id: int, *, now: datetime) -> bool:
        """Copy one signal; returns whether there may be new orders."""
        ...

    def settle(self, *, now: datetime) -> None: ...


class OwnHands:
    """Do it here and now."""

    own = True

    def copy(self, signal_id: int, *, now: datetime) -> bool:
        made = copying.copy_signal(signal_id=signal_id, now=now)
        sending.submit(order_ids=made, now=now)
        return bool(made)

    def settle(self, *, now: datetime) -> None:
        settlement.settle_due(now=now)
