"""What a tape tells of a market, the mark, and that SQL and Python agree on it."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from markets.domain.book import FRESH_BID, Basis, mark
from markets.domain.estimators import UNSEEN_SPREAD, TapeEstimator
from markets.models import Market, Outcome
from markets.queries import MARK_SQL, rows
from tests.world import trade
from venues.types import Side

START = datetime(2026, 3, 1, tzinfo=UTC)


def facts_after(*trades, now):
    estimator = TapeEstimator()
    for each in trades:
        estimator.see(each)
    return estimator.facts(market="senate", token="senate:Yes", now=now)


def test_an_outcome_never_seen_has_no_facts():
    assert facts_after(trade(at=START, outcome="No"), now=START) is None


def test_the_first_print_has_the_widest_tradeable_spread():
    found = facts_after(trade(at=START, price="0.40", side=Side.SELL), now=START)

    assert found.spread == UNSEEN_SPREAD
    assert found.ask == Decimal("0.45")


def test_the_spread_is_learned_from_prints_of_both_sides():
    found = facts_after(
        trade(at=START, price="0.40", side=Side.SELL),
        trade(at=START, price="0.42", side=Side.BUY),
        now=START,
    )

    assert found.spread == Decimal("0.02")
    assert found.ask == Decimal("0.42")


def test_liquidity_is_the_volume_of_seven_days():
    old = trade(at=START, price="0.50", shares="1000")
    fresh = trade(at=START + timedelta(days=6), price="0.50", shares="300")

    assert facts_after(old, fresh, now=fresh.at).liquidity == 650
    assert facts_after(old, fresh, now=START + timedelta(days=8)).liquidity == 150


def test_volatility_is_the_range_of_a_day_over_the_price():
    found = facts_after(
        trade(at=START, price="0.20"),
        trade(at=START + timedelta(hours=30), price="0.40"),
        trade(at=START + timedelta(hours=40), price="0.50"),
        now=START + timedelta(hours=40),
    )

    assert found.volatility == pytest.approx(0.2)


def test_a_market_is_expected_to_live_as_long_as_it_has():
    found = facts_after(trade(at=START), now=START + timedelta(hours=12))

    assert found.hours == 12


def test_a_fresh_bid_marks_and_an_old_one_does_not():
    ask = {"last": Decimal("0.5"), "last_at": START, "bid": Decimal("0.4"), "bid_at": START}

    assert mark(**ask, now=START + FRESH_BID).basis is Basis.BID
    stale = mark(**ask, now=START + FRESH_BID + timedelta(seconds=1))
    assert (stale.price, stale.is_stale) == (Decimal("0.5"), True)
    nothing = mark(last=None, last_at=None, bid=None, bid_at=None, now=START)
    assert nothing.price is None


@pytest.mark.django_db
@given(
    bid=st.none() | st.integers(1, 99),
    last=st.none() | st.integers(1, 99),
    age=st.integers(0, 200),
)
def test_the_mark_in_sql_is_the_mark_in_python(bid, last, age):
    market, _ = Market.objects.get_or_create(venue="v", external_id="m", title="m")
    outcome, _ = Outcome.objects.update_or_create(
        market=market,
        token="t",
        defaults={
            "bid": bid and Decimal(bid) / 100,
            "bid_at": START if bid else None,
            "last_price": last and Decimal(last) / 100,
            "last_at": START if last else None,
        },
    )
    now = START + timedelta(seconds=age)
    sql = f"SELECT {MARK_SQL} AS price FROM markets_outcome o WHERE o.id = %(id)s"

    (row,) = rows(sql, {"id": outcome.pk, "now": now})

    expected = mark(
        bid=outcome.bid, bid_at=outcome.bid_at, last=outcome.last_price, last_at=START, now=now
    )
    assert row["price"] == expected.price
