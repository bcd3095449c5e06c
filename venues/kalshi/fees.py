"""Kalshi's fees: a model fee, then the cash change aligned to the account's grid.

Source: the exchange's fee schedule and its page on fee rounding (reference: kalshi.md section 5).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from venues import money
from venues.money import ZERO

TAKER = Decimal("0.07")
DIRECT = Decimal("0.0001")  # USD, the balance grid of an account of one's own


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
class FeeTerms:
    """What fees a market has at a time."""

    kind: FeeType
    multiplier: Decimal

    @property
    def rate(self) -> Decimal:
        """Return the taker's rate: fee = shares x rate x price x (1 - price), before rounding."""
        return TAKER * self.multiplier


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeChange:
    """Fees that are others from a time on; what is None stays, or is the series' again."""

    kind: FeeType | None
    multiplier: Decimal | None
    at: datetime
    is_known: bool = True  # whether anybody knows their formula


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
    return money.ceil_micro(multiplier * TAKER * share * count * price * (1 - price))


def charge(
    *, revenue: Decimal, model: Decimal, accumulated: Decimal, grid: Decimal = DIRECT
) -> Charged:
    """Align the cash change of a fill to the grid; what that took too much comes back in whole
    steps of the grid as soon as an order has gathered one, and never makes a fee negative.

    `revenue` is the cash of the fill without its fee, negative for a purchase.
    """
    exact = revenue - model
    fee = model + exact - money.floor_tick(exact, tick=grid)
    accumulated += fee - model
    back = min(money.floor_tick(accumulated, tick=grid), money.floor_tick(fee, tick=grid))
    return Charged(fee=fee - back, accumulated=accumulated - back)


def taker_fee(*, price: Decimal, shares: Decimal, rate: Decimal) -> Decimal:
    """Return what one purchase costs beside its price, as an order's first match is rounded."""
    model = money.ceil_micro(rate * shares * price * (1 - price))
    return charge(revenue=-price * shares, model=model, accumulated=ZERO).fee


def dearest(
    now: FeeTerms, changes: Iterable[FeeChange], *, series: FeeTerms, until: datetime
) -> FeeTerms | None:
    """Return the dearest taker terms that hold from now to a time: what an order may have to pay
    that rests so long; None where some are not known. A change to nothing means the terms of the
    series again.
    """
    found = now
    for change in changes:
        if change.at <= until:
            if not change.is_known:
                return None
            multiplier = series.multiplier if change.multiplier is None else change.multiplier
            later = FeeTerms(kind=change.kind or series.kind, multiplier=multiplier)
            found = max(found, later, key=lambda each: each.rate)
    return found
