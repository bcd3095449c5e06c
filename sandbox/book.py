"""One order book by price, then time. Both venues quote a market on its first outcome's price, so
that buying the other outcome at p is selling the first one at 1 - p.
"""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from sortedcontainers import SortedDict

ZERO = Decimal(0)


class Side(StrEnum):
    BID = "bid"
    ASK = "ask"

    @property
    def other(self) -> "Side":
        return Side.ASK if self is Side.BID else Side.BID


@dataclass(slots=True, kw_only=True)
class Resting:
    """An order, or the rest of one, that waits in the book."""

    order_id: str
    owner: str
    side: Side
    price: Decimal  # USD per share of the first outcome
    remaining: Decimal  # shares


Level = OrderedDict[str, Resting]


class Book:
    """Resting orders of one market."""

    def __init__(self) -> None:
        self._sides: dict[Side, SortedDict[Decimal, Level]] = {
            Side.BID: SortedDict(),
            Side.ASK: SortedDict(),
        }
        self._orders: dict[str, Resting] = {}

    def __contains__(self, order_id: str) -> bool:
        return order_id in self._orders

    def __iter__(self) -> Iterator[Resting]:
        return iter(list(self._orders.values()))

    def get(self, order_id: str) -> Resting | None:
        return self._orders.get(order_id)

    def add(self, resting: Resting) -> None:
        """Put an order behind all others of its price."""
        level = self._sides[resting.side].setdefault(resting.price, OrderedDict())
        level[resting.order_id] = resting
        self._orders[resting.order_id] = resting

    def remove(self, order_id: str) -> Resting | None:
        resting = self._orders.pop(order_id, None)
        if resting is not None:
            levels = self._sides[resting.side]
            level = levels[resting.price]
            del level[order_id]
            if not level:
                del levels[resting.price]
        return resting

    def take(self, order_id: str, shares: Decimal) -> None:
        """Take shares off a resting order, which keeps its place, or leaves when none are left."""
        resting = self._orders[order_id]
        resting.remaining -= shares
        if resting.remaining <= 0:
            self.remove(order_id)

    def best(self, side: Side) -> Decimal | None:
        levels = self._sides[side]
        if not levels:
            return None
        price: Decimal = levels.peekitem(-1 if side is Side.BID else 0)[0]
        return price

    def crossing(self, side: Side, limit: Decimal) -> Iterator[Resting]:
        """Yield what an order of this side and limit meets, best price first, then oldest first."""
        levels = self._sides[side.other]
        prices = list(levels) if side is Side.BID else list(reversed(levels))
        for price in prices:
            if (price > limit) if side is Side.BID else (price < limit):
                return
            yield from list(levels.get(price, {}).values())

    def levels(self, side: Side) -> list[tuple[Decimal, Decimal]]:
        """Return (price, shares) of a side, by rising price."""
        return [
            (price, sum((each.remaining for each in level.values()), ZERO))
            for price, level in self._sides[side].items()
        ]
