"""What the paper venue sees of the market: the stored prints, and what an account took of them."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings

from markets.queries import rows
from trading.models import Order
from venues.money import ZERO
from venues.paper import AT_ONCE, BOOK, REFILLS_AFTER, BookAt, PaperTerms, PaperVenue
from venues.types import Book, FillReport, Print, Side

PRINTS = """
SELECT t.outcome_id, t.transaction, t.counter, t.side, t.price, t.shares, t.at, o.token
  FROM whales_whaletrade t JOIN markets_outcome o ON o.id = t.outcome_id
 WHERE t.outcome_id = ANY(%(outcomes)s) AND t.at > %(start)s AND t.at <= %(end)s
 ORDER BY t.at, t.id
"""
TAKEN = """
SELECT f.account_id, f.order_id, f.print_id, f.venue_fill_id, f.price, f.shares, f.fee, f.at,
       w.side, w.outcome_id
  FROM trading_fill f JOIN trading_order w ON w.id = f.order_id
 WHERE w.outcome_id = ANY(%(outcomes)s) AND w.account_id = ANY(%(accounts)s) AND f.at > %(start)s
 ORDER BY f.id
"""


class Tape:
    """Prints and paper fills around a set of orders, read in two statements when first needed."""

    def __init__(
        self, orders: Sequence[Order], *, now: datetime, book_at: BookAt | None = None
    ) -> None:
        self._outcomes = list({order.outcome_id for order in orders})
        self._accounts = list({order.account_id for order in orders})
        self._start = min((order.sent_at or now for order in orders), default=now)
        self._now = now
        self._book_at = book_at or no_book
        self._prints: dict[int, list[Print]] | None = None
        self._fills: list[dict[str, Any]] | None = None

    def venue(self, order: Order) -> PaperVenue:
        """Return the paper venue as this order's account meets it."""

        def prints(token: str, start: datetime, end: datetime) -> Iterable[Print]:
            found = self._read_prints().get(order.outcome_id, ())
            return (each for each in found if start < each.at <= end)

        def taken(print_id: str) -> Decimal:
            return sum(
                (
                    row["shares"]
                    for row in self._read_fills()
                    if (row["account_id"], row["print_id"]) == (order.account_id, print_id)
                    and row["order_id"] != order.pk
                ),
                ZERO,
            )

        def taken_from_books(token: str, side: Side, since: datetime) -> Decimal:
            return sum(
                (
                    row["shares"]
                    for row in self._read_fills()
                    if (row["account_id"], row["outcome_id"])
                    == (order.account_id, order.outcome_id)
                    and (row["side"], row["order_id"] != order.pk) == (side.value, True)
                    and row["print_id"].startswith(BOOK)
                    and row["at"] >= since
                ),
                ZERO,
            )

        def matched(client_order_id: str) -> list[FillReport]:
            return [_report(row) for row in self._read_fills() if row["order_id"] == order.pk]

        return PaperVenue(
            terms=terms(order),
            prints=prints,
            book_at=self._book_at,
            taken=taken,
            taken_from_books=taken_from_books,
            matched=matched,
        )

    def _read_prints(self) -> dict[int, list[Print]]:
        if self._prints is None:
            self._prints = {}
            span = {"outcomes": self._outcomes, "start": self._start, "end": self._now}
            for row in rows(PRINTS, span):
                self._prints.setdefault(row["outcome_id"], []).append(
                    Print(
                        id=f"{row['transaction']}:{row['counter']}",
                        token=row["token"],
                        side=Side(row["side"]),
                        price=row["price"],
                        shares=row["shares"],
                        at=row["at"],
                    )
                )
        return self._prints

    def _read_fills(self) -> list[dict[str, Any]]:
        """Return what the accounts' orders took of these outcomes, oldest first."""
        if self._fills is None:
            start = self._start - REFILLS_AFTER
            key = {"outcomes": self._outcomes, "accounts": self._accounts, "start": start}
            self._fills = rows(TAKEN, key)
        return self._fills


def _report(row: dict[str, Any]) -> FillReport:
    return FillReport(
        venue_fill_id=row["venue_fill_id"],
        price=row["price"],
        shares=row["shares"],
        fee=row["fee"],
        at=row["at"],
    )


def terms(order: Order) -> PaperTerms:
    market = order.outcome.market
    seconds = float(settings.PAPER_LATENCY_SECONDS)
    if order.kind in AT_ONCE:
        seconds = float(settings.PAPER_TAKER_LATENCY_SECONDS) + market.seconds_delay
    return PaperTerms(
        latency=timedelta(seconds=seconds),
        print_share=settings.PAPER_PRINT_SHARE,
        book_share=settings.PAPER_BOOK_SHARE,
        fee_rate=order.fee_rate,
        venue=market.venue,
    )


def no_book(token: str, at: datetime) -> Book | None:
    """Trade tapes carry no books; a feed with books brings its own lookup."""
    return None
