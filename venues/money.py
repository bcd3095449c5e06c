"""The only module that rounds. Every name says which way.

Dollars are booked to the micro-dollar (the collateral's own six decimals) and shown in cents.
"""

from collections.abc import Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal

import numpy as np
import numpy.typing as npt

CENT = Decimal("0.01")
MICRO = Decimal("0.000001")
FEE_STEP = Decimal("0.00001")  # Polymarket floors fees to five decimals
SHARE_STEP = Decimal("0.01")  # what we order; fills may be finer
TICK = Decimal("0.01")
ZERO = Decimal(0)

Floats = npt.NDArray[np.float64]


def floor_cents(dollars: Decimal) -> Decimal:
    return dollars.quantize(CENT, ROUND_FLOOR)


def ceil_cents(dollars: Decimal) -> Decimal:
    return dollars.quantize(CENT, ROUND_CEILING)


def nearest_cents(dollars: Decimal) -> Decimal:
    return dollars.quantize(CENT, ROUND_HALF_UP)


def floor_micro(dollars: Decimal) -> Decimal:
    return dollars.quantize(MICRO, ROUND_FLOOR)


def ceil_micro(dollars: Decimal) -> Decimal:
    return dollars.quantize(MICRO, ROUND_CEILING)


def floor_fee(dollars: Decimal) -> Decimal:
    return dollars.quantize(FEE_STEP, ROUND_FLOOR)


def floor_shares(shares: Decimal) -> Decimal:
    return shares.quantize(SHARE_STEP, ROUND_FLOOR)


def floor_tick(price: Decimal, *, tick: Decimal = TICK) -> Decimal:
    return (price / tick).to_integral_value(ROUND_FLOOR) * tick


def ceil_tick(price: Decimal, *, tick: Decimal = TICK) -> Decimal:
    return (price / tick).to_integral_value(ROUND_CEILING) * tick


def nearest_cents_array(dollars: Floats) -> Floats:
    """Return whole cents, half up. Noise of the last bits is cut at a millionth of a cent."""
    return np.floor(np.round(dollars * 100, 6) + 0.5)


def floor_cents_array(dollars: Floats) -> Floats:
    """Return whole cents, down.

    Exact for sums of cents times percentages of up to four decimals: those lie on a grid of
    10^-4 cents, far coarser than the millionth of a cent at which float noise is cut.
    """
    return np.floor(np.round(dollars * 100, 6))


def dollars_from_cents(cents: float) -> Decimal:
    """Cross from a float that holds whole cents to dollars: the only such crossing."""
    return Decimal(int(cents)).scaleb(-2)


def split_cents(total: Decimal, parts: Sequence[Decimal]) -> list[Decimal]:
    """Round parts to cents so that they add up to the rounded total (largest remainder)."""
    target = nearest_cents(total)
    floors = [floor_cents(part) for part in parts]
    missing = int((target - sum(floors, ZERO)) / CENT)
    by_remainder = sorted(range(len(parts)), key=lambda i: floors[i] - parts[i])
    for i in by_remainder[: max(missing, 0)]:
        floors[i] += CENT
    return floors
