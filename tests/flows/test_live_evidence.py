"""What became of real orders on Polymarket: judged by evidence, never by silence alone."""

from datetime import timedelta

import pytest

from risk.models import RiskState
from sandbox.faults import Kind, Rule
from sandbox.polymarket.rows import Rules
from tests.live_world import LiveWorld, live_world
from tests.sandbox.polymarket_world import YES
from tests.world import assert_invariants
from trading import (
    copying,
    orders,
    sending,
)
from trading.models import Fill
from venues.errors import NotSent


@pytest.fixture
def live(transactional_db, now):
    with live_world(now) as made:
        yield made


@pytest.mark.parametrize("do", ["accept_then_close", "truncated", "malformed", "missing_field"])
def test_an_order_that_was_taken_without_an_answer_is_found_and_never_sent_twice(
    transactional_db, now, do
):
    rule = Rule(venue="polymarket", endpoint="POST /order", kind=Kind(do), nth=1, name="orderID")
    with live_world(now, faults=[rule]) as live:
        live.venue.quote(YES, "0.53", "5000")
        made = live.copy()
        assert live.order().state == "UNKNOWN"
        held = RiskState.objects.get(account=live.accounts[0]).reserved

        sending.submit(order_ids=made, now=live.now)  # as a task that comes twice
        assert held == RiskState.objects.get(account=live.accounts[0]).reserved > 0
        live.reconcile()

        assert live.order().state == "FILLED"
        assert live.posts() == 1
        live.pass_time(15)
        live.reconcile()
        live.judge()
        assert_invariants()


def test_an_order_that_never_arrived_is_absent_only_after_three_late_looks(transactional_db, now):
    rule = Rule(venue="polymarket", endpoint="POST /order", kind=Kind.CLOSE_AFTER_BODY, nth=1)
    with live_world(now, faults=[rule]) as live:
        live.copy()
        late = live.now + timedelta(seconds=10 + 10 + 30)
        looks = [live.now, late, late + timedelta(seconds=1), late + timedelta(seconds=12)]
        for at in looks:
            live.reconcile(at)
            assert live.order().state == "UNKNOWN"
            assert RiskState.objects.get(account=live.accounts[0]).reserved > 0

        live.reconcile(late + timedelta(seconds=24))

        assert live.order().state == "ABSENT"
        assert RiskState.objects.get(account=live.accounts[0]).reserved == 0
        assert live.posts() == 1
        live.judge()
        assert_invariants()


def test_failed_looks_prove_nothing(transactional_db, now):
    rules = [
        Rule(venue="polymarket", endpoint="POST /order", kind=Kind.CLOSE_AFTER_BODY, nth=1),
        Rule(venue="polymarket", endpoint="GET /data/trades", kind=Kind.STATUS, status=503),
    ]
    with live_world(now, faults=rules) as live:
        live.copy()
        for minute in range(1, 11):
            live.reconcile(live.now + timedelta(minutes=minute))

        assert live.order().state == "UNKNOWN"
        assert not live.order().absences.exists()


def test_a_sender_that_died_after_its_claim_leaves_doubt_not_a_second_order(live: LiveWorld):
    signal = live.whale_trades()
    made = copying.copy_signal(signal_id=signal.pk, now=live.now)
    sending._prepare_and_claim(made, now=live.now)  # and then it was killed

    sending.submit(order_ids=made, now=live.now)
    assert (live.order().state, live.posts()) == ("SENDING", 0)
    live.reconcile(live.now + timedelta(seconds=30))

    assert (live.order().state, live.posts()) == ("UNKNOWN", 0)


def test_an_order_is_not_sent_by_a_process_that_slept_too_long(live: LiveWorld):
    signal = live.whale_trades()
    made = copying.copy_signal(signal_id=signal.pk, now=live.now)
    going = sending._prepare_and_claim(made, now=live.now - timedelta(minutes=1))[0]

    with pytest.raises(NotSent, match="time to be sent was over"):
        going.venue.place_order(going.request, going.prepared, not_after=going.not_after)

    assert live.posts() == 0


def test_an_order_that_is_held_before_it_matches_is_no_zero_fill(transactional_db, now):
    rules = Rules(delayed={2}, delay=timedelta(seconds=3))
    with live_world(now, rules=rules) as live:
        live.venue.quote(YES, "0.53", "5000")
        live.copy()
        live.reconcile()
        assert live.order().state == "DELAYED"
        assert not Fill.objects.exists()

        live.pass_time(4)
        live.reconcile()

        assert live.order().state == "FILLED"
        assert live.posts() == 1
        live.judge()


def test_a_restart_of_the_engine_is_doubt_and_the_next_orders_wait(transactional_db, now):
    rule = Rule(venue="polymarket", endpoint="POST /order", kind=Kind.STATUS, status=425, nth=1)
    with live_world(now, faults=[rule]) as live:
        live.copy()

        assert live.order().state == "UNKNOWN"
        assert live.posts() == 1


def test_a_cancelled_order_keeps_the_fills_that_came_first(live: LiveWorld):
    live.venue.quote(YES, "0.53", "50")
    made = live.copy()
    live.reconcile()
    assert live.order().state == "PARTIAL"

    orders.cancel(order_id=made[0], by="ana", now=live.now)

    order = live.order()
    assert (order.state, order.filled_shares) == ("CANCELED", 50)
    assert RiskState.objects.get(account=live.accounts[0]).reserved == 0
    live.judge()
    assert_invariants()


def test_what_the_exchange_ended_by_itself_ends_with_us(live: LiveWorld):
    live.copy()
    order_id = live.order().venue_order_id
    live.venue.exchange.cancel(live.venue.exchange.orders[order_id].key, order_id, now=live.now)

    live.reconcile()

    assert live.order().state == "CANCELED"
    assert_invariants()


def test_an_order_that_is_not_told_of_any_more_ends_after_two_looks(live: LiveWorld):
    live.copy()
    order_id = live.order().venue_order_id
    exchange = live.venue.exchange
    exchange.cancel(exchange.orders[order_id].key, order_id, now=live.now)
    del exchange.orders[order_id]
    live.reconcile()
    assert live.order().state == "LIVE"

    live.reconcile(live.now + timedelta(seconds=11))

    assert live.order().state == "CANCELED"
    assert_invariants()
