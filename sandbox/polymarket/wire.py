"""The order book's objects as its JSON: numbers are strings, books come worst first."""

import hashlib
from datetime import datetime
from decimal import Decimal
from typing import Any

from sandbox.clock import milliseconds
from sandbox.polymarket.markets import Market
from sandbox.polymarket.rows import Leg, Order, Trade

MILLION = Decimal(1_000_000)


def plain(number: Decimal) -> str:
    """Return a number without needless zeros."""
    return f"{number.normalize():f}"


def base_units(amount: Decimal) -> str:
    return str(int(amount * MILLION))


def book(market: Market, token: str, *, at: datetime) -> dict[str, Any]:
    bids, asks = market.ladder(token)
    rows = {
        name: [{"price": plain(price), "size": plain(size)} for price, size in levels]
        for name, levels in (("bids", bids), ("asks", asks))
    }
    last = market.last_price
    found = {
        "market": market.condition,
        "asset_id": token,
        "timestamp": str(milliseconds(at)),
        "hash": digest(token, rows),
        **rows,
        "min_order_size": plain(market.min_size),
        "tick_size": plain(market.tick),
        "neg_risk": market.neg_risk,
        "last_trade_price": plain(market.own_price(token, last)) if last is not None else "",
    }
    return found if market.version == "v1" else {**found, "version": market.version}


def digest(token: str, levels: object) -> str:
    """Return a fingerprint of a book, as good as any: the real one's recipe is not known."""
    return hashlib.sha1(repr((token, levels)).encode()).hexdigest()


def compact(market: Market) -> dict[str, Any]:
    """Return the short keys of a market with its fee data."""
    answer: dict[str, Any] = {
        "c": market.condition,
        "t": [
            {"t": token, "o": outcome}
            for token, outcome in zip(market.tokens, market.outcomes, strict=True)
        ],
        "mos": float(market.min_size),
        "mts": float(market.tick),
        "mbf": 1000,
        "tbf": 1000,
        "fd": {"r": float(market.fee_rate), "e": 1, "to": True},
        "nr": market.neg_risk,
        "ao": market.accepting,
        "cbos": market.clears_book,
        "sd": market.delay,
        "v": market.version,
        "aot": "2026-01-01T00:00:00Z",
        "itode": True,
        "r": {"mi": 50, "ma": 4.5, "moas": 30},
    }
    if market.starts_at is not None:
        answer["gst"] = market.starts_at.isoformat().replace("+00:00", "Z")
    return answer


def posted(order: Order) -> dict[str, Any]:
    """Return what a post answers. Hashes of transactions no longer come with it."""
    gave, got = (order.paid, order.matched) if order.buy else (order.matched, order.paid)
    return {
        "success": True,
        "errorMsg": "",
        "orderID": order.order_id,
        "status": order.status.lower(),
        "makingAmount": base_units(gave) if order.matched else "",
        "takingAmount": base_units(got) if order.matched else "",
        "tradeIDs": list(order.trades),
        "transactionsHashes": [],
    }


def refused(words: str) -> dict[str, Any]:
    return {
        "success": False,
        "errorMsg": words,
        "orderID": "",
        "status": "",
        "makingAmount": "",
        "takingAmount": "",
        "tradeIDs": [],
        "transactionsHashes": [],
    }


def open_order(order: Order) -> dict[str, Any]:
    market = order.market
    return {
        "id": order.order_id,
        "status": f"ORDER_STATUS_{order.status}",
        "owner": order.key,
        "maker_address": order.wallet.address,
        "market": market.condition,
        "asset_id": order.token,
        "side": "BUY" if order.buy else "SELL",
        "original_size": plain(order.shares),
        "size_matched": plain(order.matched),
        "price": plain(order.price),
        "outcome": market.outcomes[market.index(order.token)],
        "expiration": str(int(order.expires_at.timestamp())) if order.expires_at else "0",
        "order_type": order.kind,
        "associate_trades": list(order.trades),
        "created_at": int(order.created_at.timestamp()),
    }


def trade(found: Trade, *, key: str) -> dict[str, Any]:
    """Return a trade as the owner of a key sees it: the top level speaks of the taker."""
    taker = found.taker.order
    rate = plain(found.market.fee_rate * 10_000)
    return {
        "id": found.trade_id,
        "taker_order_id": taker.order_id,
        "market": found.market.condition,
        "asset_id": taker.token,
        "side": "BUY" if taker.buy else "SELL",
        "size": plain(found.taker.shares),
        "fee_rate_bps": rate,
        "price": plain(found.taker.price),
        "status": f"TRADE_STATUS_{found.status.value}",
        "match_time": str(int(found.at.timestamp())),
        "last_update": str(int(found.changed_at.timestamp())),
        "outcome": found.market.outcomes[found.market.index(taker.token)],
        "bucket_index": 0,
        "owner": taker.key,
        "maker_address": taker.wallet.address,
        "transaction_hash": found.transaction,
        "trader_side": "TAKER" if taker.key == key else "MAKER",
        "maker_orders": [_maker(leg) for leg in found.makers],
    }


def _maker(leg: Leg) -> dict[str, Any]:
    order = leg.order
    return {
        "order_id": order.order_id,
        "owner": order.key,
        "maker_address": order.wallet.address,
        "matched_amount": plain(leg.shares),
        "price": plain(leg.price),
        "fee_rate_bps": "",
        "asset_id": order.token,
        "outcome": order.market.outcomes[order.market.index(order.token)],
        "outcome_index": order.market.index(order.token),
        "side": "BUY" if order.buy else "SELL",
    }


def best(market: Market, token: str, *, buy: bool) -> Decimal | None:
    """Return the best bid (`buy`) or ask of a token."""
    bids, asks = market.ladder(token)
    levels = bids if buy else asks
    return levels[-1][0] if levels else None
