"""The paper venue alone: late, partial, with fees, and the same answer at every asking."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from venues.errors import Refused
from venues.paper import PaperTerms, PaperVenue
from venues.types import Book, Level, OrderRequest, OrderStatus, Print, Side

START = datetime(2026, 3, 1, tzinfo=UTC)
TERMS = PaperTerms(
    latency=timedelta(seconds=2),
    print_share=Decimal("0.5"),
    book_share=Decimal("0.5"),
    fee_rate=Decimal("0.05"),
)


def ask(*, side=Side.BUY, limit="0.55", shares="100") -> OrderRequest:
    return OrderRequest(
        client_order_id="one",
        token="t",
        side=side,
        limit_price=Decimal(limit),
        shares=Decimal(shares),
        sent_at=START,
        expires_at=START + timedelta(hours=1),
    )


def seen(number: int, *, seconds: float, price="0.54", shares="60", side=Side.BUY) -> Print:
    return Print(
        id=f"p{number}",
        token="t",
        side=side,
        price=Decimal(price),
        shares=Decimal(shares),
        at=START + timedelta(seconds=seconds),
    )


def venue(
    *prints: Print, book: Book | None = None, taken=None, matched=(), gone: str = "0"
) -> PaperVenue:
    return PaperVenue(
        terms=TERMS,
        prints=lambda token, start, end: [each for each in prints if start < each.at <= end],
        book_at=lambda token, at: book,
        taken=lambda print_id: (taken or {}).get(print_id, Decimal(0)),
        taken_from_books=lambda token, side, since: Decimal(gone),
        matched=lambda client_order_id: matched,
    )


def level(price: str, shares: str) -> Level:
    return Level(price=Decimal(price), shares=Decimal(shares))


LATER = START + timedelta(minutes=10)


def test_an_order_no_exchange_would_take_is_refused():
    with pytest.raises(Refused, match="limit"):
        venue().prepare(ask(limit="1"))
    with pytest.raises(Refused, match="not a size"):
        venue().prepare(ask(shares="0"))


def test_prints_before_the_latency_do_not_fill():
    report = venue(seen(1, seconds=1), seen(2, seconds=2)).get_order_status(ask(), now=LATER)

    assert report.status is OrderStatus.LIVE


def test_half_of_each_print_on_our_side_fills_with_a_fee():
    prints = (
        seen(1, seconds=5),
        seen(2, seconds=6, side=Side.SELL),
        seen(3, seconds=7, price="0.56"),
        seen(4, seconds=8, price="0.50", shares="20"),
    )

    report = venue(*prints).get_order_status(ask(), now=LATER)

    assert report.status is OrderStatus.PARTIAL
    assert [(fill.price, fill.shares) for fill in report.fills] == [
        (Decimal("0.54"), 30),
        (Decimal("0.50"), 10),
    ]
    assert report.fills[0].fee == Decimal("0.37260")


def test_what_another_order_of_the_account_took_is_gone():
    report = venue(seen(1, seconds=5), taken={"p1": Decimal(25)}).get_order_status(ask(), now=LATER)

    assert [fill.shares for fill in report.fills] == [5]


def test_a_print_that_comes_late_takes_nothing_back():
    late, early = seen(1, seconds=60, shares="160"), seen(2, seconds=60, shares="60")
    before = venue(early).get_order_status(ask(), now=LATER)

    after = venue(late, early, matched=before.fills).get_order_status(ask(), now=LATER)

    assert after.fills[: len(before.fills)] == before.fills
    assert [fill.shares for fill in after.fills] == [Decimal(30), Decimal(70)]


def test_a_book_fills_level_by_level_up_to_the_limit():
    book = Book(
        token="t",
        bids=(level("0.52", "10"),),
        asks=(level("0.53", "40"), level("0.55", "30"), level("0.56", "500")),
        at=START + timedelta(seconds=3),
    )

    bought = venue(book=book).get_order_status(ask(), now=LATER)
    sold = venue(book=book).get_order_status(ask(side=Side.SELL, limit="0.50"), now=LATER)

    assert [(fill.price, fill.shares) for fill in bought.fills] == [
        (Decimal("0.53"), 20),  # half of each level is there for us
        (Decimal("0.55"), 15),
    ]
    assert [(fill.price, fill.shares) for fill in sold.fills] == [(Decimal("0.52"), 5)]


@pytest.mark.parametrize(
    ("gone", "left"), [("0", ["20", "15"]), ("25", ["10"]), ("20", ["15"]), ("99", [])]
)
def test_what_the_account_took_of_a_book_is_not_there_again(gone, left):
    book = Book(
        token="t",
        bids=(),
        asks=(level("0.53", "40"), level("0.55", "30")),
        at=START + timedelta(seconds=3),
    )
    fills = venue(book=book, gone=gone).get_order_status(ask(), now=LATER).fills

    assert [fill.shares for fill in fills] == [Decimal(each) for each in left]


def test_a_cancel_keeps_the_fills_that_came_first():
    report = venue(seen(1, seconds=5)).cancel_order(ask(), now=LATER)

    assert report.status is OrderStatus.CANCELED
    assert len(report.fills) == 1


@given(
    prints=st.lists(
        st.builds(
            seen,
            st.integers(0, 99),
            seconds=st.integers(0, 4000),
            price=st.integers(1, 99).map(lambda n: f"0.{n:02d}"),
            shares=st.integers(1, 500).map(str),
            side=st.sampled_from(Side),
        ),
        max_size=12,
        unique_by=lambda each: each.id,
    ),
    side=st.sampled_from(Side),
    minutes=st.integers(0, 90),
)
def test_fills_stay_inside_limit_and_size_and_only_ever_grow(prints, side, minutes):
    prints = sorted(prints, key=lambda each: each.at)
    order, now = ask(side=side), START + timedelta(minutes=minutes)

    first = venue(*prints).get_order_status(order, now=now)
    again = venue(*prints).get_order_status(order, now=now + timedelta(minutes=5))

    assert again.fills[: len(first.fills)] == first.fills
    assert sum(fill.shares for fill in again.fills) <= order.shares
    for fill in again.fills:
        inside = fill.price <= order.limit_price
        assert inside if side is Side.BUY else fill.price >= order.limit_price
