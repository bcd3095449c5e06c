"""What was won and lost with real money on Polymarket, and what is redeemed."""

from decimal import Decimal

import pytest

from risk.models import RiskState
from tests.live_world import LiveWorld, live_world, won
from tests.world import assert_invariants
from trading import (
    redemption,
    settlement,
)
from trading.models import Position, Redemption


@pytest.fixture
def live(transactional_db, now):
    with live_world(now) as made:
        yield made


def test_refused_orders_give_their_money_back(live: LiveWorld):
    wallet = live.venue.exchange.wallets[live.venue.owner.lower()]
    wallet.cash = Decimal(1)

    live.copy()

    order = live.order()
    assert order.state == "REJECTED"
    assert "not enough balance" in order.reason
    assert RiskState.objects.get(account=live.accounts[0]).reserved == 0
    assert_invariants()


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
