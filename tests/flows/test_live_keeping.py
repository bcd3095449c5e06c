"""Real orders on Polymarket are looked after: streams, stops, faults of all kinds."""

import logging
import random
import socket
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal

import pytest
from django.test import override_settings

from accounts import polymarket_keys, venues
from markets.models import Feed
from notifications.models import Event
from risk import services
from risk.models import RiskProfile
from sandbox.faults import Kind, Rule
from sandbox.polymarket import wire
from sandbox.polymarket.rows import Rules
from tests.live_world import LiveWorld, bet, live_world
from tests.sandbox.polymarket_world import YES
from tests.venues.test_stream import until
from tests.world import WHALE, assert_invariants
from trading import (
    orders,
    reconciliation,
    redemption,
    sending,
    stopping,
)
from trading.keeping import Keeper, listen_to
from trading.models import Fill, Order, Position
from trading.sweep import sweep
from trading.watching import Watch
from venues.polymarket.public import Public
from venues.polymarket.stream import BookPush, Push
from whales.models import Follow

log = logging.getLogger(__name__)


TOLD = ["MATCHED", "RETRYING", "MINED", "CONFIRMED"]
FAULTS = [
    Rule(venue="polymarket", endpoint="POST /order", kind=kind, probability=0.12, **options)
    for kind, options in (
        (Kind.ACCEPT_THEN_SILENCE, {"seconds": 1}),
        (Kind.ACCEPT_THEN_CLOSE, {}),
        (Kind.CLOSE_AFTER_BODY, {}),
        (Kind.TRUNCATED, {}),
        (Kind.STATUS, {"status": 500}),
    )
] + [
    Rule(venue="polymarket", endpoint=place, kind=kind, probability=0.15, **options)
    for place, kind, options in (
        ("GET /data/trades", Kind.STATUS, {"status": 503}),
        ("GET /data/orders", Kind.MALFORMED, {}),
        ("GET /data/orders", Kind.STALE, {"seconds": 5}),
        ("GET /balance-allowance", Kind.STALE, {"seconds": 30}),
        ("WS /ws/user", Kind.DUPLICATE_FRAME, {}),
        ("WS /ws/user", Kind.SWAP_FRAMES, {}),
        ("WS /ws/user", Kind.DROP_FRAME, {}),
    )
]


@pytest.fixture
def live(transactional_db, now):
    with live_world(now) as made:
        yield made


@pytest.fixture
def dialled(monkeypatch) -> list[tuple]:
    """Every address that any thread of this process connects to from now on."""
    seen: list[tuple] = []
    connect = socket.socket.connect

    def noted(self, address):
        seen.append(address)
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", noted)
    return seen


def everything(live: LiveWorld) -> None:
    """Do all that could ever reach a trade host: copy, send, ask, cancel, redeem, sweep."""
    made = live.copy()
    sending.submit(order_ids=made, now=live.now)
    live.reconcile()
    for order_id in made:
        orders.cancel(order_id=order_id, by="ana", now=live.now)
    redemption.redeem_due(now=live.now)
    sweep(now=live.now)


def test_the_keeper_hears_of_a_fill_before_anybody_asks(live: LiveWorld):
    keeper = Keeper(now=lambda: live.now, listen=listen_to)
    keeper.step()
    until(lambda: all(push.is_live for push in keeper._pushes.values()))
    live.venue.quote(YES, "0.53", "5000")

    live.copy()
    until(lambda: not keeper.step() and Fill.objects.exists())

    assert live.order().state == "FILLED"
    live.pass_time(15)
    until(lambda: not keeper.step() and Fill.objects.get().settlement == "CONFIRMED")
    keeper.close()
    live.judge()
    assert_invariants()


def test_the_kill_switch_takes_back_what_rests_and_keeps_exits_at_its_first_level(
    live: LiveWorld,
):
    live.copy()
    assert live.order().state == "LIVE"

    services.stop(scope="SERVER", key="", level="ENTRIES", by="ana", why="", now=live.now)
    stopping.cancel_stopped(now=live.now)

    assert live.order().state == "CANCELED"
    live.copy()
    assert live.posts() == 1
    assert_invariants()


def test_a_whales_trade_on_the_feed_becomes_a_filled_real_copy_and_each_hop_is_timed(
    live: LiveWorld,
):
    market, exchange = live.venue.market, live.venue.exchange
    market.ends_at = live.now + timedelta(days=2)
    RiskProfile.objects.update(min_position_size=20)
    live.venue.maker.cash = Decimal(1_000_000)
    live.venue.maker.shares[YES] = Decimal(1_000_000)
    for price in ("0.53", "0.54"):
        live.venue.quote(YES, price, "50000")
    for price in ("0.52", "0.51"):
        live.venue.quote(YES, price, "50000", buy=True)
    whale = exchange.open_wallet(WHALE, cash=Decimal(100_000))
    feed = Feed.objects.create(
        key="live", kind=Feed.Kind.LIVE, name="live", started_at=live.now, seen_at=live.now
    )
    with Public(polymarket_keys.addresses()) as public:
        push, books = Push(live.ws + "/", ping=0.2), BookPush(live.ws, ping=0.2)
        watch = Watch(feed=feed, public=public, now=lambda: live.now, push=push, books=books)
        keeper = Keeper(now=lambda: live.now, listen=listen_to)
        push.start()
        books.start()
        watch.step()
        keeper.step()
        until(lambda: push.is_live and all(each.is_live for each in keeper._pushes.values()))
        traded = live.now
        bet(live, whale, price="0.53", shares="1000")

        until(
            lambda: (
                not (live.pass_time(0) or watch.step() or keeper.step()) and Fill.objects.exists()
            ),
            seconds=40,
        )
        push.close()
        books.close()
        keeper.close()

    live.pass_time(15)
    live.reconcile()
    order, fill = live.order(), Fill.objects.get()
    steps = {event.new: event.at for event in order.events.all()}
    hops = {
        "whale trades": traded,
        "its fills add up": order.decision.signal.due_at,
        "decided": order.decision.at,
        "claimed and kept": order.sent_at,
        "taken by the venue": steps["LIVE"],
        "matched": steps["FILLED"],
    }
    for name, at in hops.items():
        log.info("%-20s %6.2f s", name, (at - traded).total_seconds())
    assert (order.state, order.mode, fill.settlement) == ("FILLED", "LIVE", "CONFIRMED")
    assert list(hops.values()) == sorted(hops.values())
    assert hops["matched"] - hops["decided"] < timedelta(seconds=10)
    live.judge()
    assert_invariants()


def test_settlement_frames_in_any_order_and_twice_come_to_the_same(live: LiveWorld):
    live.venue.quote(YES, "0.53", "5000")
    live.copy()
    account = live.accounts[0]
    key = live.venue.exchange.trades[-1].taker.order.key
    row = wire.trade(live.venue.exchange.trades[-1], key=key) | {"event_type": "trade"}
    draw = random.Random(7)
    for _ in range(12):
        frames = [row | {"status": word} for word in TOLD * 2]
        draw.shuffle(frames)
        reconciliation.take_told(frames, venue="polymarket", account_id=account.pk, now=live.now)

        assert Fill.objects.get().settlement == "CONFIRMED"
        assert Position.objects.get().confirmed_shares == live.order().filled_shares
    assert_invariants()


def test_a_settlement_that_is_taken_back_is_for_a_person(live: LiveWorld):
    live.venue.quote(YES, "0.53", "5000")
    live.copy()
    account = live.accounts[0]
    key = live.venue.exchange.trades[-1].taker.order.key
    row = wire.trade(live.venue.exchange.trades[-1], key=key) | {"event_type": "trade"}
    told = [row | {"status": word} for word in ("CONFIRMED", "FAILED")]

    reconciliation.take_told(told, venue="polymarket", account_id=account.pk, now=live.now)

    assert Fill.objects.get().settlement == "CONFIRMED"
    assert Event.objects.filter(kind="settlement_conflict", level="ACT").exists()
    assert_invariants()


def test_under_every_fault_at_once_the_oracle_finds_nothing_wrong(transactional_db, now):
    rules = Rules(
        fails={3, 8}, retries={5}, delayed={6, 11}, delay=timedelta(seconds=2), partial={9}
    )
    quick = override_settings(VENUE_TIMEOUT_SECONDS=0.3)
    with quick, live_world(now, rules=rules, faults=FAULTS) as live:
        RiskProfile.objects.update(duplicate_seconds=0, max_positions=100, max_per_market=1)
        RiskProfile.objects.update(max_per_category=1, min_position_size=5)
        live.venue.maker.cash = Decimal(1_000_000)
        keeper = Keeper(now=lambda: live.now, listen=listen_to)
        for number in range(12):
            live.venue.quote(YES, "0.53", "30" if number % 3 else "500")
            with suppress(AssertionError):  # a signal that comes in the same second
                live.copy()
            live.pass_time(1)
            keeper.step()
        for wait in range(10):
            live.pass_time(3)
            keeper.step()
            live.reconcile(live.now + timedelta(seconds=60 + 15 * wait))
        keeper.close()

        sent = Order.objects.exclude(sent_at=None).filter(submission__isnull=False)
        assert live.posts() == sent.count() > 6  # each once, whatever came back
        assert not sent.filter(state__in=["SENDING", "UNKNOWN", "DELAYED"]).exists()
        live.judge()
        assert_invariants()


def test_with_live_trading_off_no_connection_is_made_to_the_trade_host(live, dialled):
    venues.http.cache_clear()  # a connection that is open already would hide a new use of it
    with override_settings(LIVE_TRADING=False):
        everything(live)

    assert int(live.url.rsplit(":", 1)[1]) not in {each[1] for each in dialled if len(each) > 1}


def test_a_paper_account_never_connects_to_the_trade_host(live, dialled):
    venues.http.cache_clear()
    Follow.objects.all().delete()
    live.world.follow(live.world.account)

    everything(live)

    assert Order.objects.get().mode == "PAPER"
    assert int(live.url.rsplit(":", 1)[1]) not in {each[1] for each in dialled if len(each) > 1}


def test_the_guard_itself_would_see_a_connection(live, dialled):
    venues.http.cache_clear()

    live.copy()

    assert int(live.url.rsplit(":", 1)[1]) in {each[1] for each in dialled if len(each) > 1}
