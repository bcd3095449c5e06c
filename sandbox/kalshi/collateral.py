"""What resting orders can cost, and what is left beside them."""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from sandbox.book import Side
from sandbox.kalshi.accounts import Member, Order
from sandbox.kalshi.listing import Market
from venues.kalshi.fees import model_fee

Markets = Mapping[str, Market]
ZERO = Decimal(0)


def free_cash(markets: Markets, member: Member, shard: int) -> Decimal:
    """Return what is left of a shard's cash when everything that rests would fill."""
    return member.cash.get(shard, ZERO) - needs(markets, member.resting(shard=shard), member)


def affords(markets: Markets, member: Member, order: Order) -> bool:
    """Tell whether an order fits beside all others that rest on its shard."""
    others = [each for each in member.resting(shard=order.shard) if each is not order]
    return needs(markets, [*others, order], member) <= member.cash.get(order.shard, ZERO)


def needs(markets: Markets, orders: Iterable[Order], member: Member) -> Decimal:
    """Return what orders can cost: what they open at their limits, and the takers' fees.

    Contracts that are held close for nothing, once: two sales cannot lean on the same ones.
    """
    total, used = ZERO, dict[tuple[str, Side], Decimal]()
    for order in orders:
        held = member.positions[order.ticker].count if order.ticker in member.positions else ZERO
        key = (order.ticker, order.side)
        closable = max((held if order.side is Side.ASK else -held) - used.get(key, ZERO), ZERO)
        closing = min(order.remaining, closable)
        used[key] = used.get(key, ZERO) + closing
        kind, multiplier = markets[order.ticker].event.fees
        fee = model_fee(
            price=order.price,
            count=order.remaining,
            taker=True,
            multiplier=multiplier,
            kind=kind,
        )
        total += (order.remaining - closing) * order.unit_cost(order.price) + fee
    return total
