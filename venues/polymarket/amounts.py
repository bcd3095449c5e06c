"""From a limit and a size to the two integers of a signed order (polymarket.md section 3.5).

What is signed never implies a worse price than the limit, and never a price between two ticks that
nobody quotes: an order that rounds to such a price would rest, or die, for ever.
"""

from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal
from math import gcd

from venues.types import Shares, Side, Terms, Usd

MILLION = 1_000_000
MIN_MARKETABLE = Decimal(1)  # USD of an order to buy that takes at once
ZERO = Decimal(0)


class BadOrder(ValueError):
    """An order that the venue would not take; the text says what it would."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Amounts:
    """What is given and what is asked for it, in millionths of a dollar and of a share."""

    give: int
    get: int
    price: Decimal  # USD per share that the two imply, exactly
    shares: Decimal


def limit_amounts(*, side: Side, limit: Decimal, shares: Decimal, terms: Terms) -> Amounts:
    """Return the amounts of an order that may rest. Raises BadOrder."""
    price = on_tick(limit, side=side, terms=terms)
    count = _floor(shares, 2)
    if count < terms.min_shares:
        raise BadOrder(f"This market takes {terms.min_shares:f} shares or more, not {count:f}.")
    # Price and size have few decimals enough for the product to be exact in millionths.
    return _amounts(side=side, dollars=price * count, shares=count, price=price)


def market_amounts(*, side: Side, limit: Decimal, amount: Usd | Shares, terms: Terms) -> Amounts:
    """Return the amounts of an order that takes what is there up to a hard limit. Raises BadOrder.

    Dollars may have two decimals only, so the number of shares is the largest for which the price
    is exactly the limit.
    """
    price = on_tick(limit, side=side, terms=terms)
    if side is Side.SELL:
        if isinstance(amount, Usd):
            raise BadOrder("A sale is of shares, not of dollars.")
        count = _floor(amount.count, 2)
        if count <= 0:
            raise BadOrder(f"{amount.count:f} shares is less than the venue can count.")
        return _amounts(side=side, dollars=price * count, shares=count, price=price)
    most = amount.amount if isinstance(amount, Usd) else amount.count * price
    # shares = cents / (100 x price) must have at most `decimals` decimals: cents come in steps.
    decimals = _decimals(terms.tick) + 2
    scaled = int(price.scaleb(_decimals(terms.tick)))
    whole = 10 ** (decimals + _decimals(terms.tick) - 2)
    step = scaled // gcd(scaled, whole)
    cents = int(most.scaleb(2).to_integral_value(ROUND_FLOOR)) // step * step
    dollars = Decimal(cents).scaleb(-2)
    if dollars < MIN_MARKETABLE:
        raise BadOrder(f"The venue takes $1 or more at once, not ${max(dollars, most):.2f}.")
    return _amounts(side=side, dollars=dollars, shares=dollars / price, price=price)


def on_tick(limit: Decimal, *, side: Side, terms: Terms) -> Decimal:
    """Return a limit that the market quotes, never worse than the one that was asked for.

    Raises BadOrder when none is left between the first and the last tick.
    """
    steps = limit / terms.tick
    whole = steps.to_integral_value(ROUND_FLOOR)
    if side is Side.SELL and whole != steps:
        whole += 1
    price = whole * terms.tick
    if not terms.tick <= price <= 1 - terms.tick:
        raise BadOrder(
            f"A limit of {limit:f} is not between {terms.tick:f} and {1 - terms.tick:f}, "
            "the prices that this market quotes."
        )
    return price


def _amounts(*, side: Side, dollars: Decimal, shares: Decimal, price: Decimal) -> Amounts:
    money, count = (int(each * MILLION) for each in (dollars, shares))
    if min(money, count) <= 0:
        raise BadOrder("The order rounds to nothing.")
    give, get = (money, count) if side is Side.BUY else (count, money)
    return Amounts(give=give, get=get, price=price, shares=Decimal(count) / MILLION)


def _floor(value: Decimal, decimals: int) -> Decimal:
    return value.quantize(Decimal(1).scaleb(-decimals), ROUND_FLOOR)


def _decimals(tick: Decimal) -> int:
    exponent = tick.normalize().as_tuple().exponent
    assert isinstance(exponent, int)
    return -exponent
