"""What the paper venue sees of the market: the stored prints, and what an account took of them."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal

from django.conf import settings
from django.db.models import Sum

from trading.models import Fill, Order
from venues.money import ZERO
from venues.paper import PaperTerms, PaperVenue
from venues.types import Book, Print, Side
from whales.models import WhaleTrade


def venue(order: Order) -> PaperVenue:
    """Return the paper venue as this order's account meets it."""

    def prints(token: str, start: datetime, end: datetime) -> Iterable[Print]:
        rows = WhaleTrade.objects.filter(
            outcome_id=order.outcome_id, side=order.side, at__gt=start, at__lte=end
        )
        for row in rows.order_by("at", "transaction", "counter"):
            yield Print(
                id=f"{row.transaction}:{row.counter}",
                token=token,
                side=Side(row.side),
                price=row.price,
                shares=row.shares,
                at=row.at,
            )

    def taken(print_id: str) -> Decimal:
        others = Fill.objects.filter(account_id=order.account_id, print_id=print_id).exclude(
            order_id=order.pk
        )
        total: Decimal | None = others.aggregate(total=Sum("shares"))["total"]
        return total or ZERO

    return PaperVenue(terms=terms(order.fee_rate), prints=prints, book_at=no_book, taken=taken)


def terms(fee_rate: Decimal) -> PaperTerms:
    return PaperTerms(
        latency=timedelta(seconds=float(settings.PAPER_LATENCY_SECONDS)),
        print_share=settings.PAPER_PRINT_SHARE,
        fee_rate=fee_rate,
    )


def no_book(token: str, at: datetime) -> Book | None:
    """Trade tapes carry no books; a feed with books brings its own lookup."""
    return None
