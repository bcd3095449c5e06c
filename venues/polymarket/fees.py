"""Polymarket's taker fee (reference: polymarket.md section 6). The rate is per market."""

from decimal import Decimal

from venues import money


def taker_fee(*, price: Decimal, shares: Decimal, rate: Decimal) -> Decimal:
    """Return the fee in dollars: shares x rate x price x (1 - price), floored to 5 decimals."""
    return money.floor_fee(shares * rate * price * (1 - price))


def worst_cost_per_share(*, limit_price: Decimal, rate: Decimal) -> Decimal:
    """Return price and fee of a share bought at its limit.

    price + rate x price x (1 - price) rises with the price for any rate under 1, so no cheaper
    fill costs more than one at the limit.
    """
    return limit_price + rate * limit_price * (1 - limit_price)
