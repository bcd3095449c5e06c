"""What a recording tells the sandbox, and what a recorded market is called on it."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sandbox.polymarket.markets import FINE, Market
from venues.types import Book, Trade

CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True, kw_only=True)
class Quoted:
    """A recorded book of one outcome; on Kalshi of a ticker's YES."""

    venue: str
    market: str
    book: Book


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a market of Polymarket ended: the name of the outcome that won, or `50-50`."""

    market: str
    winner: str
    at: datetime


Happening = Trade | Quoted | Ended


def when(each: Happening) -> datetime:
    return each.book.at if isinstance(each, Quoted) else each.at


def condition_of(market: str) -> str:
    """Return a condition id for a recorded market, which may be known by another name."""
    if market.startswith("0x"):
        return market.lower()
    return "0x" + hashlib.sha256(market.encode()).hexdigest()


def token_of(name: str) -> str:
    """Return a token id for a recorded outcome: a number, as on the chain."""
    if name.isdecimal():
        return name
    return str(int.from_bytes(hashlib.sha256(name.encode()).digest()[:31], "big"))


def market_of(name: str, title: str, tokens: dict[str, str]) -> Market:
    """Return a market of a tape; without a second outcome it gets one of its own."""
    named = list(tokens.items())[:2]
    if len(named) == 1:
        named.append((f"not {named[0][0]}", f"Not {named[0][1]}"))
    (first, yes), (second, no) = named
    condition = condition_of(name)
    return Market(
        condition=condition,
        slug=name if not name.startswith("0x") else condition,
        question=title,
        outcomes=(yes or "1", no or "2"),
        tokens=(token_of(first), token_of(second)),
        tick=FINE,
        min_size=CENT,
        clears_book=False,
    )


def share_of_first(market: Market, winner: str) -> Decimal | None:
    """Return what a share of the first outcome pays; None for a winner that is none.

    A tape may never have named the other outcome: then `No` has beaten `Yes`.
    """
    if winner in ("50-50", "0.5/0.5"):
        return Decimal("0.5")
    wanted = winner.casefold()
    first, second = (name.casefold() for name in market.outcomes)
    if wanted == first:
        return Decimal(1)
    unnamed = second == f"not {first}" and {first, wanted} == {"yes", "no"}
    return Decimal(0) if wanted == second or unnamed else None
