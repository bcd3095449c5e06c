"""Real orders of a live account, on the sandbox exchange, judged by the exchange's own books."""

import hashlib
import logging
import random
import socket
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal

import orjson
import pytest
from django.db import IntegrityError
from django.test import override_settings

from accounts import credentials, polymarket_keys, vault, venues
from accounts.limits import shared_limits
from accounts.models import Account, VenueCredential
from accounts.vault import Sealed
from markets import resolutions
from markets.models import Feed, Market
from notifications.models import Event
from risk import services
from risk.models import Reservation, RiskProfile, RiskState
from sandbox.faults import Kind, Rule
from sandbox.polymarket import wire
from sandbox.polymarket.rows import Rules
from tests.live_world import LiveWorld, bet, live_world
from tests.sandbox.polymarket_world import NO, OTHER, YES
from tests.venues.test_stream import until
from tests.world import WHALE, assert_invariants
from trading import (
    approvals,
    copying,
    onboarding,
    onboarding_polymarket,
    orders,
    reconciliation,
    redemption,
    sending,
    settlement,
    stopping,
)
from trading.domain.order_state import OrderState
from trading.keeping import Keeper, listen_to
from trading.models import Approval, Fill, Order, Position, Redemption, Submission
from trading.onboarding import NotAllowed
from trading.sweep import sweep
from trading.watching import Watch
from venues.errors import NotSent
from venues.polymarket.auth import address_of
from venues.polymarket.public import Public
from venues.polymarket.stream import BookPush, Push
from venues.secrets import Secret
from venues.types import Side
from whales.models import Follow

log = logging.getLogger(__name__)


@pytest.fixture
def live(transactional_db, now):
    with live_world(now) as made:
        yield made


def test_a_whales_trade_becomes_a_filled_real_order(live: LiveWorld):
    live.venue.quote(YES, "0.53", "5000")

    live.copy()
    live.reconcile()

    order = live.order()
    assert (order.state, order.mode) == ("FILLED", "LIVE")
    fill = Fill.objects.get()
    assert (fill.settlement, fill.price) == ("MATCHED", Decimal("0.53"))
    position = Position.objects.get()
    assert (position.shares, position.confirmed_shares) == (order.shares, 0)
    live.judge()

    live.pass_time(15)
    live.reconcile()

    assert Fill.objects.get().settlement == "CONFIRMED"
    assert Position.objects.get().confirmed_shares == order.shares
    live.judge()
    assert_invariants()


def test_what_was_sent_is_what_was_kept_before(live: LiveWorld):
    live.copy()

    order, kept = live.order(), Submission.objects.get()
    assert order.state == "LIVE"
    assert order.venue_order_id in live.venue.exchange.orders
    credential = kept.credential
    body = vault.unseal(
        Sealed(box=bytes(kept.body), data_key=bytes(credential.data_key)),
        bound_to=credential.bound_to,
    )
    assert hashlib.sha256(orjson.dumps(body)).hexdigest() == kept.body_sha256
    assert body["order"]["maker"].lower() == credential.address
    assert body["orderType"] == "GTD"
    assert order.shares == Decimal(body["order"]["takerAmount"]) / 1_000_000


def test_a_match_that_the_chain_loses_is_taken_back_line_by_line(transactional_db, now):
    with live_world(now, rules=Rules(fails={1})) as live:
        live.venue.quote(YES, "0.53", "5000")
        account = live.accounts[0]
        before = RiskState.objects.get(account=account).cash

        live.copy()
        live.reconcile()
        assert RiskState.objects.get(account=account).cash < before
        for _ in range(6):
            live.pass_time(9)
            live.reconcile()

        assert Fill.objects.get().settlement == "FAILED"
        state = RiskState.objects.get(account=account)
        assert (state.cash, state.committed, state.realised) == (before, 0, 0)
        assert not Position.objects.filter(closed_at__isnull=True).exists()
        assert live.order().filled_shares == 0
        live.judge()
        assert_invariants()


def test_proceeds_of_a_sale_are_not_spent_before_the_chain_confirms_it(transactional_db, now):
    with live_world(now, rules=Rules(fails={2})) as live:
        live.venue.quote(YES, "0.53", "5000")
        live.copy()
        live.reconcile()
        live.pass_time(15)
        live.reconcile()
        bought = Position.objects.get()
        live.venue.quote(YES, "0.52", "5000", buy=True)
        cash = RiskState.objects.get(account=live.accounts[0]).cash

        live.copy(side=Side.SELL)
        live.reconcile()

        state = RiskState.objects.get(account=live.accounts[0])
        assert state.cash > cash
        assert state.cash - state.reserved == cash  # nothing of it can be spent yet
        live.judge()
        for _ in range(5):
            live.pass_time(6)
            live.reconcile()
        state = RiskState.objects.get(account=live.accounts[0])
        assert (state.cash, state.reserved) == (cash, 0)
        held = Position.objects.get(closed_at__isnull=True)
        assert (held.shares, held.cost) == (bought.shares, bought.cost)
        live.judge()
        assert not Reservation.objects.filter(state="HELD").exists()


def test_without_proved_keys_nothing_is_sent(live: LiveWorld):
    VenueCredential.objects.update(verified_at=None)

    live.copy()

    order = live.order()
    assert order.state == "DENIED"
    assert "have not proved themselves" in order.reason
    assert live.posts() == 0


def test_with_live_trading_off_nothing_is_sent(live: LiveWorld):
    with override_settings(LIVE_TRADING=False):
        live.copy()

    assert live.posts() == 0
    assert_invariants()


def test_an_approval_accounts_order_waits_for_a_person_and_then_is_sent(live: LiveWorld):
    Account.objects.filter(pk=live.accounts[0].pk).update(mode="APPROVAL")

    made = live.copy()
    assert live.order().state == "AWAITING_APPROVAL"
    assert live.posts() == 0
    approvals.approve(order_id=made[0], by=live.world.owner, now=live.now)
    sending.submit(order_ids=made, now=live.now)

    assert live.order().state == "LIVE"
    assert live.posts() == 1


def test_an_approval_order_that_nobody_approved_is_never_sent(live: LiveWorld):
    Account.objects.filter(pk=live.accounts[0].pk).update(mode="APPROVAL")
    made = live.copy()
    approvals.approve(order_id=made[0], by=live.world.owner, now=live.now)
    Approval.objects.all().delete()

    sending.submit(order_ids=made, now=live.now)

    assert live.order().state == "DENIED"
    assert live.posts() == 0


def test_an_account_that_changed_its_mode_sends_nothing_of_the_old_one(live: LiveWorld):
    signal = live.whale_trades()
    made = copying.copy_signal(signal_id=signal.pk, now=live.now)
    Account.objects.filter(pk=live.accounts[0].pk).update(mode="APPROVAL")

    sending.submit(order_ids=made, now=live.now)

    assert "APPROVAL mode now" in live.order().reason
    assert live.posts() == 0


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


def test_refused_orders_give_their_money_back(live: LiveWorld):
    wallet = live.venue.exchange.wallets[live.venue.owner.lower()]
    wallet.cash = Decimal(1)

    live.copy()

    order = live.order()
    assert order.state == "REJECTED"
    assert "not enough balance" in order.reason
    assert RiskState.objects.get(account=live.accounts[0]).reserved == 0
    assert_invariants()


def won(live: LiveWorld, payout: str = "1") -> None:
    """Let the account hold confirmed shares of a market that then pays."""
    live.venue.quote(YES, "0.53", "5000")
    live.copy()
    live.reconcile()
    live.pass_time(15)
    live.reconcile()
    first = Decimal(payout)
    market = live.venue.market
    live.venue.exchange.resolve(market.condition, (first, 1 - first), now=live.now)
    resolutions.resolve(
        market=Market.objects.get(),
        payouts={market.tokens[0]: first, market.tokens[1]: 1 - first},
        source="test",
        resolved_at=live.now,
    )


@pytest.mark.parametrize("payout", ["1", "0.5"])
def test_what_was_won_is_money_once_the_wallet_has_it(live: LiveWorld, payout):
    won(live, payout)
    account = live.accounts[0]
    before = RiskState.objects.get(account=account).cash

    settlement.settle_due(now=live.now)

    held = Position.objects.get()
    assert held.closed_at is None
    expected = held.shares * Decimal(payout)
    assert redemption.money_waiting(account) == expected
    assert RiskState.objects.get(account=account).cash == before
    for _ in range(8):
        redemption.redeem_due(now=live.now)
        live.pass_time(5)
    assert redemption.money_waiting(account) == 0
    assert RiskState.objects.get(account=account).cash == before + expected
    assert Position.objects.get().closed_at is not None
    live.judge()
    assert_invariants()


def test_what_was_lost_is_written_off_when_the_oracles_record_agrees(live: LiveWorld):
    won(live, "0")
    settlement.settle_due(now=live.now)
    assert Position.objects.get().closed_at is None

    redemption.redeem_due(now=live.now)

    assert Position.objects.get().closed_at is not None
    assert Redemption.objects.get().transaction == ""
    live.judge()
    assert_invariants()


def test_nothing_is_written_off_while_catalogue_and_oracle_differ(live: LiveWorld):
    won(live, "0")
    live.venue.market.payout = (Decimal(1), Decimal(0))
    settlement.settle_due(now=live.now)

    redemption.redeem_due(now=live.now)

    assert Position.objects.get().closed_at is None
    assert "the oracle's record pays" in Redemption.objects.get().problem


def test_what_the_venue_redeemed_by_itself_is_booked_once(live: LiveWorld):
    won(live)
    wallet = live.venue.owner.lower()
    live.venue.exchange.redeem(wallet, live.venue.market.condition, now=live.now)
    settlement.settle_due(now=live.now)

    redemption.redeem_due(now=live.now)
    redemption.redeem_due(now=live.now)

    live.judge()
    assert_invariants()


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


TOLD = ["MATCHED", "RETRYING", "MINED", "CONFIRMED"]


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


def test_a_makers_fill_is_found_though_its_taker_bought_the_other_outcome(live: LiveWorld):
    made = live.copy()
    assert live.order().state == "LIVE"
    other = live.venue.exchange.open_wallet(WHALE, cash=Decimal(1000))
    limit = live.order().limit_price
    bet(live, other, token=NO, price=str(1 - limit), shares="20")

    orders.cancel(order_id=made[0], by="ana", now=live.now)

    assert (live.order().state, live.order().filled_shares) == ("CANCELED", 20)
    assert (Fill.objects.get().price, Fill.objects.get().fee) == (limit, 0)
    live.judge()


def test_keys_stay_while_anything_of_their_wallet_is_open(live: LiveWorld):
    account = live.accounts[0]
    live.copy()

    with pytest.raises(NotAllowed, match="1 orders"):
        onboarding.forget(account=account, venue="polymarket", by="ana", now=live.now)
    live.venue.exchange.open_wallet(address_of(Secret(OTHER)), cash=Decimal(5))
    with pytest.raises(NotAllowed, match="keys are needed"):
        onboarding_polymarket.enter(account=account, private_key=Secret(OTHER), now=live.now)

    assert credentials.of(account, "polymarket").address == live.venue.owner.lower()


def test_proving_while_a_match_is_on_its_way_books_no_money(live: LiveWorld):
    live.venue.quote(YES, "0.53", "5000")
    live.copy()
    live.reconcile()
    before = RiskState.objects.get(account=live.accounts[0]).cash

    onboarding_polymarket.prove(account=live.accounts[0], with_trial=False, now=live.now)

    assert RiskState.objects.get(account=live.accounts[0]).cash == before
    live.pass_time(15)
    live.reconcile()
    live.judge()


def test_what_rests_is_looked_after_when_a_later_proof_fails(live: LiveWorld):
    made = live.copy()
    VenueCredential.objects.update(verified_at=None)

    orders.cancel(order_id=made[0], by="ana", now=live.now)

    assert live.order().state == "CANCELED"


def test_silence_that_is_broken_by_a_sighting_begins_anew(live: LiveWorld):
    live.copy()
    order_id = live.order().venue_order_id
    exchange = live.venue.exchange
    row = exchange.orders.pop(order_id)
    live.reconcile(live.now + timedelta(seconds=5))
    exchange.orders[order_id] = row
    live.reconcile(live.now + timedelta(seconds=20))
    del exchange.orders[order_id]

    live.reconcile(live.now + timedelta(seconds=400))

    assert live.order().state == "LIVE"
    live.reconcile(live.now + timedelta(seconds=415))
    assert live.order().state == "CANCELED"


def test_an_order_that_the_venue_matched_does_not_end_before_its_trades_are_told(
    live: LiveWorld,
):
    live.venue.quote(YES, "0.53", "5000")
    live.copy()
    exchange = live.venue.exchange
    trades, exchange.trades = exchange.trades, []
    row = exchange.orders.pop(live.order().venue_order_id)
    for wait in (0, 15, 30, 45):
        live.reconcile(live.now + timedelta(seconds=wait))
        assert live.order().state == "LIVE"
        assert RiskState.objects.get(account=live.accounts[0]).reserved > 0

    exchange.trades, exchange.orders[row.order_id] = trades, row
    live.reconcile(live.now + timedelta(seconds=60))

    assert live.order().state == "FILLED"
    live.judge()


def test_a_cancel_after_the_orders_own_end_gives_the_money_back(live: LiveWorld):
    live.copy()
    Order.objects.update(state="CANCEL_PENDING", expires_at=live.now)
    del live.venue.exchange.orders[live.order().venue_order_id]

    for wait in (5, 20):
        live.reconcile(live.now + timedelta(seconds=wait))

    assert live.order().state == "CANCELED"
    assert RiskState.objects.get(account=live.accounts[0]).reserved == 0


def test_a_lost_cancel_of_a_partly_filled_order_is_asked_for_again(transactional_db, now):
    rule = Rule(venue="polymarket", endpoint="DELETE /order", kind=Kind.CLOSE_AFTER_BODY, nth=1)
    with live_world(now, faults=[rule]) as live:
        live.venue.quote(YES, "0.53", "50")
        made = live.copy()
        live.reconcile()
        orders.cancel(order_id=made[0], by="ana", now=live.now)
        live.reconcile()
        assert live.order().state == "CANCEL_PENDING"

        for order_id in reconciliation.still_to_cancel(made):
            orders.cancel(order_id=order_id, by="keeper", now=live.now)

        assert (live.order().state, live.order().filled_shares) == ("CANCELED", 50)


def test_a_sale_takes_confirmed_shares_and_a_void_leaves_none_of_its_own(transactional_db, now):
    with live_world(now, rules=Rules(fails={2})) as live:
        RiskProfile.objects.update(duplicate_seconds=0, max_per_market=1, max_per_category=1)
        live.venue.quote(YES, "0.53", "5000")
        live.copy()
        live.pass_time(15)
        live.reconcile()
        first = Position.objects.get().confirmed_shares
        live.copy()  # a second purchase that will fail
        live.reconcile()
        held = Position.objects.get()
        assert (held.confirmed_shares, held.shares > first) == (first, True)
        live.venue.quote(YES, "0.52", "5000", buy=True)
        live.copy(side=Side.SELL, shares="2000")
        live.reconcile()
        assert Position.objects.get().confirmed_shares == 0

        for _ in range(6):
            live.pass_time(9)
            live.reconcile()

        assert not Position.objects.filter(closed_at__isnull=True).exists()
        live.judge()
        assert_invariants()


def test_after_a_sale_that_failed_the_whale_is_followed_out_again(transactional_db, now):
    with live_world(now, rules=Rules(fails={2})) as live:
        live.venue.quote(YES, "0.53", "5000")
        live.copy(shares="2000")
        live.pass_time(11)
        live.reconcile()
        live.venue.quote(YES, "0.52", "9000", buy=True)
        live.copy(side=Side.SELL)
        for _ in range(5):  # under a minute in all: signatures carry the real time
            live.pass_time(6)
            live.reconcile()
        assert Fill.objects.filter(settlement="FAILED").count() == 1

        live.venue.quote(YES, "0.52", "9000", buy=True)
        live.copy(side=Side.SELL)
        live.pass_time(11)
        live.reconcile()

        assert not Position.objects.filter(closed_at__isnull=True).exists()
        live.judge()


def test_when_everything_is_stopped_nothing_is_tried_or_redeemed(live: LiveWorld):
    won(live)
    settlement.settle_due(now=live.now)
    services.stop(scope="SERVER", key="", level="ALL", by="ana", why="", now=live.now)

    redemption.redeem_due(now=live.now)
    steps = onboarding_polymarket.prove(account=live.accounts[0], with_trial=True, now=live.now)

    assert not Redemption.objects.exclude(sent_at=None).exists()
    assert "stopped" in next(step.says for step in steps if step.name == "trial order")
    assert live.posts() == 1


def test_shares_that_left_another_way_are_not_booked_as_money(live: LiveWorld):
    won(live)
    settlement.settle_due(now=live.now)
    live.venue.exchange.wallets[live.venue.owner.lower()].shares[YES] = Decimal(0)
    before = RiskState.objects.get(account=live.accounts[0]).cash

    redemption.redeem_due(now=live.now)

    row = Redemption.objects.get()
    assert (row.done_at, row.attempts) == (None, 1)
    assert "nothing says they were redeemed" in row.problem
    assert RiskState.objects.get(account=live.accounts[0]).cash == before


def test_a_pause_leaves_orders_waiting_and_not_refused(live: LiveWorld):
    signal = live.whale_trades()
    made = copying.copy_signal(signal_id=signal.pk, now=live.now)
    limits = shared_limits()
    limits.back_off("POST /order", seconds=1.0)

    sending.submit(order_ids=made, now=live.now)
    assert (live.order().state, live.posts()) == ("RESERVED", 0)
    until(lambda: limits.left("POST /order") == 0)
    sending.submit(order_ids=sending.unsent_real(now=live.now), now=live.now)

    assert (live.order().state, live.posts()) == ("LIVE", 1)


def test_paper_money_never_becomes_real_by_an_edit(live: LiveWorld):
    for account, mode in ((live.world.account, "LIVE"), (live.accounts[0], "PAPER")):
        with pytest.raises(IntegrityError, match="keeps the kind of its money"):
            Account.objects.filter(pk=account.pk).update(mode=mode)


@pytest.mark.parametrize(
    "row",
    [
        {"maker_orders": 5},
        {"id": ["a"]},
        {"size": "1e30"},
        {"asset_id": NO, "maker_orders": []},
        {"status": {}},
        {"match_time": "never"},
    ],
)
def test_a_row_that_makes_no_sense_stops_nothing(live: LiveWorld, row):
    live.venue.quote(YES, "0.53", "5000")
    live.copy()
    key = live.venue.exchange.trades[-1].taker.order.key
    good = wire.trade(live.venue.exchange.trades[-1], key=key) | {"event_type": "trade"}
    good["status"] = "MATCHED"

    reconciliation.take_told(
        [good | row, good], venue="polymarket", account_id=live.accounts[0].pk, now=live.now
    )

    assert live.order().state == "FILLED"
    assert_invariants()


def test_a_match_that_had_failed_when_it_was_first_seen_frees_its_money(transactional_db, now):
    with live_world(now, rules=Rules(fails={1})) as live:
        live.venue.quote(YES, "0.53", "5000")
        live.copy()
        for _ in range(5):
            live.pass_time(9)  # nobody looks meanwhile
        for wait in (0, 15):
            live.reconcile(live.now + timedelta(seconds=wait))

        assert live.order().state == "CANCELED"
        assert RiskState.objects.get(account=live.accounts[0]).reserved == 0
        assert Fill.objects.get().settlement == "FAILED"
        live.judge()
        assert_invariants()


def test_a_claimed_match_that_no_trade_ever_tells_goes_to_a_person(live: LiveWorld):
    live.venue.quote(YES, "0.53", "5000")
    live.copy()
    exchange = live.venue.exchange
    exchange.trades.clear()
    exchange.orders.pop(live.order().venue_order_id)
    for minute in range(0, 18, 3):
        live.reconcile(live.now + timedelta(minutes=minute))

    assert live.order().state == "MANUAL"
    assert RiskState.objects.get(account=live.accounts[0]).reserved > 0
    assert Event.objects.filter(kind="order_manual", level="ACT").exists()
    order = live.order()
    assert orders.decide_manual(
        order_id=order.pk, state=OrderState.CANCELED, by="ana", now=live.now
    )
    assert RiskState.objects.get(account=live.accounts[0]).reserved == 0


def test_a_wallet_without_free_cash_keeps_its_keys_proved(live: LiveWorld):
    wallet = live.venue.exchange.wallets[live.venue.owner.lower()]
    wallet.cash = Decimal(0)

    steps = onboarding_polymarket.prove(account=live.accounts[0], with_trial=False, now=live.now)

    assert [step.name for step in steps if not step.ok] == ["money"]
    assert credentials.of(live.accounts[0], "polymarket").verified_at is not None


def test_crumbs_of_a_resolved_market_are_written_off(live: LiveWorld):
    won(live)
    Position.objects.update(shares=Decimal("0.006"), confirmed_shares=Decimal("0.006"))

    settlement.settle_due(now=live.now)
    redemption.redeem_due(now=live.now)

    assert Position.objects.get().closed_at is not None
    assert Redemption.objects.get().transaction == ""
