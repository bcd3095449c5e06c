"""Order books in whole numbers: exact, and quick to build from frames and to walk.

Prices are in hundredths of a cent, sizes in millionths of a share: both venues write no finer.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from venues.reading import BadMessage
from venues.types import Level

PRICES, SIZES = 10_000, 1_000_000  # units of a dollar, of a share
Rungs = tuple[tuple[int, int], ...]  # (price, size), best first


def price_of(text: Any) -> int:
    """Read a price between 0 and 1. Raises BadMessage."""
    found = _whole(text, PRICES)
    if not 0 < found < PRICES:
        raise BadMessage(f"a price of {str(text)[:40]!r} is not between 0 and 1")
    return found


def size_of(text: Any) -> int:
    """Read a size; a change of one may be negative. Raises BadMessage."""
    return _whole(text, SIZES)


def _whole(text: Any, units: int) -> int:
    if isinstance(text, bool):
        raise BadMessage(f"{text!r} is no number")
    try:
        # Floats hold fifteen digits: enough for both, and the check below finds what is finer.
        exact = float(text) * units
        found = round(exact)
    except (TypeError, ValueError, OverflowError):
        raise BadMessage(f"{str(text)[:40]!r} is no number") from None
    if abs(exact - found) > 0.001 + abs(exact) * 1e-14 or abs(found) >= 10**15:
        raise BadMessage(f"{str(text)[:40]!r} is finer, or larger, than any book")
    return found


def best_asks(sizes: Mapping[int, int]) -> Rungs:
    return tuple(sorted(sizes.items()))


def best_bids(sizes: Mapping[int, int]) -> Rungs:
    return tuple(sorted(sizes.items(), reverse=True))


def mirrored(sizes: Mapping[int, int]) -> Rungs:
    """Return the asks that the bids of the other outcome are, best first."""
    return tuple((PRICES - price, size) for price, size in sorted(sizes.items(), reverse=True))


def rungs(levels: Iterable[Level]) -> Rungs:
    """Return levels as rungs, in their order."""
    return tuple((price_of(each.price), size_of(each.shares)) for each in levels)


def levels(found: Rungs) -> tuple[Level, ...]:
    return tuple(
        Level(price=Decimal(price).scaleb(-4), shares=Decimal(size).scaleb(-6))
        for price, size in found
    )
