"""What an order would take of those it meets."""

from decimal import Decimal

from sandbox.book import Resting
from sandbox.polymarket.markets import MICRO
from sandbox.polymarket.rows import Order

ZERO = Decimal(0)


def taken(order: Order, meets: list[Resting]) -> list[tuple[Resting, Decimal]]:
    """Return what an order takes of each resting one; a market order spends its dollars."""
    found: list[tuple[Resting, Decimal]] = []
    shares, dollars = order.remaining, order.spend
    for each in meets:
        price = order.market.own_price(order.token, each.price)
        most = shares if dollars is None else (dollars / price).quantize(MICRO, "ROUND_FLOOR")
        count = min(most, each.remaining)
        if count <= 0:
            break
        found.append((each, count))
        if dollars is None:
            shares -= count
        else:
            dollars -= count * price
    return found


def is_short(order: Order, taken: list[tuple[Resting, Decimal]]) -> bool:
    """Tell whether an order that must fill whole would not."""
    if order.spend is None:
        return sum((shares for _, shares in taken), ZERO) < order.remaining
    own = order.market.own_price
    spent = sum((shares * own(order.token, each.price) for each, shares in taken), ZERO)
    return order.spend - spent > Decimal("0.01")
