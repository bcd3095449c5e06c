"""Real orders on Polymarket: what is sent, what was kept before, and what is never sent."""

import hashlib
from decimal import Decimal

import orjson
import pytest
from django.test import override_settings

from accounts import vault
from accounts.models import Account, VenueCredential
from accounts.vault import Sealed
from risk.models import Reservation, RiskState
from sandbox.polymarket.rows import Rules
from tests.live_world import LiveWorld, live_world
from tests.sandbox.polymarket_world import YES
from tests.world import assert_invariants
from tests.yes import yes_to
from trading import (
    approvals,
    copying,
    sending,
)
from trading.models import Approval, Fill, Position, Submission
from venues.types import Side


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
    approvals.approve(
        order_id=made[0], yes=yes_to(made[0], by=live.world.owner, now=live.now), now=live.now
    )
    sending.submit(order_ids=made, now=live.now)

    assert live.order().state == "LIVE"
    assert live.posts() == 1


def test_an_approval_order_that_nobody_approved_is_never_sent(live: LiveWorld):
    Account.objects.filter(pk=live.accounts[0].pk).update(mode="APPROVAL")
    made = live.copy()
    approvals.approve(
        order_id=made[0], yes=yes_to(made[0], by=live.world.owner, now=live.now), now=live.now
    )
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
