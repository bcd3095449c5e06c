"""An order meets the book: trades, fees, cash and positions of both sides."""

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from sandbox.book import Resting
from sandbox.kalshi.accounts import Fill, Order, Trade
from sandbox.kalshi.listing import Market
from venues.kalshi.fees import charge, model_fee

if TYPE_CHECKING:
    from sandbox.kalshi.exchange import Exchange

ZERO = Decimal(0)


def match(
    exchange: "Exchange", market: Market, order: Order, *, now: datetime, most: Decimal
) -> bool:
    """Trade with what the order meets; returns whether it stopped at an order of its own.

    `most` is how many contracts it may take.
    """
    for maker in market.book.crossing(order.side, order.price):
        if not order.remaining or not most:
            break
        if maker.owner == order.user_id:
            if order.stp == "taker_at_cross":
                return True
            exchange.end(
                exchange.members[maker.owner].orders[maker.order_id], now=now, why="SelfTradeCancel"
            )
            continue
        count = min(order.remaining, maker.remaining, most)
        most -= count
        _trade(exchange, order, maker, count, now=now)
    return False


def _trade(
    exchange: "Exchange", taker: Order, resting: Resting, count: Decimal, *, now: datetime
) -> None:
    market = exchange.markets[taker.ticker]
    maker = exchange.members[resting.owner].orders[resting.order_id]
    trade = Trade(
        trade_id=exchange.new_id("trade"),
        ticker=market.ticker,
        count=count,
        price=resting.price,
        taker=taker.side,
        at=now,
    )
    market.book.take(resting.order_id, count)
    _book_fill(exchange, taker, trade, taker=True)
    _book_fill(exchange, maker, trade, taker=False)
    market.last_price, market.last_count = trade.price, trade.count
    market.volume += count
    held = (member.positions.get(market.ticker) for member in exchange.members.values())
    market.open_interest = sum((max(each.count, ZERO) for each in held if each), ZERO)
    exchange.trades.append(trade)
    exchange.log.write(
        "kalshi.traded",
        now,
        trade=trade.trade_id,
        ticker=market.ticker,
        count=count,
        price=trade.price,
        taker=taker.order_id,
        maker=maker.order_id,
    )


def _book_fill(exchange: "Exchange", order: Order, trade: Trade, *, taker: bool) -> None:
    """Move cash, position, fees and the order for one side of a trade."""
    market, member = exchange.markets[order.ticker], exchange.members[order.user_id]
    (kind, multiplier), position = market.event.fees, member.positions[market.ticker]
    change = position.trade(order.side, count=trade.count, price=trade.price)
    model = model_fee(
        price=trade.price,
        count=trade.count,
        multiplier=multiplier,
        kind=kind,
        taker=taker,
    )
    charged = charge(revenue=change, model=model, accumulated=order.overpaid)
    order.overpaid = charged.accumulated
    member.cash[market.shard] = member.cash.get(market.shard, ZERO) + change - charged.fee
    position.fees += charged.fee
    position.updated_at = trade.at
    order.book(trade, fee=charged.fee, taker=taker)
    member.fills.append(
        Fill(
            fill_id=trade.trade_id,
            order_id=order.order_id,
            client_order_id=order.client_order_id,
            ticker=market.ticker,
            shard=market.shard,
            side=order.side,
            count=trade.count,
            price=trade.price,
            fee=charged.fee,
            taker=taker,
            at=trade.at,
        )
    )
    exchange.remember(order, now=trade.at)
