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


def execute(exchange: "Exchange", order: Order, *, now: datetime) -> None:
    """Match at once; what may rest, rests. Raises Refused for a FOK or FAK that finds none."""
    market = order.market
    side, limit = market.on_book(order.token, buy=order.buy, price=order.price)
    meets = [
        each
        for each in market.book.crossing(side, limit)
        if exchange.orders[each.order_id].wallet is not order.wallet
    ]
    meeting = taken(order, meets)
    if order.number in exchange.rules.partial:
        meeting = half(meeting)
    total = sum((shares for _, shares in meeting), ZERO)
    if order.kind == "FOK" and is_short(order, meeting):
        raise Refused("order couldn't be fully filled. FOK orders are fully filled or killed.")
    if order.kind == "FAK" and not total:
        raise Refused(
            "no orders found to match with FAK order. FAK orders are partially "
            "filled or killed if no match is found."
        )
    if meeting:
        _trade(exchange, order, meeting, now=now)
    if order.number in exchange.rules.partial:
        exchange.withdraw(meets, now=now)  # somebody was faster
    if order.kind in ("GTC", "GTD") and order.remaining:
        market.book.add(
            Resting(
                order_id=order.order_id,
                owner=order.wallet.address,
                side=side,
                price=limit,
                remaining=order.remaining,
            )
        )
        order.status = "LIVE"
    else:
        order.status = "MATCHED"


def _trade(
    exchange: "Exchange", order: Order, meets: list[tuple[Resting, Decimal]], *, now: datetime
) -> None:
    market, makers = order.market, []
    shares = paid = fee = ZERO
    for resting, count in meets:
        maker = exchange.orders[resting.order_id]
        own = market.own_price(order.token, resting.price)
        leg = Leg(
            order=maker,
            shares=count,
            fee=ZERO,
            price=market.own_price(maker.token, resting.price),
        )
        makers.append(leg)
        market.book.take(resting.order_id, count)
        owe(leg)
        maker.matched += count
        maker.paid += count * leg.price
        if not maker.remaining:
            maker.status = "MATCHED"
        shares, paid = shares + count, paid + count * own
        fee += market.taker_fee(price=own, shares=count)
    taker = Leg(order=order, shares=shares, price=paid / shares, fee=fee)
    owe(taker)
    order.matched += shares
    order.shares = max(order.shares, order.matched)
    order.paid += paid
    market.last_price = meets[-1][0].price
    market.last_side = "BUY" if order.buy else "SELL"
    market.volume += paid
    market.follow_tick()
    trade = Trade(
        trade_id=str(uuid.uuid5(NAMESPACE, f"trade:{exchange.next_match()}")),
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
