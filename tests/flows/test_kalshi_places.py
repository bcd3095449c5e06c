"""Shards that pause, cash on the wrong one, clocks, ends and settlements on Kalshi."""

import random
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from accounts.limits import shared_buckets
from accounts.venues import kalshi_of
from notifications.models import Event
from risk.models import KillSwitch, Purse, RiskState
from sandbox.faults import Kind
from sandbox.kalshi import life
from tests.kalshi_live import KalshiLive, fault, faults_of, kalshi_live, rules
from tests.sandbox.kalshi_world import HOME, SHARD
from tests.venues.test_stream import until
from tests.world import assert_invariants
from trading import kalshi_news, orders, sending, stopping
from trading.keeping import Keeper, listen_to
from trading.models import Fill, Order, Position
from venues.errors import NotSent
from venues.kalshi.client import shard_pause
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


def _sent(order: Order, live: KalshiLive) -> Order:
    order.sent_at = live.now
    return order


def test_a_shard_that_is_paused_keeps_its_orders_waiting_and_others_go_on(live: KalshiLive):
    life.pause(live.venue.exchange, [SHARD], now=live.now)
    kalshi_news.take_state(now=live.now)

    order = live.place("0.55", "20")

    assert (order.state, live.posts()) == ("RESERVED", 0)
    client = kalshi_of(live.account.credentials.get())
    request = orders.request_for(_sent(order, live))
    assert client.waits_for(request) > 0
    elsewhere = replace(request, terms=replace(request.terms, shard=0))
    assert client.waits_for(elsewhere) == 0
    shared_buckets(live.url + "/trade-api/v2")._pauses._own.clear()


def test_a_shard_that_pauses_on_the_way_refuses_and_is_left_alone(live: KalshiLive):
    life.pause(live.venue.exchange, [SHARD], now=live.now)

    refused = live.place("0.55", "20")
    waiting = live.place("0.55", "20")

    assert (refused.state, waiting.state) == ("REJECTED", "RESERVED")
    assert "trading_is_paused" in refused.reason
    assert live.posts() == 1


def test_cash_on_another_shard_pays_for_nothing(live: KalshiLive):
    Purse.objects.filter(account=live.account, shard=SHARD).update(cash=5)
    Purse.objects.filter(account=live.account, shard=0).update(cash=1095)

    order = live.place("0.55", "20")

    assert (order.state, live.posts()) == ("DENIED", 0)
    assert "shard 3 (basketball, baseball, tennis) has $5.00 free" in order.reason
    assert "Cash elsewhere cannot pay" in order.reason


def test_cash_that_is_on_the_wrong_shard_at_the_exchange_is_refused_with_advice(live: KalshiLive):
    live.member.cash.update({0: D(1095), SHARD: D(5)})  # moved elsewhere, unknown to us

    order = live.place("0.55", "20")

    assert order.state == "REJECTED"
    assert "cash of this shard is short" in order.reason
    assert "insufficient_balance" in order.reason
    assert RiskState.objects.get(account=live.account).reserved == 0


def test_an_order_is_not_sent_by_a_process_that_slept_too_long(live: KalshiLive):
    made = live.intend()
    (going,) = sending._prepare_and_claim([made], now=live.now - timedelta(minutes=1))

    with pytest.raises(NotSent, match="time to be sent was over"):
        going.venue.place_order(going.request, going.prepared, not_after=going.not_after)

    assert live.posts() == 0


def test_an_order_whose_end_has_passed_would_take_at_once_so_it_is_not_sent(live: KalshiLive):
    made = live.intend()
    (going,) = sending._prepare_and_claim([made], now=live.now)
    past = replace(going.request, expires_at=live.now - timedelta(seconds=1))

    with pytest.raises(NotSent, match="run out"):
        going.venue.place_order(past, going.prepared, not_after=going.not_after)

    assert live.posts() == 0


def test_nothing_is_signed_while_the_clock_is_off(transactional_db, now):
    with kalshi_live(now) as live:
        live.venue.clock.wall = lambda: datetime.now(UTC) + timedelta(seconds=8)
        live.forget_clock()

        order = live.place()

        assert (order.state, live.posts()) == ("REJECTED", 0)
        assert "clock is" in order.reason
        assert "signing stops at 2 s" in order.reason


def test_an_order_that_the_exchange_ended_ends_with_us(live: KalshiLive):
    order = live.place("0.55", "20")
    life.close(live.venue.exchange, HOME, now=live.now)

    live.reconcile()

    assert Order.objects.get(pk=order.pk).state == "CANCELED"
    assert RiskState.objects.get(account=live.account).reserved == 0


def test_an_order_that_ran_out_is_expired(live: KalshiLive):
    order = live.place("0.55", "20")
    live.venue.clock.move(timedelta(hours=2))

    live.reconcile()

    assert Order.objects.get(pk=order.pk).state == "EXPIRED"


@pytest.mark.parametrize(("value", "paid"), [("1", 20), ("0", 0), ("0.5", 10), ("0.455", "9.1")])
def test_a_position_is_settled_when_the_exchanges_own_record_says_so(live, value, paid):
    live.offer("0.53")
    live.place("0.55", "20")
    before = RiskState.objects.get(account=live.account).cash

    life.settle(live.venue.exchange, HOME, value=D(value), now=live.now)
    kalshi_news.take(live.account.credentials.get(), now=live.now)

    assert RiskState.objects.get(account=live.account).cash == before + D(paid)
    stored = live.account.market_settlements.get()
    assert stored.booked_at is not None
    if value != "0.455":  # the exchange's own record has whole cents
        assert stored.profit == Position.objects.get().realised
    assert not Event.objects.filter(kind="books_differ", level="ACT").exists()
    live.judge()
    assert_invariants()


def test_a_settlement_is_stored_once_and_trades_made_elsewhere_are_told(live: KalshiLive):
    live.offer("0.53")
    live.place("0.55", "20")
    live.venue.order("alice", "bid", "0.53", "5.00")  # by hand, on the exchange's own page
    life.settle(live.venue.exchange, HOME, value=D(1), now=live.now)

    for _ in range(3):
        kalshi_news.take(live.account.credentials.get(), now=live.now)

    assert live.account.market_settlements.count() == 1
    (told,) = Event.objects.filter(kind="books_differ")
    assert "Kalshi's figures make" in told.sentence


def test_the_keeper_hears_of_a_fill_before_anybody_asks(live: KalshiLive):
    order = live.place("0.55", "20")
    keeper = Keeper(now=lambda: live.now, listen=listen_to)
    try:
        keeper.step()
        until(lambda: all(push.is_live for push in keeper._pushes.values()))
        live.venue.order("bob", "ask", "0.55", "20.00")

        until(lambda: keeper.step() or live.order().state == "FILLED")
    finally:
        keeper.close()

    fill = Fill.objects.get(order=order)
    live.reconcile()
    assert [each.pk for each in Fill.objects.all()] == [fill.pk]
    live.judge()
    assert_invariants()


def test_the_kill_switch_takes_back_what_rests(live: KalshiLive):
    live.place("0.55", "20")
    KillSwitch.objects.create(scope="VENUE", key="kalshi", level="ENTRIES", at=live.now)

    stopping.cancel_stopped(now=live.now)

    assert live.order().state == "CANCELED"
    assert live.member.resting() == []
    assert live.place("0.55", "20").state == "DENIED"


@BOTH
def test_under_every_fault_at_once_no_order_is_doubled_and_no_fill_lost(
    transactional_db, now, dedup, settings
):
    settings.VENUE_TIMEOUT_SECONDS = 1
    bad = [
        fault(Kind.ACCEPT_THEN_CLOSE, nth=None, probability=0.15),
        fault(Kind.CLOSE_AFTER_BODY, nth=None, probability=0.1),
        fault(Kind.MALFORMED, nth=None, probability=0.1),
        fault(Kind.STATUS, nth=None, probability=0.1, status=503),
        fault(Kind.STATUS, nth=None, probability=0.05, status=429),
        fault(Kind.STATUS, "GET /portfolio/*", nth=None, probability=0.2, status=500),
        fault(Kind.TRUNCATED, "GET /portfolio/*", nth=None, probability=0.1),
        fault(Kind.ACCEPT_THEN_CLOSE, "DELETE /portfolio/*", nth=None, probability=0.3),
    ]
    draw = random.Random(5)
    with kalshi_live(now, rules=rules(dedup), faults=[]) as live:
        faults_of(live).extend(bad)
        for number in range(24):
            live.offer("0.53", f"{draw.randint(1, 30)}.00")
            made = live.intend(
                draw.choice(["0.50", "0.54"]),
                str(draw.randint(5, 20)),
                kind=draw.choice([IOC, OrderKind.GTD]),
            )
            sending.submit(order_ids=[made], now=live.now)
            if number % 3 == 0:
                with suppress(Exception):
                    orders.cancel(order_id=made, by="ana", now=live.now)
            live.venue.clock.move(timedelta(seconds=1))
            live.reconcile()
            shared_buckets(live.url + "/trade-api/v2")._pauses._own.clear()
        faults_of(live).clear()
        live.venue.clock.move(timedelta(seconds=60))
        for _ in range(4):
            live.venue.clock.move(timedelta(seconds=12))
            live.reconcile()

        undecided = Order.objects.filter(state__in=["SENDING", "UNKNOWN", "MANUAL"])
        assert list(undecided) == []
        assert live.posts() <= Order.objects.count()
        live.judge()
        assert_invariants()


def test_the_exchanges_word_on_pauses_is_kept_for_everybody(live: KalshiLive):
    life.pause(live.venue.exchange, [1, 2], now=live.now)

    kalshi_news.take_state(now=live.now)

    buckets = shared_buckets(live.url + "/trade-api/v2")
    assert [buckets.left(shard_pause(shard)) > 0 for shard in range(4)] == [
        False,
        True,
        True,
        False,
    ]
