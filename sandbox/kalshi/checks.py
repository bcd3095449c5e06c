"""What an order must be before it may meet the book. Each check raises `refusals.Refusal`."""

from decimal import Decimal
from typing import TYPE_CHECKING

from sandbox.book import Side
from sandbox.kalshi import refusals
from sandbox.kalshi.accounts import Member, Order
from sandbox.kalshi.listing import Market, Status

if TYPE_CHECKING:
    from sandbox.kalshi.exchange import Exchange, Placing

ZERO = Decimal(0)


def trading(exchange: "Exchange", market: Market) -> None:
    if market.shard in exchange.paused:
        raise refusals.paused()
    if market.status is not Status.ACTIVE:
        raise refusals.market_not_active()


def client_id(exchange: "Exchange", member: Member, client_id: str) -> None:
    if not client_id:
        return
    if exchange.rules.dedup == "open_only":
        used = {order.client_order_id for order in member.resting()}
    else:
        used = member.client_ids
    if client_id in used:
        raise refusals.already_exists()


def room_to_reduce(member: Member, asked: "Placing") -> Decimal:
    """Return how many contracts an order may take that may only reduce what is held."""
    held = member.positions[asked.ticker].count if asked.ticker in member.positions else ZERO
    room = -held if asked.side is Side.BID else held
    if room <= 0:
        raise refusals.nested(400, "invalid_order", details="reduce only", service="")
    return min(room, asked.count)


def crossing(
    exchange: "Exchange", market: Market, order: Order, asked: "Placing", *, most: Decimal
) -> None:
    meets = list(market.book.crossing(order.side, order.price))
    if asked.post_only and meets:
        raise refusals.post_only_cross()
    if asked.time_in_force == "fill_or_kill":
        there = sum((each.remaining for each in meets if each.owner != order.user_id), ZERO)
        if min(there, most) < order.remaining:
            exchange.members[order.user_id].client_ids.add(order.client_order_id)
            raise refusals.cannot_fill()
