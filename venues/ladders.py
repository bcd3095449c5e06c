"""Order books in whole numbers: exact, and quick to build from frames and to walk.

Prices are in hundredths of a cent, sizes in millionths of a share: both venues write no finer.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from venues.reading import BadMessage
from venues.types import Level

PRICES, SIZES = 10_000, 1_000_000  # units of a dollar, of a share
LARGEST = 10**8  # shares at one price
FINER = 0.05  # of a unit, squared: how far all numbers of a side may be from whole ones
UNITS = np.array((PRICES, SIZES), dtype=np.float64)
Rungs = tuple[tuple[int, int], ...]  # (price, size), best first


class Asks:
    """What is asked for a token, as a venue wrote it: the best price is read at once, for whoever
    scans many books, and the levels only when somebody walks them.
    """

    __slots__ = ("_levels", "_mirrored", "_rungs", "best")

    def __init__(self, levels: Sequence[Sequence[str]], *, mirrored: bool) -> None:
        """Take levels of price and size; `mirrored` ones are bids for the other outcome.

        Raises BadMessage for prices that cannot be read.
        """
        self._levels, self._mirrored = levels, mirrored
        self._rungs: Rungs | None = None
        self.best: int | None = None  # the best price; None where nothing is asked
        if levels:
            prices = _numbers([level[0] for level in levels])
            best = price_of(prices.max() if mirrored else prices.min())
            self.best = PRICES - best if mirrored else best

    @property
    def rungs(self) -> Rungs:
        """Return all levels, best first. Raises BadMessage."""
        if self._rungs is None:
            sizes = sizes_of(self._levels)
            self._rungs = mirrored(sizes) if self._mirrored else best_asks(sizes)
        return self._rungs


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
    return tuple([(PRICES - price, size) for price, size in sorted(sizes.items(), reverse=True)])


def sizes_of(levels: Iterable[Sequence[str]]) -> dict[int, int]:
    """Read one side of a whole book from price and size, written as text: size by price, without
    what is empty. Raises BadMessage.
    """
    texts = list(chain.from_iterable(levels))
    if not texts:
        return {}
    if len(texts) % 2:
        raise BadMessage("a level of the book is not a price and a size")
    exact = _numbers(texts).reshape(-1, 2) * UNITS
    whole = np.rint(exact)
    rest = (exact - whole).ravel()
    if rest.dot(rest) > FINER:
        raise BadMessage("a level of the book is finer, or larger, than any book")
    sizes: dict[int, int] = dict(whole.astype(np.int64).tolist())
    least = min(sizes.values())
    if not (min(sizes) > 0 and max(sizes) < PRICES and least >= 0):
        raise BadMessage("a level of the book has no price between 0 and 1, or no size")
    return sizes if least else {at: of for at, of in sizes.items() if of}


def _numbers(texts: list[str]) -> npt.NDArray[np.float64]:
    """Read many numbers at once: as one JSON list where they are JSON's, else one by one."""
    try:
        joined = ",".join(texts)  # nothing but text: a number, or a truth, is none of a level
        if "e" in joined:
            raise ValueError(joined[:40])
        quick = orjson.loads(f"[{joined}]")
        return np.fromiter(quick, dtype=np.float64, count=len(texts))
    except (ValueError, TypeError):
        return _one_by_one(texts)


def _one_by_one(texts: list[str]) -> npt.NDArray[np.float64]:
    """Read numbers as Python writes them; says what is wrong with one that is none."""
    try:
        found = [float(text) for text in texts]
    except (ValueError, TypeError):
        raise BadMessage("a level of the book is not written as numbers") from None
    if not all(isinstance(text, str) for text in texts):
        raise BadMessage("a level of the book is not written as text")
    if not all(abs(each) < LARGEST for each in found):
        raise BadMessage("a level of the book is larger than any book")
    return np.array(found, dtype=np.float64)


def rungs(levels: Iterable[Level]) -> Rungs:
    """Return levels as rungs, in their order."""
    return tuple((price_of(each.price), size_of(each.shares)) for each in levels)


def levels(found: Rungs) -> tuple[Level, ...]:
    return tuple(
        Level(price=Decimal(price).scaleb(-4), shares=Decimal(size).scaleb(-6))
        for price, size in found
    )
