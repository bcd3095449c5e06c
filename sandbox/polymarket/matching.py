"""An order meets the book: what it takes, and what that makes of orders and wallets."""

import uuid
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from sandbox.book import Resting
from sandbox.polymarket.chain import owe
from sandbox.polymarket.markets import MICRO
from sandbox.polymarket.rows import Leg, Order, Refused, Trade

if TYPE_CHECKING:
    from sandbox.polymarket.exchange import Exchange

ZERO = Decimal(0)
NAMESPACE = uuid.UUID("b01dface-0000-4000-8000-000000000000")
Meeting = list[tuple[Resting, Decimal]]  # what is taken of each resting order


def plan(exchange: "Exchange", order: Order, *, held: bool = False) -> Meeting:
    """Return what an order would take now. Raises Refused where a FOK or FAK finds too little, but
    not of one that is held: it is looked at again when it is let go.
    """
    meeting = taken(order, _meets(exchange, order))
    if order.number in exchange.rules.partial:
        meeting = half(meeting)
    if held:
        return meeting
    if order.kind == "FOK" and is_short(order, meeting):
        raise Refused("order couldn't be fully filled. FOK orders are fully filled or killed.")
    if order.kind == "FAK" and not meeting:
        raise Refused(
            "no orders found to match with FAK order. FAK orders are partially "
            "filled or killed if no match is found."
        )
    return meeting


def execute(exchange: "Exchange", order: Order, *, now: datetime) -> None:
    """Match at once; what may rest, rests. Raises Refused as `plan` does."""
    meeting = plan(exchange, order)
    exchange.end_own(order, now=now)
    if meeting:
        _trade(exchange, order, meeting, now=now)
    if order.number in exchange.rules.partial:
        # Somebody was faster: what the house offered beyond is gone.
        exchange.withdraw(_meets(exchange, order), now=now)
    rests = order.kind in ("GTC", "GTD") and order.remaining and not _meets(exchange, order)
    if not rests:
        order.status = "MATCHED"
        return
    side, limit = order.market.on_book(order.token, buy=order.buy, price=order.price)
    order.market.book.add(
        Resting(
            order_id=order.order_id,
            owner=order.wallet.address,
            side=side,
            price=limit,
            remaining=order.remaining,
        )
    )
    order.status = "LIVE"


def _meets(exchange: "Exchange", order: Order) -> list[Resting]:
    """Return what an order crosses that is not its own wallet's, best first."""
    side, limit = order.market.on_book(order.token, buy=order.buy, price=order.price)
    return [
        each
        for each in order.market.book.crossing(side, limit)
        if exchange.orders[each.order_id].wallet is not order.wallet
    ]


def _trade(exchange: "Exchange", order: Order, meets: Meeting, *, now: datetime) -> None:
    market = order.market
    makers = [_make(exchange, order, resting, count) for resting, count in meets]
    shares, paid, fee = cost_of(order, meets)
    taker = Leg(order=order, shares=shares, price=_price(paid, shares), dollars=paid, fee=fee)
    owe(taker)
    order.book(shares, paid, fee=fee)
    order.shares = max(order.shares, order.matched)
    market.last_price = meets[-1][0].price
    market.last_side = "BUY" if order.buy else "SELL"
    market.volume += paid
    market.follow_tick()
    trade = Trade(
        trade_id=exchange.new_trade_id(),
        number=exchange.watched([taker, *makers]),
        market=market,
        taker=taker,
        makers=makers,
        at=now,
        changed_at=now,
    )
    exchange.take_trade(trade)
    for leg in (taker, *makers):
        leg.order.trades.append(trade.trade_id)
    exchange.log.write(
        "polymarket.matched",
        now,
        trade=trade.trade_id,
        taker=order.order_id,
        makers=[leg.order.order_id for leg in makers],
        shares=shares,
    )


def _make(exchange: "Exchange", order: Order, resting: Resting, count: Decimal) -> Leg:
    """Take shares off a resting order, for its owner at its own price and without a fee."""
    market, maker = order.market, exchange.orders[resting.order_id]
    given = _dollars(order, resting, count)
    # Two who buy both outcomes pay a dollar for each pair together.
    own = given if maker.token == order.token else count - given
    price = market.own_price(maker.token, resting.price)
    leg = Leg(order=maker, shares=count, price=price, dollars=own, fee=ZERO)
    market.book.take(resting.order_id, count)
    owe(leg)
    maker.book(count, own)
    if not maker.remaining:
        maker.status = "MATCHED"
    return leg


def cost_of(order: Order, meets: Meeting) -> tuple[Decimal, Decimal, Decimal]:
    """Return shares, dollars and the fee of what an order takes."""
    market = order.market
    shares = sum((count for _, count in meets), ZERO)
    paid = sum((_dollars(order, each, count) for each, count in meets), ZERO)
    fees = (
        market.taker_fee(price=market.own_price(order.token, each.price), shares=count)
        for each, count in meets
    )
    return shares, paid, sum(fees, ZERO)


def _dollars(order: Order, resting: Resting, count: Decimal) -> Decimal:
    price = order.market.own_price(order.token, resting.price)
    return (count * price).quantize(MICRO, "ROUND_FLOOR")


def _price(paid: Decimal, shares: Decimal) -> Decimal:
    return (paid / shares).quantize(Decimal("1e-10"))


def taken(order: Order, meets: list[Resting]) -> list[tuple[Resting, Decimal]]:
    """Return what an order takes of each resting one; a market order spends its dollars."""
    found: list[tuple[Resting, Decimal]] = []
    shares, dollars = order.remaining, order.spend
    for each in meets:
        price = order.market.own_price(order.token, each.price)
        most = shares if dollars is None else (dollars / price).quantize(MICRO, "ROUND_FLOOR")
        count = min(most, each.remaining)
        if count <= 0:
            break
        found.append((each, count))
        if dollars is None:
            shares -= count
        else:
            dollars -= count * price
    return found


def half(taken: list[tuple[Resting, Decimal]]) -> list[tuple[Resting, Decimal]]:
    """Return the first half of the shares, as if the rest had just been taken by others."""
    left = sum((shares for _, shares in taken), ZERO) / 2
    found: list[tuple[Resting, Decimal]] = []
    for each, shares in taken:
        count = min(shares, left).quantize(MICRO, "ROUND_FLOOR")
        if count > 0:
            found.append((each, count))
            left -= count
    return found


def is_short(order: Order, taken: list[tuple[Resting, Decimal]]) -> bool:
    """Tell whether an order that must fill whole would not."""
    if order.spend is None:
        return sum((shares for _, shares in taken), ZERO) < order.remaining
    own = order.market.own_price
    spent = sum((shares * own(order.token, each.price) for each, shares in taken), ZERO)
    return order.spend - spent > Decimal("0.01")
