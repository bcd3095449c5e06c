"""Placing, changing and taking back orders."""

from typing import Any

from starlette.routing import Route

from sandbox.clock import milliseconds
from sandbox.kalshi import refusals, requests, wire
from sandbox.kalshi.refusals import Refusal
from sandbox.kalshi.requests import AMEND, DECREASE
from sandbox.kalshi.server import Call, Handler, Kalshi, route

WRITES = "/portfolio/events/orders"
LEGACY = (
    ("POST", "/portfolio/orders"),
    ("POST", "/portfolio/orders/batched"),
    ("DELETE", "/portfolio/orders/batched"),
    ("DELETE", "/portfolio/orders/{order_id}"),
    ("POST", "/portfolio/orders/{order_id}/amend"),
    ("POST", "/portfolio/orders/{order_id}/decrease"),
)


def routes(kalshi: Kalshi) -> list[Route]:
    writes: tuple[tuple[str, str, Handler], ...] = (
        ("POST", WRITES, create),
        ("DELETE", WRITES, cancel_all),
        ("POST", WRITES + "/batched", create_many),
        ("DELETE", WRITES + "/batched", cancel_many),
        ("DELETE", WRITES + "/{order_id}", cancel),
        ("POST", WRITES + "/{order_id}/amend", amend),
        ("POST", WRITES + "/{order_id}/decrease", decrease),
        *((method, path, legacy) for method, path in LEGACY),
    )
    return [route(kalshi, method, path, handler, signed=True) for method, path, handler in writes]


def legacy(call: Call) -> dict[str, Any]:
    raise refusals.legacy()


def create(call: Call) -> tuple[int, dict[str, Any]]:
    order = call.exchange.place(call.user_id, requests.placing(call.json()), now=call.now)
    return 201, wire.placed(order, at=call.now)


def create_many(call: Call) -> tuple[int, dict[str, Any]]:
    rows = _orders(call)
    _bill(call, len(rows), each=10)
    answers = []
    for row in rows:
        try:
            order = call.exchange.place(call.user_id, requests.placing(row), now=call.now)
            answers.append(wire.placed(order, at=call.now))
        except Refusal as refusal:
            answers.append({"client_order_id": row.get("client_order_id"), "error": _flat(refusal)})
    return 201, {"orders": answers}


def cancel(call: Call) -> dict[str, Any]:
    order_id = call.path["order_id"]
    reduced = call.exchange.cancel(call.user_id, order_id, now=call.now)
    return {
        "order_id": order_id,
        "client_order_id": call.exchange.members[call.user_id].orders[order_id].client_order_id,
        "reduced_by": wire.count(reduced),
        "ts_ms": milliseconds(call.now),
    }


def cancel_many(call: Call) -> dict[str, Any]:
    rows = _orders(call)
    _bill(call, len(rows), each=2)
    answers: list[dict[str, Any]] = []
    for row in rows:
        order_id = requests.word(row, "order_id", "BatchCancelOrdersV2Request")
        answer: dict[str, Any] = {"order_id": order_id, "reduced_by": "0.00"}
        try:
            reduced = call.exchange.cancel(call.user_id, order_id, now=call.now)
            answer |= {"reduced_by": wire.count(reduced), "ts_ms": milliseconds(call.now)}
        except Refusal as refusal:
            answer["error"] = _flat(refusal)
        answers.append(answer)
    return {"orders": answers}


def cancel_all(call: Call) -> tuple[int, None]:
    for order in call.exchange.members[call.user_id].resting():
        call.exchange.cancel(call.user_id, order.order_id, now=call.now)
    return 204, None


def amend(call: Call) -> dict[str, Any]:
    row = call.json()
    order_id = call.path["order_id"]
    known = call.exchange.members[call.user_id].orders.get(order_id)
    side = requests.word(row, "side", AMEND)
    ticker = requests.word(row, "ticker", AMEND)
    if known is not None and (ticker != known.ticker or side != known.side):
        raise refusals.nested(400, "invalid_parameters")
    order = call.exchange.amend(
        call.user_id,
        order_id,
        price=requests.price(row, "price", AMEND),
        count=requests.contracts(row, "count", AMEND),
        client_id=requests.client_id(row, AMEND, "updated_client_order_id"),
        now=call.now,
    )
    return wire.placed(order, at=call.now)


def decrease(call: Call) -> dict[str, Any]:
    row = call.json()
    given = [name for name in ("reduce_by", "reduce_to") if row.get(name) is not None]
    if len(given) != 1:
        raise refusals.flat(400, "invalid_parameters", "exactly one of reduce_by and reduce_to")
    value = requests.contracts(row, given[0], DECREASE)
    order = call.exchange.decrease(
        call.user_id,
        call.path["order_id"],
        by=value if given[0] == "reduce_by" else None,
        to=value if given[0] == "reduce_to" else None,
        now=call.now,
    )
    return {
        "order_id": order.order_id,
        "client_order_id": order.client_order_id,
        "remaining_count": wire.count(order.remaining),
        "ts_ms": milliseconds(call.now),
    }


def _orders(call: Call) -> list[dict[str, Any]]:
    rows = call.json().get("orders")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise refusals.flat(400, "bad_request", "orders must be a list of objects")
    if not 1 <= len(rows) <= 20:
        raise refusals.flat(400, "invalid_parameters", "1 to 20 orders")
    return rows


def _bill(call: Call, items: int, *, each: int) -> None:
    """Charge a batch by its items; the whole batch must fit. One cost was taken already."""
    more = max(items - 1, 0) * each
    if not call.kalshi.buckets.take(call.user_id, write=True, tokens=more, now=call.now):
        raise refusals.too_many()


def _flat(refusal: Refusal) -> dict[str, Any]:
    error = refusal.body.get("error", refusal.body)
    if isinstance(error, str):
        return {"code": error, "message": error}
    return {name: str(error[name]) for name in ("code", "message", "details") if name in error}
