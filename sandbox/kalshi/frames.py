"""What the websocket tells: trades, tickers, fills, orders, positions and the life of markets."""

import uuid
from datetime import datetime
from decimal import Decimal
from typing import Any

from sandbox.book import Side
from sandbox.clock import iso, milliseconds
from sandbox.kalshi import wire
from sandbox.kalshi.accounts import Member, Order, Position, Trade
from sandbox.kalshi.exchange import NAMESPACE
from sandbox.kalshi.listing import Market

Row = dict[str, Any]
ZERO, ONE = Decimal(0), Decimal(1)


def market_id(market: Market) -> str:
    return str(uuid.uuid5(NAMESPACE, f"market:{market.ticker}"))


def trade(found: Trade) -> Row:
    row = wire.trade(found)
    del row["created_time"]
    row["market_ticker"] = row.pop("ticker")
    return {**row, "ts": milliseconds(found.at) // 1000, "ts_ms": milliseconds(found.at)}


def ticker(market: Market, *, now: datetime) -> Row:
    """Return the best prices of a market; an empty side stands at 0 or 1."""
    bids, asks = market.book.levels(Side.BID), market.book.levels(Side.ASK)
    bid, ask = (bids[-1] if bids else (ZERO, ZERO)), (asks[0] if asks else (ONE, ZERO))
    return {
        "market_id": market_id(market),
        "market_ticker": market.ticker,
        "price_dollars": wire.dollars(market.last_price),
        "yes_bid_dollars": wire.dollars(bid[0]),
        "yes_ask_dollars": wire.dollars(ask[0]),
        "yes_bid_size_fp": wire.count(bid[1]),
        "yes_ask_size_fp": wire.count(ask[1]),
        "last_trade_size_fp": wire.count(market.last_count),
        "volume_fp": wire.count(market.volume),
        "open_interest_fp": wire.count(market.open_interest),
        "dollar_volume": int(market.volume),
        "dollar_open_interest": int(market.open_interest),
        "ts": milliseconds(now) // 1000,
        "ts_ms": milliseconds(now),
        "time": iso(now),
    }


def position(member: Member, market: Market) -> Row:
    """Return what a member holds of a market now."""
    held = member.positions.get(market.ticker) or Position()
    return {
        "user_id": member.user_id,
        "market_ticker": market.ticker,
        "position_fp": wire.count(held.count),
        "position_cost_dollars": wire.dollars(held.cost),
        "realized_pnl_dollars": wire.dollars(held.realised),
        "fees_paid_dollars": wire.dollars(held.fees),
        "position_fee_cost_dollars": wire.dollars(held.fees),
        "volume_fp": wire.count(held.yes_count + held.no_count),
    }


def fill(member: Member, found: Trade, order_id: str) -> Row:
    """Return one order's part of a trade, as its owner is told."""
    own = next(
        each
        for each in reversed(member.fills)
        if (each.fill_id, each.order_id) == (found.trade_id, order_id)
    )
    row = wire.fill(own)
    held = member.positions.get(own.ticker)
    return {
        **{
            name: row[name]
            for name in (
                *("trade_id", "order_id", "market_ticker", "exchange_index", "is_taker"),
                *("side", "yes_price_dollars", "count_fp", "fee_cost", "action"),
                *("outcome_side", "book_side", "ts"),
            )
        },
        "client_order_id": own.client_order_id,
        "purchased_side": row["outcome_side"],
        "post_position_fp": wire.count(held.count if held else ZERO),
        "ts_ms": milliseconds(own.at),
    }


def order(found: Order) -> Row:
    row = {name: value for name, value in wire.order(found).items() if value is not None}
    for name in ("action", "type", "no_price_dollars", "cancel_order_on_pause"):
        del row[name]
    return row | {
        "is_yes": found.side is Side.BID,
        "created_ts_ms": milliseconds(found.created_at),
        "last_updated_ts_ms": milliseconds(found.updated_at),
    }


def life(market: Market, kind: str, fields: Row) -> Row:
    """Return a step in the life of a market: closed, or settled."""
    told: Row = {"market_ticker": market.ticker, "exchange_index": market.shard}
    if kind == "kalshi.closed":
        return {**told, "event_type": "deactivated", "is_deactivated": True}
    settled = {"result": market.result, "settlement_value": wire.dollars(fields["value"])}
    return {**told, "event_type": "settled", **settled}


def fees(fields: Row) -> Row:
    """Return a change of an event's fees; nothing means those of its series."""
    multiplier = fields["multiplier"]
    return {
        "event_ticker": fields["event"],
        "fee_type_override": fields["fee_type"] or None,
        "fee_multiplier_override": None if multiplier is None else float(multiplier),
    }
