"""The authoritative books of Kalshi: every order, fill and cent, by the exchange's own rules."""

import uuid
from collections.abc import Container
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from sandbox.book import Resting, Side
from sandbox.kalshi import checks, refusals, wire
from sandbox.kalshi.accounts import Member, Move, Order, OrderStatus, Trade
from sandbox.kalshi.collateral import affords, free_cash
from sandbox.kalshi.listing import Event, FeeChange, Market, Series, Status
from sandbox.kalshi.matching import match
from sandbox.log import EventLog

ZERO, ONE, HUNDREDTH = Decimal(0), Decimal(1), Decimal("0.01")
NAMESPACE = uuid.UUID("5ca1ab1e-0000-4000-8000-000000000000")


@dataclass(frozen=True, slots=True, kw_only=True)
class Placing:
    """A checked request to place an order; prices are of YES."""

    ticker: str
    side: Side
    count: Decimal
    price: Decimal
    time_in_force: str
    stp: str = "taker_at_cross"
    client_order_id: str = ""
    expires_at: datetime | None = None
    post_only: bool = False
    reduce_only: bool = False
    cancel_on_pause: bool = False
    shard: int | None = None  # None: found by the ticker


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Where the exchange's behaviour is not certain, or is bent on purpose."""

    dedup: str = "burned"  # or "open_only": only open orders make a client id a duplicate
    read_lag: timedelta = timedelta(0)  # how far reads of one's own orders lag behind writes
    transfer_time: timedelta = timedelta(0)  # for which cash is between two shards
    partial: Container[int] = frozenset()  # numbers of orders that take half of what they want
    maintenance: bool = True  # Thursday from 3 to 5 in New York nothing trades


class Exchange:
    """Kalshi's state. Every method takes the time; refusals are raised as `refusals.Refusal`."""

    def __init__(self, log: EventLog, *, rules: Rules | None = None, epoch: str = "") -> None:
        self.log = log
        self.epoch = epoch  # tells the ids of one start from those of another
        self.rules = rules or Rules()
        self.series: dict[str, Series] = {}
        self.events: dict[str, Event] = {}
        self.markets: dict[str, Market] = {}
        self.members: dict[str, Member] = {}
        self.trades: list[Trade] = []
        self.fee_changes: list[FeeChange] = []  # that were made, or will be
        self.in_force: set[str] = set()  # ids of those that were made
        self.paused: set[int] = set()  # shards on which nothing trades
        self.down: set[int] = set()  # shards that do not run at all
        self.in_maintenance = False
        self._count = 0
        self._placed = 0  # orders of members that are not invented

    # Listing and members

    def list_market(self, market: Market) -> None:
        self.series.setdefault(market.event.series.ticker, market.event.series)
        self.events.setdefault(market.event.ticker, market.event)
        self.markets[market.ticker] = market

    def open_member(self, user_id: str, *, cash: dict[int, Decimal]) -> Member:
        member = self.members[user_id] = Member(user_id=user_id, cash=dict(cash))
        return member

    def market(self, ticker: str, *, shard: int | None = None) -> Market:
        """Return a market; a wrong shard hosts no such market."""
        market = self.markets.get(ticker)
        if market is None or shard not in (None, -1, market.shard):
            raise refusals.market_not_found()
        return market

    # Orders

    def place(self, user_id: str, asked: Placing, *, now: datetime) -> Order:
        """Match an order against the book and let the rest wait, if it may."""
        member, market = self.members[user_id], self.market(asked.ticker, shard=asked.shard)
        checks.trading(self, market)
        checks.client_id(self, member, asked.client_order_id)
        if not market.on_grid(asked.price):
            raise refusals.invalid_price()
        order = self._new_order(member, market, asked, now=now)
        if asked.reduce_only:
            order.initial = order.remaining = checks.room_to_reduce(member, asked)
        # The house has money without end, and too many orders to count at each of them.
        if not member.invented and not affords(self.markets, member, order):
            raise refusals.insufficient_balance()
        most = self._most(member, order)
        checks.crossing(self, market, order, asked, most=most)
        self._placed += not member.invented
        member.client_ids.add(order.client_order_id)
        member.take(order)
        self.log.write(
            "kalshi.accepted",
            now,
            user=user_id,
            order=order.order_id,
            client_order_id=order.client_order_id,
            ticker=order.ticker,
            side=order.side,
            price=order.price,
            count=order.initial,
        )
        crossed_self = match(self, market, order, now=now, most=most)
        if most < asked.count:
            crossed_self |= self._someone_was_faster(market, order, now=now)
        if order.remaining and not crossed_self and asked.time_in_force == "good_till_canceled":
            market.book.add(
                Resting(
                    order_id=order.order_id,
                    owner=user_id,
                    side=order.side,
                    price=order.price,
                    remaining=order.remaining,
                )
            )
        elif order.remaining:
            self.end(order, now=now, why="SelfTradeCancel" if crossed_self else "")
        self.remember(order, now=now)
        return order

    def cancel(self, user_id: str, order_id: str, *, now: datetime) -> Decimal:
        """Take a resting order back; returns how many contracts that were."""
        order = self._resting(user_id, order_id)
        market = self.markets[order.ticker]
        if market.status is not Status.ACTIVE:
            raise refusals.market_not_active()
        reduced = order.remaining
        self.end(order, now=now, why="UserCancel")
        return reduced

    def decrease(
        self, user_id: str, order_id: str, *, by: Decimal | None, to: Decimal | None, now: datetime
    ) -> Order:
        """Make a resting order smaller; it keeps its place."""
        order = self._resting(user_id, order_id)
        target = to if to is not None else order.remaining - (by or ZERO)
        if target < 0 or target > order.remaining:
            raise refusals.nested(400, "invalid_parameters")
        if target == 0:
            self.end(order, now=now, why="Decrease")
            return order
        self.markets[order.ticker].book.take(order_id, order.remaining - target)
        order.remaining = target
        self.remember(order, now=now)
        return order

    def amend(
        self,
        user_id: str,
        order_id: str,
        *,
        price: Decimal,
        count: Decimal,
        client_id: str,
        now: datetime,
    ) -> Order:
        """Change price and size (`count` counts what is filled too); the order may match at once.

        It keeps its place only when it just gets smaller.
        """
        order = self._resting(user_id, order_id)
        market = self.markets[order.ticker]
        checks.trading(self, market)
        wanted = count - order.filled
        if wanted <= 0 or not market.on_grid(price):
            raise refusals.invalid_price() if wanted > 0 else refusals.nested(400, "invalid_count")
        if client_id:
            checks.client_id(self, self.members[user_id], client_id)
        if price == order.price and wanted <= order.remaining:
            return self.decrease(user_id, order_id, by=None, to=wanted, now=now)
        before = (order.price, order.remaining)
        order.price, order.remaining = price, wanted
        member = self.members[user_id]
        if not affords(self.markets, member, order):
            order.price, order.remaining = before
            raise refusals.insufficient_balance()
        market.book.remove(order_id)
        order.initial = order.filled + wanted
        order.client_order_id = client_id or order.client_order_id
        member.client_ids.add(order.client_order_id)
        match(self, market, order, now=now, most=order.remaining)
        if order.remaining:
            market.book.add(
                Resting(
                    order_id=order_id,
                    owner=user_id,
                    side=order.side,
                    price=price,
                    remaining=order.remaining,
                )
            )
        self.remember(order, now=now)
        return order

    # Money

    def transfer(
        self,
        user_id: str,
        *,
        key: str,
        amount: Decimal,
        source: int,
        destination: int,
        now: datetime,
    ) -> str:
        """Move cash from shard to shard; a key works once."""
        member = self.members[user_id]
        if key and any(each.client_id == key for each in member.moves):
            raise refusals.nested(409, "transfer_already_exists")
        if amount <= 0 or amount > free_cash(self.markets, member, source):
            raise refusals.insufficient_balance()
        member.cash[source] -= amount
        move = Move(
            transfer_id=self.new_id("transfer"),
            client_id=key,
            amount=amount,
            source=source,
            destination=destination,
            at=now,
        )
        member.moves.append(move)
        self.finish_moves(now=now)
        self.log.write(
            "kalshi.moved", now, user=user_id, amount=amount, source=source, destination=destination
        )
        return move.transfer_id

    def finish_moves(self, *, now: datetime) -> None:
        """Let cash arrive that has been on its way for long enough."""
        for member in self.members.values():
            for each in member.moves:
                if not each.is_complete and now >= each.at + self.rules.transfer_time:
                    each.is_complete = True
                    cash = member.cash.get(each.destination, ZERO)
                    member.cash[each.destination] = cash + each.amount

    # Inside

    def _most(self, member: Member, order: Order) -> Decimal:
        """Return how many contracts an order may take: all it wants, unless rules are bent."""
        if member.invented or self._placed + 1 not in self.rules.partial:
            return order.remaining
        return (order.remaining / 2).quantize(HUNDREDTH, "ROUND_FLOOR")

    def _someone_was_faster(self, market: Market, order: Order, *, now: datetime) -> bool:
        """Let the invented take back what an order still crosses; returns whether others stay."""
        crossed = list(market.book.crossing(order.side, order.price))
        for each in crossed:
            if self.members[each.owner].invented:
                self.end(self.members[each.owner].orders[each.order_id], now=now, why="")
        return any(not self.members[each.owner].invented for each in crossed)

    def _new_order(self, member: Member, market: Market, asked: Placing, *, now: datetime) -> Order:
        order_id = self.new_id("order")
        return Order(
            order_id=order_id,
            user_id=member.user_id,
            client_order_id=asked.client_order_id or self.new_id("client"),
            ticker=market.ticker,
            shard=market.shard,
            side=asked.side,
            price=asked.price,
            initial=asked.count,
            remaining=asked.count,
            created_at=now,
            updated_at=now,
            stp=asked.stp,
            expires_at=asked.expires_at,
            cancel_on_pause=asked.cancel_on_pause,
        )

    def _resting(self, user_id: str, order_id: str) -> Order:
        order = self.members[user_id].orders.get(order_id)
        if order is None or order.status is not OrderStatus.RESTING:
            raise refusals.order_not_found()
        return order

    def end(self, order: Order, *, now: datetime, why: str) -> None:
        self.markets[order.ticker].book.remove(order.order_id)
        order.remaining, order.status = ZERO, OrderStatus.CANCELED
        self.log.write("kalshi.canceled", now, order=order.order_id, why=why)
        self.remember(order, now=now)

    def end_all(self, market: Market, *, now: datetime, why: str) -> None:
        for resting in market.book:
            self.end(self.members[resting.owner].orders[resting.order_id], now=now, why=why)

    def remember(self, order: Order, *, now: datetime) -> None:
        order.updated_at = now
        if self.rules.read_lag:
            order.history.append((now, wire.order(order)))

    def forget(self, user_id: str, order_id: str) -> None:
        """Drop an order that ended without a fill: nobody will ask for it again."""
        member = self.members[user_id]
        order = member.orders[order_id]
        if order.status is not OrderStatus.RESTING and not order.filled:
            del member.orders[order_id]
            member.open.pop(order_id, None)

    def new_id(self, kind: str) -> str:
        self._count += 1
        return str(uuid.uuid5(NAMESPACE, f"{kind}:{self.epoch}:{self._count}"))
