"""What everybody may ask the order book, and how a wallet gets its API key."""

from decimal import Decimal
from typing import Any

from sandbox.polymarket import requests, wire
from sandbox.polymarket.rows import Refused
from sandbox.polymarket.server import Call
from sandbox.polymarket.wallets import ApiKey


def book(call: Call) -> dict[str, Any]:
    token = call.query.get("token_id", "")
    market = call.market(token)
    if market.payout is not None:
        raise Refused("No orderbook exists for the requested token id", status=404)
    return wire.book(market, token, at=call.now)


def books(call: Call) -> list[dict[str, Any]]:
    return [wire.book(call.exchange.by_token[token], token, at=call.now) for token in _named(call)]


def price(call: Call) -> dict[str, str]:
    token, side = call.query.get("token_id", ""), call.query.get("side", "").upper()
    if side not in ("BUY", "SELL"):
        raise Refused("Invalid side")
    best = wire.best(call.market(token), token, buy=side == "BUY")
    return {"price": wire.plain(best) if best is not None else "0"}


def midpoint(call: Call) -> dict[str, str]:
    bid, ask = _touch(call)
    return {"mid": wire.plain((bid + ask) / 2)}


def spread(call: Call) -> dict[str, str]:
    bid, ask = _touch(call)
    return {"spread": wire.plain(ask - bid)}


def spreads(call: Call) -> dict[str, str]:
    """Return the spread of each token that has both sides."""
    found = {}
    for token in _named(call):
        bid, ask = _sides(call, token)
        if bid is not None and ask is not None:
            found[token] = wire.plain(ask - bid)
    return found


def midpoints(call: Call) -> dict[str, str]:
    found = {}
    for token in _named(call):
        bid, ask = _sides(call, token)
        if bid is not None and ask is not None:
            found[token] = wire.plain((bid + ask) / 2)
    return found


def prices_history(call: Call) -> dict[str, Any]:
    """Return what a token traded at, oldest first, one point a minute."""
    token = call.query.get("market", "")
    market = call.market(token)
    points: dict[int, float] = {}
    for trade in call.exchange.trades:
        if trade.market is market:
            own = trade.taker.price if trade.taker.order.token == token else 1 - trade.taker.price
            points[int(trade.at.timestamp()) // 60 * 60] = float(own)
    return {"history": [{"t": at, "p": price} for at, price in sorted(points.items())]}


def last_trade(call: Call) -> dict[str, str]:
    token = call.query.get("token_id", "")
    market = call.market(token)
    if market.last_price is None:
        return {"price": "0.5", "side": ""}
    return {
        "price": wire.plain(market.own_price(token, market.last_price)),
        "side": market.last_side,
    }


def tick_size(call: Call) -> dict[str, float]:
    return {"minimum_tick_size": float(call.market(call.query.get("token_id", "")).tick)}


def neg_risk(call: Call) -> dict[str, bool]:
    return {"neg_risk": call.market(call.query.get("token_id", "")).neg_risk}


def fee_rate(call: Call) -> dict[str, int]:
    """Return the old flag: on or off, never a rate."""
    return {"base_fee": 1000 if call.market(call.query.get("token_id", "")).fee_rate else 0}


def compact(call: Call) -> dict[str, Any]:
    market = call.exchange.markets.get(call.path["condition"])
    if market is None:
        raise Refused("market not found", status=404)
    return wire.compact(market)


def by_token(call: Call) -> dict[str, Any]:
    market = call.market(call.path["token"])
    first, second = market.tokens
    return {
        "condition_id": market.condition,
        "primary_token_id": first,
        "secondary_token_id": second,
    }


def _named(call: Call) -> list[str]:
    rows = requests.json_of(call.body)
    if not isinstance(rows, list):
        raise Refused("Invalid payload")
    tokens = [str(row.get("token_id")) for row in rows if isinstance(row, dict)]
    return [token for token in tokens if token in call.exchange.by_token]


def _sides(call: Call, token: str) -> tuple[Decimal | None, Decimal | None]:
    market = call.market(token)
    return wire.best(market, token, buy=True), wire.best(market, token, buy=False)


def _touch(call: Call) -> tuple[Decimal, Decimal]:
    bid, ask = _sides(call, call.query.get("token_id", ""))
    if bid is None or ask is None:
        raise Refused("No orderbook exists for the requested token id", status=404)
    return bid, ask


def create_key(call: Call) -> dict[str, str]:
    address, nonce = requests.key_request(call.headers, times=call.clob.times())
    known = any(
        key.address == address and key == call.exchange.key_for(address, nonce)
        for key in list(call.exchange.keys.values())
    )
    if known:
        raise Refused("Could not create api key")
    return _key(call.exchange.key_for(address, nonce))


def derive_key(call: Call) -> dict[str, str]:
    address, nonce = requests.key_request(call.headers, times=call.clob.times())
    return _key(call.exchange.key_for(address, nonce))


def _key(key: ApiKey) -> dict[str, str]:
    return {"apiKey": key.key, "secret": key.secret, "passphrase": key.passphrase}
