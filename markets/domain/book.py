"""What a held outcome is worth now: one function for sizing, pages and API alike."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

FRESH_BID = timedelta(seconds=90)


class Basis(StrEnum):
    BID = "bid"
    LAST = "last print"
    PAYOUT = "payout"
    NONE = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    price: Decimal | None  # USD per share
    basis: Basis
    at: datetime | None

    @property
    def is_stale(self) -> bool:
        return self.basis not in (Basis.BID, Basis.PAYOUT)


def mark(
    *,
    bid: Decimal | None,
    bid_at: datetime | None,
    last: Decimal | None,
    last_at: datetime | None,
    now: datetime,
    payout: Decimal | None = None,
) -> Mark:
    """Return what it pays once that is final, else the best bid while it is fresh, else the last
    print (shown as stale).
    """
    if payout is not None:
        return Mark(price=payout, basis=Basis.PAYOUT, at=now)
    if bid is not None and bid_at is not None and now - bid_at <= FRESH_BID:
        return Mark(price=bid, basis=Basis.BID, at=bid_at)
    if last is not None:
        return Mark(price=last, basis=Basis.LAST, at=last_at)
    return Mark(price=None, basis=Basis.NONE, at=None)
