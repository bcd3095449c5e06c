"""Double entry: every change of money as postings that sum to zero."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum


class Book(StrEnum):
    CASH = "CASH"
    POSITIONS = "POSITIONS"  # at cost, fees included
    REALISED = "REALISED"  # income: a profit is a credit, so negative
    CAPITAL = "CAPITAL"


class EntryKind(StrEnum):
    DEPOSIT = "DEPOSIT"
    BUY = "BUY"
    SALE = "SALE"
    SETTLEMENT = "SETTLEMENT"
    NETTING = "NETTING"  # a YES and a NO of one market pay a dollar as soon as they meet
    VOID = "VOID"  # takes back what a match booked that never became money


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    book: Book
    amount: Decimal  # USD


def deposit(amount: Decimal) -> tuple[Line, ...]:
    return (Line(book=Book.CASH, amount=amount), Line(book=Book.CAPITAL, amount=-amount))


def buy(*, cost: Decimal) -> tuple[Line, ...]:
    """Return the postings of a purchase; `cost` includes the fee."""
    return (Line(book=Book.CASH, amount=-cost), Line(book=Book.POSITIONS, amount=cost))


def void(*, cash: Decimal, basis: Decimal) -> tuple[Line, ...]:
    """Return the postings that take back a match: the cash and the cost basis that it changed."""
    return (
        Line(book=Book.CASH, amount=cash),
        Line(book=Book.POSITIONS, amount=basis),
        Line(book=Book.REALISED, amount=-cash - basis),
    )


def close(*, basis: Decimal, proceeds: Decimal) -> tuple[Line, ...]:
    """Return the postings of a sale or a settlement; `proceeds` are after the fee."""
    return (
        Line(book=Book.CASH, amount=proceeds),
        Line(book=Book.POSITIONS, amount=-basis),
        Line(book=Book.REALISED, amount=basis - proceeds),
    )
