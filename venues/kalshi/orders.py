"""Our orders as Kalshi takes them: on the one book of a market, at the price of YES. Pure."""

from decimal import Decimal
from typing import Any

from venues import money
from venues.errors import Refused
from venues.kalshi.parse import book_side, count_text, on_grid, price_text, split, yes_price
from venues.reading import BadMessage
from venues.types import OrderKind, OrderRequest, Side, Terms, Usd

TIME_IN_FORCE = {
    OrderKind.GTC: "good_till_canceled",
    OrderKind.GTD: "good_till_canceled",
    OrderKind.FOK: "fill_or_kill",
    OrderKind.FAK: "immediate_or_cancel",
}


def terms_of(request: OrderRequest) -> Terms:
    """Return what the order's market takes. Raises Refused while that is not known."""
    if request.terms is None or not request.terms.ranges:
        raise Refused("What this market takes (price grid, shard) is not known yet.")
    return request.terms


def count_of(request: OrderRequest, terms: Terms) -> Decimal:
    """Return how many contracts are ordered: of dollars, as many as they pay at the limit."""
    if isinstance(request.amount, Usd):
        unit = request.limit_price + request.fee_rate * request.limit_price * (
            1 - request.limit_price
        )
        return money.floor_tick(request.amount.amount / unit, tick=terms.min_shares)
    count = request.shares if request.amount is None else request.amount.count
    return money.floor_tick(count, tick=terms.min_shares)


def body_of(request: OrderRequest, terms: Terms) -> dict[str, Any]:
    """Return an order as the exchange takes it. Raises BadMessage for one that it cannot take."""
    side = book_side(request.token, request.side)
    if not 0 < request.limit_price < 1:
        raise BadMessage(f"a limit of {request.limit_price} is not between 0 and 1")
    count = count_of(request, terms)
    if count <= 0:
        raise BadMessage(f"{request.shares} shares is not a size")
    price = on_grid(yes_price(request.token, request.limit_price), side=side, ranges=terms.ranges)
    rests = request.kind in (OrderKind.GTC, OrderKind.GTD)
    body: dict[str, Any] = {
        "ticker": split(request.token)[0],
        "client_order_id": request.client_order_id,
        "side": side.value,
        "count": count_text(count),
        "price": price_text(price),
        "time_in_force": TIME_IN_FORCE[request.kind],
        "self_trade_prevention_type": "taker_at_cross",
        "exchange_index": terms.shard,
    }
    if request.kind is OrderKind.FAK and request.side is Side.SELL:
        body["reduce_only"] = True  # a sale of what is not there would buy the other outcome
    if rests:
        body["post_only"] = request.post_only
        # What rests through a pause would meet whoever is first after it.
        body["cancel_order_on_pause"] = True
    if request.kind is OrderKind.GTD:
        body["expiration_time"] = int(request.expires_at.timestamp())
    return body
