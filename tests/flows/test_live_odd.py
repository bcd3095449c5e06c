"""Real orders on Polymarket where something is odd: late, strange, twice, or not at all."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError

from accounts import credentials
from accounts.limits import shared_limits
from accounts.models import Account, VenueCredential
from notifications.models import Event
from risk import services
from risk.models import RiskProfile, RiskState
from sandbox.faults import Kind, Rule
from sandbox.polymarket import wire
from sandbox.polymarket.rows import Rules
from tests.live_world import LiveWorld, bet, live_world, won
from tests.sandbox.polymarket_world import NO, OTHER, YES
from tests.venues.test_stream import until
from tests.world import WHALE, assert_invariants
from trading import (
    copying,
    onboarding,
    onboarding_polymarket,
    orders,
    reconciliation,
    redemption,
    sending,
    settlement,
)
from trading.domain.order_state import OrderState
from trading.models import Fill, Order, Position, Redemption
from trading.onboarding import NotAllowed
from venues.polymarket.auth import address_of
from venues.secrets import Secret
from venues.types import Side


@pytest.fixture
def live(transactional_db, now):
    with live_world(now) as made:
        yield made


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
    assert "stopped" in next(step.says for step in steps if step.name == "no trial order")
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
