"""What became of real orders on Kalshi: lost answers, cancels that race, reads that lag."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from accounts.venues import kalshi_of
from risk.models import RiskState
from sandbox.faults import Kind
from tests.kalshi_live import FILLS, KalshiLive, fault, faults_of, kalshi_live, rules
from tests.world import assert_invariants
from trading import orders, sending
from venues.types import OrderKind

D = Decimal
IOC = OrderKind.FAK
BOTH = pytest.mark.parametrize("dedup", ["burned", "open_only"])


@pytest.fixture
def now() -> datetime:
    """Return the real time: keys sign with it, and the exchange's reads are compared with it."""
    return datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def live(transactional_db, now):
    with kalshi_live(now) as made:
        yield made


@BOTH
@pytest.mark.parametrize(
    "do", ["accept_then_close", "truncated", "missing_field", "accept_then_silence"]
)
def test_an_order_that_was_taken_without_an_answer_is_found_and_never_sent_twice(
    transactional_db, now, do, dedup, settings
):
    settings.VENUE_TIMEOUT_SECONDS = 1
    made = fault(Kind(do), name="order_id", seconds=2)
    with kalshi_live(now, rules=rules(dedup), faults=[made]) as live:
        live.offer("0.53")
        order = live.place("0.55", "20")
        assert order.state == "UNKNOWN"
        held = RiskState.objects.get(account=live.account).reserved

        sending.submit(order_ids=[order.pk], now=live.now)  # as a task that comes twice
        assert held == RiskState.objects.get(account=live.account).reserved > 0
        live.reconcile()

        assert (live.order().state, live.posts()) == ("FILLED", 1)
        live.judge()
        assert_invariants()


@BOTH
def test_the_answer_of_an_ioc_that_filled_is_lost(transactional_db, now, dedup):
    """With open_only a second post of the same id would fill a second time."""
    with kalshi_live(now, rules=rules(dedup), faults=[fault(Kind.ACCEPT_THEN_CLOSE)]) as live:
        live.offer("0.53", "12.00")
        order = live.place("0.55", "20", kind=IOC)
        assert order.state == "UNKNOWN"

        for _ in range(3):
            sending.submit(order_ids=[order.pk], now=live.now)
            live.reconcile()

        order = live.order()
        assert (order.state, order.filled_shares, live.posts()) == ("CANCELED", 12, 1)
        assert RiskState.objects.get(account=live.account).reserved == 0
        assert len(live.member.orders) == 1
        live.judge()
        assert_invariants()


def test_an_ioc_takes_what_is_there_and_is_over(live: KalshiLive):
    live.offer("0.53", "12.00")

    order = live.place("0.55", "20", kind=IOC)

    assert (order.state, order.filled_shares) == ("CANCELED", 12)
    assert RiskState.objects.get(account=live.account).reserved == 0
    live.judge()
    assert_invariants()


def test_an_ioc_whose_fills_cannot_be_read_yet_waits_for_them(transactional_db, now):
    unread = [fault(Kind.STATUS, FILLS, nth=number, status=503) for number in range(1, 5)]
    with kalshi_live(now, faults=unread) as live:
        live.offer("0.53", "12.00")
        order = live.place("0.55", "20", kind=IOC)
        assert (order.state, order.claimed_shares, order.filled_shares) == ("LIVE", 12, 0)

        live.reconcile()

        order = live.order()
        assert (order.state, order.filled_shares) == ("CANCELED", 12)
        live.judge()
        assert_invariants()


def test_an_order_that_never_arrived_is_absent_only_after_three_late_looks(transactional_db, now):
    with kalshi_live(now, faults=[fault(Kind.CLOSE_AFTER_BODY)]) as live:
        live.place()
        late = live.now + timedelta(seconds=51)
        for at in [live.now, late, late + timedelta(seconds=1), late + timedelta(seconds=12)]:
            live.reconcile(at)
            assert live.order().state == "UNKNOWN"

        live.reconcile(late + timedelta(seconds=24))

        assert (live.order().state, live.posts()) == ("ABSENT", 1)
        assert RiskState.objects.get(account=live.account).reserved == 0
        live.judge()


@pytest.mark.parametrize(
    "endpoint",
    ["GET /portfolio/orders", FILLS, "GET /exchange/status", "GET /exchange/user_data_timestamp"],
)
def test_failed_looks_prove_nothing(transactional_db, now, endpoint):
    faults = [fault(Kind.CLOSE_AFTER_BODY)]
    with kalshi_live(now, faults=faults) as live:
        live.place()
        blind = fault(Kind.STATUS, endpoint, nth=None, status=503)
        faults_of(live).append(blind)
        for minute in range(1, 6):
            live.reconcile(live.now + timedelta(minutes=minute))

        assert live.order().state == "UNKNOWN"
        assert not live.order().absences.exists()


def test_silence_of_reads_that_lag_proves_nothing(transactional_db, now):
    with kalshi_live(now, faults=[fault(Kind.ACCEPT_THEN_CLOSE)]) as live:
        live.offer("0.53")
        live.venue.exchange.rules = rules(read_lag=timedelta(minutes=2))
        live.place("0.55", "20")
        assert not kalshi_of(live.account.credentials.get()).is_healthy()

        for second in (60, 75, 90):
            live.reconcile(live.now + timedelta(seconds=second))

        assert live.order().state != "ABSENT"


def test_a_cancel_that_is_answered_404_after_a_fill_keeps_the_fill(live: KalshiLive):
    order = live.place("0.55", "20")
    assert order.state == "LIVE"
    live.venue.order("bob", "ask", "0.55", "20.00")  # filled, and nobody has told us

    orders.cancel(order_id=order.pk, by="ana", now=live.now)

    order = live.order()
    assert (order.state, order.filled_shares) == ("FILLED", 20)
    live.judge()
    assert_invariants()


def test_a_cancel_that_was_acked_is_believed_though_reads_still_say_resting(transactional_db, now):
    with kalshi_live(now) as live:
        live.venue.exchange.rules = rules(read_lag=timedelta(seconds=4))
        order = live.place("0.55", "20")
        live.venue.clock.move(timedelta(seconds=10))

        orders.cancel(order_id=order.pk, by="ana", now=live.now)

        assert live.order().state == "CANCELED"
        assert RiskState.objects.get(account=live.account).reserved == 0
        live.reconcile()  # a read that still says resting moves nothing back
        assert live.order().state == "CANCELED"
        live.judge()
        assert_invariants()


def test_a_cancelled_order_is_not_over_before_its_fills_are_told(transactional_db, now):
    with kalshi_live(now) as live:
        order = live.place("0.55", "20")
        live.venue.order("bob", "ask", "0.55", "8.00")
        blind = fault(Kind.STATUS, FILLS, nth=None, status=503, until=30)
        faults_of(live).append(blind)

        orders.cancel(order_id=order.pk, by="ana", now=live.now)
        assert live.order().state == "CANCEL_PENDING"
        live.venue.clock.move(timedelta(seconds=40))
        live.reconcile()

        order = live.order()
        assert (order.state, order.filled_shares) == ("CANCELED", 8)
        live.judge()
        assert_invariants()
