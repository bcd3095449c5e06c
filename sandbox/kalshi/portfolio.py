"""What a member reads of its own: orders, fills, positions, cash, settlements, limits."""

from collections import defaultdict
from decimal import Decimal
from typing import Any
from uuid import UUID

from starlette.routing import Route

from sandbox.book import Side
from sandbox.kalshi import refusals, requests, wire
from sandbox.kalshi.accounts import Member, Order, Position
from sandbox.kalshi.limits import COST, COSTS
from sandbox.kalshi.server import ROOT, Call, Kalshi, page, route

CENTICENTS = Decimal(10_000)
SHARDS = range(4)


def routes(kalshi: Kalshi) -> list[Route]:
    reads = {
        "/portfolio/orders": orders,
        "/portfolio/orders/{order_id}": order,
        "/portfolio/fills": fills,
        "/portfolio/positions": positions,
        "/portfolio/balance": balance,
        "/portfolio/settlements": settlements,
        "/account/limits": limits,
        "/api_keys": api_keys,
        "/portfolio/intra_exchange_instance_transfers": transfers,
    }
    return [
        *(route(kalshi, "GET", path, handler, signed=True) for path, handler in reads.items()),
        route(kalshi, "GET", "/account/endpoint_costs", endpoint_costs, signed=False),
        route(kalshi, "POST", "/portfolio/intra_exchange_instance_transfer", transfer, signed=True),
    ]


def orders(call: Call) -> dict[str, Any]:
    limit = requests.limit_of(call.query, default=100, most=1000, operation="GetOrders")
    ticker, status = call.query.get("ticker", ""), call.query.get("status", "")
    start, end = (
        requests.seconds_of(call.query, "min_ts"),
        requests.seconds_of(call.query, "max_ts"),
    )
    found = []
    for each in reversed(_member(call).orders.values()):
        row = _as_read(call, each)
        if row is None or ticker not in ("", each.ticker) or status not in ("", row["status"]):
            continue
        if (start is None or each.created_at >= start) and (end is None or each.created_at <= end):
            found.append(row)
    return page(found, call, name="orders", limit=limit)


def order(call: Call) -> dict[str, Any]:
    found = _member(call).orders.get(call.path["order_id"])
    row = _as_read(call, found) if found is not None else None
    if row is None:
        raise refusals.order_not_found()
    return {"order": row}


def fills(call: Call) -> dict[str, Any]:
    limit = requests.limit_of(call.query, default=100, most=1000, operation="GetFills")
    ticker, order_id = call.query.get("ticker", ""), call.query.get("order_id", "")
    start, end = (
        requests.seconds_of(call.query, "min_ts"),
        requests.seconds_of(call.query, "max_ts"),
    )
    found = [
        wire.fill(each)
        for each in reversed(_member(call).fills)
        if ticker in ("", each.ticker)
        and order_id in ("", each.order_id)
        and (start is None or each.at >= start)
        and (end is None or each.at <= end)
    ]
    return page(found, call, name="fills", limit=limit)


def positions(call: Call) -> dict[str, Any]:
    limit = requests.limit_of(call.query, default=100, most=1000, operation="GetPositions")
    ticker = call.query.get("ticker", "")
    markets = call.exchange.markets
    rows, events = [], defaultdict[str, list[Position]](list)
    for name, held in _member(call).positions.items():
        if ticker in ("", name):
            market = markets[name]
            rows.append(wire.position(name, held, shard=market.shard, at=call.now))
            events[market.event.ticker].append(held)
    answer = page(rows, call, name="market_positions", limit=limit)
    answer["event_positions"] = [wire.event_position(key, held) for key, held in events.items()]
    return answer


def balance(call: Call) -> dict[str, Any]:
    member = _member(call)
    worth = Decimal(0)
    for name, held in member.positions.items():
        book = call.exchange.markets[name].book
        bid, ask = book.best(Side.BID) or Decimal(0), book.best(Side.ASK) or Decimal(1)
        worth += held.count * bid if held.count > 0 else -held.count * (1 - ask)
    return wire.balance(member, worth=worth, at=call.now)


def settlements(call: Call) -> dict[str, Any]:
    limit = requests.limit_of(call.query, default=100, most=1000, operation="GetSettlements")
    ticker = call.query.get("ticker", "")
    rows = [wire.settlement(row) for row in reversed(_member(call).settlements)]
    found = [row for row in rows if ticker in ("", row["ticker"])]
    return page(found, call, name="settlements", limit=limit)


def transfer(call: Call) -> dict[str, Any]:
    row, struct = call.json(), "IntraExchangeInstanceTransferRequest"
    amount = requests.whole(row, "amount", struct)
    shards = [
        requests.whole(row, name, struct) or 0
        for name in ("source_exchange_shard", "destination_exchange_shard")
    ]
    key = requests.word(row, "client_transfer_id", struct, needed=False)
    kinds = {requests.word(row, name, struct) for name in ("source", "destination")}
    if kinds != {"event_contract"} or amount is None or any(each not in SHARDS for each in shards):
        raise refusals.flat(400, "invalid_parameters", "invalid transfer")
    if key and not _is_uuid(key):
        raise refusals.flat(400, "invalid_parameters", "invalid client_transfer_id")
    transfer_id = call.exchange.transfer(
        call.user_id,
        key=key,
        amount=amount / CENTICENTS,
        source=shards[0],
        destination=shards[1],
        now=call.now,
    )
    return {"transfer_id": transfer_id}


def transfers(call: Call) -> dict[str, Any]:
    limit = requests.limit_of(call.query, default=100, most=500, operation="GetTransfers")
    rows = [wire.move(each) for each in reversed(_member(call).moves)]
    return page(rows, call, name="transfers", limit=limit)


def limits(call: Call) -> dict[str, Any]:
    tier = call.kalshi.buckets.tier
    return {
        "usage_tier": tier.name,
        "read": {"refill_rate": tier.read, "bucket_capacity": tier.read_capacity},
        "write": {"refill_rate": tier.write, "bucket_capacity": tier.write_capacity},
        "grants": [],
    }


def api_keys(call: Call) -> dict[str, Any]:
    """Return the keys of this member; all of them may do everything."""
    return {
        "api_keys": [
            {"api_key_id": key_id, "name": key_id, "scopes": ["read", "write"]}
            for key_id in call.kalshi.keys.of_user(call.user_id)
        ]
    }


def endpoint_costs(call: Call) -> dict[str, Any]:
    costs = [
        {"method": method, "path": ROOT + path.replace("{order_id}", ":order_id"), "cost": cost}
        for (method, path), cost in COSTS.items()
    ]
    return {"default_cost": COST, "endpoint_costs": costs}


def _member(call: Call) -> Member:
    return call.exchange.members[call.user_id]


def _as_read(call: Call, found: Order) -> dict[str, Any] | None:
    """Return an order as reads show it: some time behind the writes, when the rules say so."""
    if not call.exchange.rules.read_lag:
        return wire.order(found)
    seen_until = call.now - call.exchange.rules.read_lag
    seen = [row for at, row in found.history if at <= seen_until]
    return seen[-1] if seen else None


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
