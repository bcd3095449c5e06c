"""A venue that fills on paper, against real books or real prints.

Its answers are a pure function of the order, of what it has matched of it already, and of what the
market did after the order arrived: asking twice, or after a crash, gives the same fills with the
same ids, and a print that comes late never takes back one that came before.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import chain

from venues import money
from venues.errors import Refused
from venues.kalshi import fees as kalshi_fees
from venues.polymarket.fees import taker_fee
from venues.types import (
    Book,
    FillReport,
    Level,
    OrderKind,
    OrderReport,
    OrderRequest,
    OrderStatus,
    Prepared,
    Print,
    Side,
)

# Prints of one token after `start` (exclusive) up to `end` (inclusive), oldest first.
Prints = Callable[[str, datetime, datetime], Iterable[Print]]
# The first book of one token that was seen at or after a time, when there is one.
BookAt = Callable[[str, datetime], Book | None]
# Shares of a print that other orders of the same account already took.
Taken = Callable[[str], Decimal]
# Shares of a token and side that other orders of the same account took from books since a time.
TakenFromBooks = Callable[[str, Side, datetime], Decimal]
# What was matched of an order so far, by its client order id.
Matched = Callable[[str], Sequence[FillReport]]


AT_ONCE = (OrderKind.FAK, OrderKind.FOK)
BOOK = "book-"  # begins the name of an offer that comes from a book
REFILLS_AFTER = timedelta(minutes=1)  # until then nobody has put back what was taken


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperTerms:
    """How kind the paper market is. Every field errs on the unkind side."""

    latency: timedelta
    print_share: Decimal  # the part of a printed size that we may take, 0..1
    book_share: Decimal  # the part of a level's size that is there for us, 0..1
    fee_rate: Decimal  # fee = shares x rate x price x (1 - price)
    venue: str = "polymarket"  # whose rounding of fees it has

    def fee(self, *, price: Decimal, shares: Decimal) -> Decimal:
        """Return the fee of one match, USD, as its venue rounds it."""
        if self.venue == "kalshi":
            return kalshi_fees.taker_fee(price=price, shares=shares, rate=self.fee_rate)
        return taker_fee(price=price, shares=shares, rate=self.fee_rate)


class PaperVenue:
    """Fill one account's orders from the tape or the books, late, in part and with fees."""

    name = "paper"

    def __init__(
        self,
        *,
        terms: PaperTerms,
        prints: Prints,
        book_at: BookAt,
        taken: Taken,
        taken_from_books: TakenFromBooks,
        matched: Matched,
    ) -> None:
        self._terms = terms
        self._prints = prints
        self._book_at = book_at
        self._taken = taken
        self._taken_from_books = taken_from_books
        self._matched = matched

    def waits_for(self, request: OrderRequest) -> float:
        return 0.0

    def prepare(self, request: OrderRequest) -> Prepared:
        """Name the order. Raises Refused for one that no exchange would take."""
        if not 0 < request.limit_price < 1:
            raise Refused(f"a limit of {request.limit_price} is not between 0 and 1")
        if request.shares <= 0:
            raise Refused(f"{request.shares} shares is not a size")
        return Prepared(venue_order_id=f"paper-{request.client_order_id}")

    def place_order(
        self, request: OrderRequest, prepared: Prepared, *, not_after: datetime
    ) -> OrderReport:
        """Accept the order. Fills come with its status, once the latency has passed."""
        return OrderReport(venue_order_id=prepared.venue_order_id, status=OrderStatus.LIVE)

    def cancel_order(self, request: OrderRequest, *, now: datetime) -> OrderReport:
        report = self.get_order_status(request, now=now)
        if report.status is OrderStatus.FILLED:
            return report
        return OrderReport(
            venue_order_id=report.venue_order_id,
            status=OrderStatus.CANCELED,
            fills=report.fills,
            reason="cancelled on request",
        )

    def get_order_status(self, request: OrderRequest, *, now: datetime) -> OrderReport:
        fills = tuple(self._fills(request, until=min(now, request.expires_at)))
        filled = sum((fill.shares for fill in fills), money.ZERO)
        if filled == request.shares:
            status = OrderStatus.FILLED
        elif request.kind in AT_ONCE and self._met_a_book(request, until=now):
            status = OrderStatus.CANCELED  # what was there at once, and no more
        elif now >= request.expires_at:
            status = OrderStatus.EXPIRED
        elif filled:
            status = OrderStatus.PARTIAL
        else:
            status = OrderStatus.LIVE
        return OrderReport(
            venue_order_id=f"paper-{request.client_order_id}", status=status, fills=fills
        )

    def _fills(self, request: OrderRequest, *, until: datetime) -> Iterable[FillReport]:
        before = self._matched(request.client_order_id)
        yield from before
        known = {fill.venue_fill_id for fill in before}
        missing = request.shares - sum((fill.shares for fill in before), money.ZERO)
        arrival = request.sent_at + self._terms.latency
        if arrival > until or not missing:
            return
        offers = self._book_offers(request, arrival=arrival, until=until, before=before)
        if request.kind is OrderKind.FOK:
            found = list(offers)
            there = sum((level.shares for _, level, _ in found), money.ZERO)
            offers = found if there >= missing else ()
        elif request.kind is not OrderKind.FAK:
            prints = self._print_offers(request, arrival=arrival, until=until)
            offers = chain(offers, prints)
        for offer_id, level, at in offers:
            fill_id = f"{request.client_order_id}:{offer_id}"
            shares = min(missing, level.shares)
            if shares <= 0 or fill_id in known:
                continue
            missing -= shares
            yield FillReport(
                venue_fill_id=fill_id,
                price=level.price,
                shares=shares,
                fee=self._terms.fee(price=level.price, shares=shares),
                at=at,
            )
            if not missing:
                return

    def _met_a_book(self, request: OrderRequest, *, until: datetime) -> bool:
        arrival = request.sent_at + self._terms.latency
        if arrival > until:
            return False
        if self._matched(request.client_order_id):
            return True
        book = self._book_at(request.token, arrival)
        return book is not None and book.at <= until

    def _book_offers(
        self,
        request: OrderRequest,
        *,
        arrival: datetime,
        until: datetime,
        before: Sequence[FillReport],
    ) -> Iterable[tuple[str, Level, datetime]]:
        book = self._book_at(request.token, arrival)
        if book is None or book.at > until:
            return
        if any(
            fill.venue_fill_id.startswith(f"{request.client_order_id}:{BOOK}") for fill in before
        ):
            return  # it went through a book once: what that one offered is not there again
        levels: Sequence[Level] = book.asks if request.side is Side.BUY else book.bids
        # Whoever took of this book lately finds it as thin as he left it.
        gone = self._taken_from_books(request.token, request.side, book.at - REFILLS_AFTER)
        for depth, found in enumerate(levels):
            ours = money.floor_shares(found.shares * self._terms.book_share)
            level = Level(price=found.price, shares=max(ours - gone, money.ZERO))
            gone = max(gone - ours, money.ZERO)
            if crosses(request, price=level.price):
                yield f"{BOOK}{book.at.isoformat()}-{depth}", level, book.at

    def _print_offers(
        self, request: OrderRequest, *, arrival: datetime, until: datetime
    ) -> Iterable[tuple[str, Level, datetime]]:
        for seen in self._prints(request.token, arrival, until):
            # Only takers on our own side: what they paid is what we would have paid.
            if seen.side is request.side and crosses(request, price=seen.price):
                ours = money.floor_shares(seen.shares * self._terms.print_share)
                left = ours - self._taken(seen.id)
                yield seen.id, Level(price=seen.price, shares=left), seen.at


def crosses(request: OrderRequest, *, price: Decimal) -> bool:
    """Tell whether a price is as good as the order's limit, or better."""
    if request.side is Side.BUY:
        return price <= request.limit_price
    return price >= request.limit_price
