"""The order book's REST: public reads, keys, orders, cancels, trades, balances, heartbeats."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.clock import Clock
from sandbox.polymarket import requests, wire
from sandbox.polymarket.exchange import NAMESPACE, Exchange
from sandbox.polymarket.markets import Market
from sandbox.polymarket.rows import Order, Refused
from sandbox.polymarket.wallets import UNLIMITED, ApiKey, Wallet

END = "LTE="  # the cursor after the last page
BEAT = timedelta(seconds=10)  # without one for this long, all orders of the key are canceled
BATCH = 15


@dataclass(kw_only=True)
class Clob:
    """Everything the order book's answers come from."""

    exchange: Exchange
    clock: Clock
    beats: dict[str, tuple[str, datetime]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    clob: Clob
    key: ApiKey | None
    now: datetime
    path: Mapping[str, Any]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def exchange(self) -> Exchange:
        return self.clob.exchange

    @property
    def owner(self) -> ApiKey:
        assert self.key is not None
        return self.key

    def market(self, token: str) -> Market:
        market = self.exchange.by_token.get(token)
        if market is None:
            raise Refused("No orderbook exists for the requested token id", status=404)
        return market


Handler = Callable[[Call], Any]


def app(clob: Clob) -> Starlette:
    from sandbox.polymarket import socket

    public: tuple[tuple[str, str, Handler], ...] = (
        ("GET", "/", lambda call: "OK"),
        ("GET", "/ok", lambda call: "OK"),
        ("GET", "/time", lambda call: int(call.now.timestamp())),
        ("GET", "/version", lambda call: {"version": 2}),
        ("GET", "/book", book),
        ("POST", "/books", books),
        ("GET", "/price", price),
        ("GET", "/midpoint", midpoint),
        ("GET", "/spread", spread),
        ("GET", "/last-trade-price", last_trade),
        ("GET", "/tick-size", tick_size),
        ("GET", "/neg-risk", neg_risk),
        ("GET", "/fee-rate", fee_rate),
        ("GET", "/clob-markets/{condition}", compact),
        ("GET", "/markets-by-token/{token}", by_token),
        ("POST", "/auth/api-key", create_key),
        ("GET", "/auth/derive-api-key", derive_key),
    )
    private: tuple[tuple[str, str, Handler], ...] = (
        ("GET", "/auth/api-keys", lambda call: {"apiKeys": [call.owner.key]}),
        ("GET", "/auth/ban-status/closed-only", lambda call: {"closed_only": False}),
        ("POST", "/order", post_order),
        ("POST", "/orders", post_orders),
        ("DELETE", "/order", cancel_order),
        ("DELETE", "/orders", cancel_orders),
        ("DELETE", "/cancel-all", cancel_all),
        ("DELETE", "/cancel-market-orders", cancel_market),
        ("GET", "/data/orders", open_orders),
        ("GET", "/data/order/{order_id}", one_order),
        ("GET", "/data/trades", trades),
        ("GET", "/balance-allowance", balance),
        ("GET", "/balance-allowance/update", balance),
        ("POST", "/v1/heartbeats", heartbeat),
    )
    return Starlette(
        routes=[
            *(_route(clob, *row, signed=False) for row in public),
            *(_route(clob, *row, signed=True) for row in private),
            *socket.routes(clob),
        ]
    )


def _route(clob: Clob, method: str, path: str, handler: Handler, *, signed: bool) -> Route:
    async def endpoint(request: Request) -> Response:
        body = await request.body()
        now = clob.clock.now()
        clob.exchange.tick(now=now)
        _drop_silent_keys(clob, now=now)
        headers = {name.lower().replace("-", "_"): value for name, value in request.headers.items()}
        try:
            key = None
            if signed:
                key = requests.signed_request(
                    clob.exchange, headers, method=method, path=request.url.path, body=body, now=now
                )
            answer = handler(
                Call(
                    clob=clob,
                    key=key,
                    now=now,
                    path=request.path_params,
                    body=body,
                    query=request.query_params,
                    headers=headers,
                )
            )
        except Refused as refusal:
            return JSONResponse({"error": refusal.words}, refusal.status)
        return JSONResponse(answer)

    return Route(path, endpoint, methods=[method])


# Public


def book(call: Call) -> dict[str, Any]:
    token = call.query.get("token_id", "")
    return wire.book(call.market(token), token, at=call.now)


def books(call: Call) -> list[dict[str, Any]]:
    rows = requests.json_of(call.body)
    tokens = [str(row.get("token_id")) for row in rows if isinstance(row, dict)]
    return [
        wire.book(call.exchange.by_token[token], token, at=call.now)
        for token in tokens
        if token in call.exchange.by_token
    ]


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


# Keys


def create_key(call: Call) -> dict[str, str]:
    address, nonce = requests.key_request(call.headers, now=call.now)
    known = any(
        key.address == address and key == call.exchange.key_for(address, nonce)
        for key in list(call.exchange.keys.values())
    )
    if known:
        raise Refused("Could not create api key")
    return _key(call.exchange.key_for(address, nonce))


def derive_key(call: Call) -> dict[str, str]:
    address, nonce = requests.key_request(call.headers, now=call.now)
    return _key(call.exchange.key_for(address, nonce))


def _key(key: ApiKey) -> dict[str, str]:
    return {"apiKey": key.key, "secret": key.secret, "passphrase": key.passphrase}


# Orders


def post_order(call: Call) -> dict[str, Any]:
    return wire.posted(_post(call, requests.json_of(call.body)))


def post_orders(call: Call) -> list[dict[str, Any]]:
    rows = requests.json_of(call.body)
    if not isinstance(rows, list) or not 1 <= len(rows) <= BATCH:
        raise Refused("Invalid order payload")
    answers = []
    for row in rows:
        try:
            answers.append(wire.posted(_post(call, row)))
        except Refused as refusal:
            answers.append(wire.refused(refusal.words))
    return answers


def _post(call: Call, row: object) -> Order:
    if not isinstance(row, dict):
        raise Refused("Invalid order payload")
    order = requests.order_of(call.exchange, call.owner, row, now=call.now)
    return call.exchange.place(order, now=call.now)


def cancel_order(call: Call) -> dict[str, Any]:
    row = requests.json_of(call.body)
    if not isinstance(row, dict) or not isinstance(row.get("orderID"), str):
        raise Refused("Invalid orderID")
    return _cancel(call, [row["orderID"]])


def cancel_orders(call: Call) -> dict[str, Any]:
    rows = requests.json_of(call.body)
    if not isinstance(rows, list) or len(rows) > 1000:
        raise Refused("Too many orders in payload")
    return _cancel(call, [str(row) for row in rows])


def cancel_all(call: Call) -> dict[str, Any]:
    return _cancel(call, [order.order_id for order in _mine(call)])


def cancel_market(call: Call) -> dict[str, Any]:
    row = requests.json_of(call.body)
    wanted = row if isinstance(row, dict) else {}
    return _cancel(
        call,
        [
            order.order_id
            for order in _mine(call)
            if wanted.get("market", "") in ("", order.market.condition)
            and wanted.get("asset_id", "") in ("", order.token)
        ],
    )


def _cancel(call: Call, order_ids: list[str]) -> dict[str, Any]:
    """Answer 200 always: a refused id comes with its reason."""
    done, refused = [], {}
    for order_id in order_ids:
        why = call.exchange.cancel(call.owner.key, order_id, now=call.now)
        if why:
            refused[order_id] = why
        else:
            done.append(order_id)
    return {"canceled": done, "not_canceled": refused}


# What is one's own


def open_orders(call: Call) -> dict[str, Any]:
    found = [
        wire.open_order(order)
        for order in _mine(call)
        if call.query.get("id", "") in ("", order.order_id)
        and call.query.get("market", "") in ("", order.market.condition)
        and call.query.get("asset_id", "") in ("", order.token)
    ]
    return _page(found)


def one_order(call: Call) -> dict[str, Any] | None:
    order = call.exchange.orders.get(call.path["order_id"])
    return wire.open_order(order) if order and order.key == call.owner.key else None


def trades(call: Call) -> dict[str, Any]:
    key = call.owner.key
    found = [
        wire.trade(each, key=key)
        for each in reversed(call.exchange.trades)
        if key in (each.taker.order.key, *(leg.order.key for leg in each.makers))
        and call.query.get("id", "") in ("", each.trade_id)
        and call.query.get("market", "") in ("", each.market.condition)
        and call.query.get("asset_id", "") in ("", each.taker.order.token)
    ]
    return _page(found)


def balance(call: Call) -> dict[str, Any]:
    wallet = _wallet(call)
    amount = wallet.cash
    if call.query.get("asset_type", "COLLATERAL") != "COLLATERAL":
        amount = wallet.shares.get(call.query.get("token_id", ""), Decimal(0))
    allowed = str(int(UNLIMITED.scaleb(6))) if wallet.approved else "0"
    contracts = sorted({market.domain.contract for market in call.exchange.markets.values()})
    return {"balance": wire.base_units(amount), "allowances": dict.fromkeys(contracts, allowed)}


def heartbeat(call: Call) -> dict[str, str]:
    """Keep the orders of a key alive; once begun, silence cancels them."""
    row = requests.json_of(call.body)
    sent = row.get("heartbeat_id", "") if isinstance(row, dict) else ""
    expected = call.clob.beats.get(call.owner.key, ("", call.now))[0]
    if sent != expected:
        raise Refused(f"invalid heartbeat_id, expected {expected}")
    beat = str(uuid.uuid5(NAMESPACE, f"beat:{call.owner.key}:{call.now.isoformat()}"))
    call.clob.beats[call.owner.key] = (beat, call.now)
    return {"heartbeat_id": beat}


def _drop_silent_keys(clob: Clob, *, now: datetime) -> None:
    for key, (_, at) in clob.beats.items():
        if now - at > BEAT:
            for order in list(clob.exchange.orders.values()):
                if order.key == key and order.order_id in order.market.book:
                    clob.exchange.cancel(key, order.order_id, now=now)


def _mine(call: Call) -> list[Order]:
    return [
        order
        for order in call.exchange.orders.values()
        if order.key == call.owner.key and order.order_id in order.market.book
    ]


def _wallet(call: Call) -> Wallet:
    kind = call.query.get("signature_type", "0")
    for wallet in call.exchange.wallets.values():
        mine = call.owner.address in (wallet.owner, wallet.address)
        if mine and str(wallet.signature_type) == kind:
            return wallet
    return Wallet(address=call.owner.address, owner=call.owner.address, signature_type=0)


def _touch(call: Call) -> tuple[Decimal, Decimal]:
    token = call.query.get("token_id", "")
    market = call.market(token)
    bid, ask = wire.best(market, token, buy=True), wire.best(market, token, buy=False)
    if bid is None or ask is None:
        raise Refused("No orderbook exists for the requested token id", status=404)
    return bid, ask


def _page(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {"limit": 100, "count": len(rows), "next_cursor": END, "data": rows}
