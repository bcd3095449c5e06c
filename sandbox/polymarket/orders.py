"""Orders, and what else belongs to one API key."""

import uuid
from decimal import Decimal
from typing import Any

from sandbox.polymarket import requests, wire
from sandbox.polymarket.matching import NAMESPACE
from sandbox.polymarket.rows import Order, Refused
from sandbox.polymarket.server import Call
from sandbox.polymarket.wallets import UNLIMITED, Wallet

END = "LTE="  # the cursor after the last page
BATCH = 15


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


def _page(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {"limit": 100, "count": len(rows), "next_cursor": END, "data": rows}
