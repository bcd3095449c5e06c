"""Kalshi's fees: a model fee, then the cash change aligned to the account's grid.

Source: the exchange's fee schedule and its page on fee rounding.
"""

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from enum import StrEnum

TAKER = Decimal("0.07")
MICRO = Decimal("0.000001")
DIRECT = Decimal("0.0001")  # the balance grid of an account of one's own
ZERO = Decimal(0)


class FeeType(StrEnum):
    QUADRATIC = "quadratic"
    QUADRATIC_WITH_MAKER_FEES = "quadratic_with_maker_fees"
    QUADRATIC_WITH_COMBO_MAKER_FEES = "quadratic_with_combo_maker_fees"


MAKER_SHARE = {
    FeeType.QUADRATIC: ZERO,
    FeeType.QUADRATIC_WITH_MAKER_FEES: Decimal("0.25"),
    FeeType.QUADRATIC_WITH_COMBO_MAKER_FEES: Decimal("0.5"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Charged:
    """The fee of one fill, USD, and what its order has paid too much so far."""

    fee: Decimal
    accumulated: Decimal


def model_fee(
    *, price: Decimal, count: Decimal, multiplier: Decimal, kind: FeeType, taker: bool
) -> Decimal:
    """Return multiplier x 0.07 x count x price x (1 - price), in part for makers, in micro-dollars
    rounded up.
    """
    share = Decimal(1) if taker else MAKER_SHARE[kind]
    exact = multiplier * TAKER * share * count * price * (1 - price)
    return exact.quantize(MICRO, ROUND_CEILING)


def charge(
    *, revenue: Decimal, model: Decimal, accumulated: Decimal, grid: Decimal = DIRECT
) -> Charged:
    """Align the cash change of a fill to the grid; what that took too much comes back in whole
    steps of the grid as soon as an order has gathered one, and never makes a fee negative.

    `revenue` is the cash of the fill without its fee, negative for a purchase.
    """
    exact = revenue - model
    fee = model + exact - _floor(exact, grid)
    accumulated += fee - model
    back = min(_floor(accumulated, grid), _floor(fee, grid))
    return Charged(fee=fee - back, accumulated=accumulated - back)


def _floor(amount: Decimal, grid: Decimal) -> Decimal:
    return (amount / grid).to_integral_value(ROUND_FLOOR) * grid
