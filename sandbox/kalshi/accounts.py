"""What the exchange knows of its members: cash on each shard, positions, orders, fills."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sandbox.book import Side

ZERO, ONE = Decimal(0), Decimal(1)


class OrderStatus(StrEnum):
    RESTING = "resting"
    CANCELED = "canceled"
    EXECUTED = "executed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """A match, as everybody sees it."""

    trade_id: str
    ticker: str
    count: Decimal
    price: Decimal  # of YES
    taker: Side
    at: datetime


@dataclass(slots=True, kw_only=True)
class Order:
    """A member's order, for as long as anybody asks."""

    order_id: str
    user_id: str
    client_order_id: str
    ticker: str
    shard: int
    side: Side
    price: Decimal  # of YES, USD
    initial: Decimal
    remaining: Decimal
    created_at: datetime
    updated_at: datetime
    stp: str
    expires_at: datetime | None = None
    cancel_on_pause: bool = False
    status: OrderStatus = OrderStatus.RESTING
    filled: Decimal = ZERO
    taker_cost: Decimal = ZERO
    maker_cost: Decimal = ZERO
    taker_fees: Decimal = ZERO
    maker_fees: Decimal = ZERO
    overpaid: Decimal = ZERO  # by rounding, given back in whole steps
    history: list[tuple[datetime, dict[str, Any]]] = field(default_factory=list)

    def unit_cost(self, price: Decimal) -> Decimal:
        """Return what a contract costs this side at a YES price."""
        return price if self.side is Side.BID else ONE - price

    def book(self, trade: Trade, *, fee: Decimal, taker: bool) -> None:
        """Take a trade's contracts off what remains, and add up what it cost."""
        self.remaining -= trade.count
        self.filled += trade.count
        cost = trade.count * self.unit_cost(trade.price)
        if taker:
            self.taker_cost += cost
            self.taker_fees += fee
        else:
            self.maker_cost += cost
            self.maker_fees += fee
        if not self.remaining:
            self.status = OrderStatus.EXECUTED


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    fill_id: str
    order_id: str
    client_order_id: str
    ticker: str
    shard: int
    side: Side
    count: Decimal
    price: Decimal  # of YES
    fee: Decimal
    taker: bool
    at: datetime


@dataclass(slots=True, kw_only=True)
class Position:
    """Contracts of one market: positive are YES, negative are NO."""

    count: Decimal = ZERO
    cost: Decimal = ZERO  # of what is held
    realised: Decimal = ZERO
    fees: Decimal = ZERO
    traded: Decimal = ZERO
    yes_count: Decimal = ZERO  # gross, over the market's life
    no_count: Decimal = ZERO
    yes_cost: Decimal = ZERO
    no_cost: Decimal = ZERO
    updated_at: datetime | None = None

    def trade(self, side: Side, *, count: Decimal, price: Decimal) -> Decimal:
        """Buy YES (a bid) or NO (an ask) at a YES price; returns the change of cash.

        A YES and a NO of one market pay a dollar at once.
        """
        unit = price if side is Side.BID else ONE - price
        signed = count if side is Side.BID else -count
        self._gross(side, count, unit)
        closing = min(count, abs(self.count)) if self.count * signed < 0 else ZERO
        if closing:
            basis = self.cost * closing / abs(self.count)
            self.realised += closing * (ONE - unit) - basis
            self.cost -= basis
        self.cost += (count - closing) * unit
        self.count += signed
        self.traded += count * unit
        return closing - count * unit

    def _gross(self, side: Side, count: Decimal, unit: Decimal) -> None:
        if side is Side.BID:
            self.yes_count += count
            self.yes_cost += count * unit
        else:
            self.no_count += count
            self.no_cost += count * unit


@dataclass(slots=True, kw_only=True)
class Move:
    """Cash on its way from one shard to another: it leaves at once, and arrives."""

    transfer_id: str
    client_id: str
    amount: Decimal
    source: int
    destination: int
    at: datetime
    is_complete: bool = False


@dataclass(slots=True, kw_only=True)
class Member:
    """One account with its cash by shard."""

    user_id: str
    cash: dict[int, Decimal] = field(default_factory=dict)
    positions: dict[str, Position] = field(default_factory=lambda: defaultdict(Position))
    orders: dict[str, Order] = field(default_factory=dict)
    open: dict[str, Order] = field(default_factory=dict)  # may still hold what has just ended
    fills: list[Fill] = field(default_factory=list)
    settlements: list[dict[str, Any]] = field(default_factory=list)
    client_ids: set[str] = field(default_factory=set)  # burned for ever
    moves: list[Move] = field(default_factory=list)
    invented: bool = False  # quotes or bets on its own; scripts of faults do not count it

    def take(self, order: Order) -> None:
        """Keep a new order."""
        self.orders[order.order_id] = self.open[order.order_id] = order

    def resting(self, *, shard: int | None = None) -> list[Order]:
        for order_id in [
            each.order_id for each in self.open.values() if each.status is not OrderStatus.RESTING
        ]:
            del self.open[order_id]
        return [order for order in self.open.values() if shard in (None, order.shard)]
