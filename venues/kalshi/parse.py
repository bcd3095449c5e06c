"""Kalshi's JSON into our types, once, at the edge (reference: kalshi.md sections 3 and 4).

A market has one book on the price of YES. We know two outcomes of it, as on other venues: the
tokens `TICKER:yes` and `TICKER:no`. Buying NO at p is an ask at 1 - p, selling NO at p is a bid.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from venues import money
from venues.ladders import Asks
from venues.reading import BadMessage, clean, moment, number, text
from venues.types import Book, Level, PriceRange, Print, Side

ONE = Decimal(1)
YES, NO = "yes", "no"
Row = Mapping[str, Any]


class BookSide(StrEnum):
    """A side of the one book: a bid buys YES, an ask sells it."""

    BID = "bid"
    ASK = "ask"


@dataclass(frozen=True, slots=True, kw_only=True)
class Resting:
    """Both ladders of a market: bids for YES and for NO, each at its own price, USD."""

    yes: Mapping[Decimal, Decimal]
    no: Mapping[Decimal, Decimal]


def token_of(ticker: str, outcome: str) -> str:
    return f"{ticker}:{outcome}"


def ticker_of(token: str) -> str:
    return split(token)[0]


def split(token: str) -> tuple[str, str]:
    """Return ticker and `yes` or `no`. Raises BadMessage for what is no token of Kalshi."""
    ticker, _, outcome = token.rpartition(":")
    if not ticker or outcome not in (YES, NO):
        raise BadMessage(f"{token[:60]!r} is no outcome of Kalshi: TICKER:yes or TICKER:no")
    return ticker, outcome


def book_side(token: str, side: Side) -> BookSide:
    """Return the side of the book on which an outcome is bought or sold."""
    buys_yes = (split(token)[1] == YES) == (side is Side.BUY)
    return BookSide.BID if buys_yes else BookSide.ASK


def yes_price(token: str, price: Decimal) -> Decimal:
    """Return the YES price of an outcome's price; and the other way round."""
    return price if split(token)[1] == YES else ONE - price


def on_grid(price: Decimal, *, side: BookSide, ranges: Sequence[PriceRange]) -> Decimal:
    """Return the nearest YES price that may be ordered at and is no worse for us: a bid goes down,
    an ask goes up. Raises BadMessage where there is none between 0 and 1.
    """
    rounded = money.floor_tick if side is BookSide.BID else money.ceil_tick
    found = [
        each.start + rounded(price - each.start, tick=each.step)
        for each in ranges
        if each.start <= price <= each.end
    ]
    best = (max if side is BookSide.BID else min)(found, default=None)
    if best is None or not 0 < best < 1:
        raise BadMessage(f"a price of {price} is not on this market's grid")
    return best


def written(value: Any, name: str) -> Decimal:
    """Return dollars, or a count, written as text. Raises BadMessage for a bare number."""
    if not isinstance(value, str):
        raise BadMessage(f"{name} {value!r} is not written as text")
    return number(value, name)


def price_text(price: Decimal) -> str:
    return f"{price:.4f}"


def count_text(count: Decimal) -> str:
    return f"{count:.2f}"


def resting(row: Row) -> Resting:
    """Parse the two ladders of an `orderbook_fp`; a side that is not there is empty."""
    return Resting(yes=_ladder(row, "yes_dollars"), no=_ladder(row, "no_dollars"))


def _ladder(row: Row, name: str) -> dict[Decimal, Decimal]:
    levels = row.get(name)
    if levels is None:
        levels = []
    if not isinstance(levels, list):
        raise BadMessage(f"{name} is no list of levels")
    found = dict(level(each, name) for each in levels)
    return {price: count for price, count in found.items() if count > 0}


def level(row: Any, name: str) -> tuple[Decimal, Decimal]:
    if not isinstance(row, list | tuple) or len(row) != 2:
        raise BadMessage(f"{name} has {str(row)[:40]!r} in place of price and count")
    price, count = number(row[0], name), number(row[1], name)
    if not 0 < price < 1 or count < 0:
        raise BadMessage(f"{name} has {count} at {price}")
    return price, count


def book(token: str, found: Resting, *, at: datetime) -> Book:
    """Return the book of one outcome, best first. Whoever bids for the other one sells this one."""
    yes = split(token)[1] == YES
    own, other = (found.yes, found.no) if yes else (found.no, found.yes)
    return Book(
        token=token,
        bids=tuple(_levels(own.items(), best_is_highest=True)),
        asks=tuple(
            _levels(((ONE - price, count) for price, count in other.items()), best_is_highest=False)
        ),
        at=at,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenBook:
    """The book of one outcome as the exchange wrote it: read as far as somebody asks."""

    token: str
    row: Row  # both ladders
    asks: Asks
    at: datetime

    def book(self) -> Book:
        """Return all of it. Raises BadMessage."""
        return book(self.token, resting(self.row), at=self.at)


def written_books(row: Row, *, at: datetime) -> dict[str, WrittenBook]:
    """Return the books of both outcomes of a market, by token. Raises BadMessage."""
    ticker, both = text(row, "ticker", most=120), row["orderbook_fp"]
    bids = {YES: both.get("yes_dollars") or [], NO: both.get("no_dollars") or []}
    return {
        token_of(ticker, outcome): WrittenBook(
            token=token_of(ticker, outcome), row=both, asks=Asks(bids[other], mirrored=True), at=at
        )
        for outcome, other in ((YES, NO), (NO, YES))
    }


def _levels(levels: Iterable[tuple[Decimal, Decimal]], *, best_is_highest: bool) -> Iterable[Level]:
    for price, count in sorted(levels, reverse=best_is_highest):
        yield Level(price=price, shares=count)


def public_trade(row: Row) -> Print:
    """Parse one public trade, as what its taker did to YES."""
    ticker = clean(row.get("ticker"), most=120) or text(row, "market_ticker", most=120)
    taker = clean(row.get("taker_outcome_side"), most=10) or clean(row.get("taker_side"), most=10)
    if taker not in (YES, NO):
        raise BadMessage(f"taker_outcome_side {taker!r} is neither yes nor no")
    return Print(
        id=text(row, "trade_id", most=80),
        token=token_of(ticker, YES),
        side=Side.BUY if taker == YES else Side.SELL,
        price=written(row.get("yes_price_dollars"), "yes_price_dollars"),
        shares=number(row.get("count_fp"), "count_fp"),
        at=_traded_at(row),
    )


def _traded_at(row: Row) -> datetime:
    return moment(row.get("created_time") or row.get("time"), "created_time")
