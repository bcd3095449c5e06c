"""Which fills are one order of a whale, and how much of its holding a sale was."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from venues.types import Side


@dataclass(frozen=True, slots=True, kw_only=True)
class WhaleFill:
    """One stored fill of a followed whale that no signal covers yet."""

    id: int
    whale_id: int
    outcome_id: int
    market: str  # the venue's own id
    token: str
    side: Side
    transaction: str
    counter: int
    price: Decimal
    shares: Decimal
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WhaleOrder:
    """Fills that add up to one order."""

    fills: tuple[WhaleFill, ...]

    @property
    def first(self) -> WhaleFill:
        return self.fills[0]

    @property
    def shares(self) -> Decimal:
        return sum((fill.shares for fill in self.fills), Decimal(0))

    @property
    def notional(self) -> Decimal:
        return sum((fill.shares * fill.price for fill in self.fills), Decimal(0))


def group(fills: Iterable[WhaleFill], *, window: timedelta) -> list[WhaleOrder]:
    """Add up fills of one transaction, or of one token and side within `window` of the first."""
    orders: list[list[WhaleFill]] = []
    latest: dict[tuple[int, int, Side], list[WhaleFill]] = {}
    for fill in sorted(fills, key=lambda fill: (fill.at, fill.id)):
        key = (fill.whale_id, fill.outcome_id, fill.side)
        order = latest.get(key)
        if order is None or not _belongs(fill, order, window=window):
            order = latest[key] = []
            orders.append(order)
        order.append(fill)
    return [WhaleOrder(fills=tuple(order)) for order in orders]


def _belongs(fill: WhaleFill, order: Sequence[WhaleFill], *, window: timedelta) -> bool:
    same_transaction = any(fill.transaction == other.transaction for other in order)
    return same_transaction or fill.at - order[0].at <= window


def sold_fraction(*, held_before: Decimal, sold: Decimal) -> Decimal:
    """Return the part of its holding that a whale sold, 0..1.

    A tape that starts late shows sales of shares whose purchase it never saw: those count as
    everything, because selling too much is the side that ends a risk.
    """
    if held_before <= 0 or sold >= held_before:
        return Decimal(1)
    return sold / held_before
