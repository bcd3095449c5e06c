"""A pair counts once: among losses, in the measured risk, and against what may be open."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.test import override_settings

from accounts.models import Account
from accounts.venues import kalshi_public
from markets.models import Market, Opportunity
from notifications.models import Event
from risk import stops
from risk.domain.pairs import DEFAULT_PAIRS
from risk.models import BreakerTrip, PairProfile, RiskProfile, RiskState
from tests.flows.test_pairs import begin
from tests.pair_live import pair_live
from tests.world import World, assert_invariants
from trading import pair_figures, pair_settlement, pair_views
from trading.domain import legs
from trading.models import Decision, Fill, PairTrade

D = Decimal


@pytest.fixture
def paper(transactional_db):
    with pair_live(mode="PAPER") as made:
        yield made


@pytest.fixture
def real(transactional_db):
    with pair_live() as made:
        yield made


class NoPolymarket:
    """Polymarket says nothing yet: Kalshi pays hours earlier."""

    def listings(self, ids):
        return []


def test_a_hedged_winner_is_no_loss_while_its_losing_leg_alone_was_paid(paper):
    limits = RiskProfile.objects.filter(account=paper.account)
    limits.update(max_consecutive_losses=1, hourly_loss_limit=5, daily_loss_limit=5)
    game, trade = begin(paper)
    paper.drive(until=lambda: paper.trade().state == "HEDGED")
    trade.refresh_from_db()
    game.fair = 99.0  # the away team wins: Kalshi's leg, which is paid first, loses
    paper.sandbox.world._decide(game, paper.now)
    paper.pass_time(1)

    pair_settlement.read_ends(NoPolymarket(), kalshi_public(), now=paper.now)
    pair_settlement.settle(now=paper.now)
    half = RiskState.objects.get(account=paper.account)
    apart = D(PairTrade.objects.get().figures["apart"])
    paper.settle()

    assert apart < 0
    assert half.realised == apart
    assert (half.hour_realised, half.day_realised, half.consecutive_losses) == (0, 0, 0)
    whole = RiskState.objects.get(account=paper.account)
    trade = PairTrade.objects.get()
    assert trade.realised > 0
    assert whole.day_realised == trade.realised == whole.realised
    assert whole.consecutive_losses == 0
    assert not BreakerTrip.objects.exists()
    assert_invariants()


def test_dust_whose_hedge_is_refused_here_is_not_tried_for_ever(real, monkeypatch):
    monkeypatch.setattr(legs, "DUST", D(1000))  # so that what is bought here is dust
    _, trade = begin(real)

    for _ in range(30):
        Market.objects.filter(venue="kalshi").update(status="CLOSED")
        real.watch.drive()
        real.pass_time(1)

    trade.refresh_from_db()
    assert trade.orders.count() <= 3
    assert trade.state in ("FLAT", "HEDGED", "HEDGED_PROVISIONAL", "MANUAL")


def test_a_second_leg_that_was_dear_counts_as_one_that_failed(paper):
    _, trade = begin(paper)
    paper.drive(until=lambda: paper.trade().state == "HEDGED")
    before = pair_views.leg_risk(bounds=DEFAULT_PAIRS, is_paper=True)
    hedge = trade.orders.get(role="HEDGE")
    hedge.filled_cost += 5
    hedge.save(update_fields=["filled_cost"])
    trade.refresh_from_db()

    trade.figures |= pair_figures.dear(trade)
    trade.save(update_fields=["figures"])
    after = pair_views.leg_risk(bounds=DEFAULT_PAIRS, is_paper=True)

    assert (before.failed, after.failed) == (0, 1)
    assert after.loss >= D("0.01")
    assert pair_figures.expected_now(trade) < trade.expected


def test_the_news_of_a_hedge_says_what_is_expected_now(paper):
    begin(paper)
    paper.drive(until=lambda: paper.trade().state == "HEDGED")

    said = Event.objects.get(kind="pair_hedged").sentence
    assert "Planned +$" in said
    assert "expected now" in said


def test_a_request_whose_opportunity_is_gone_makes_room_for_the_next(paper):
    Account.objects.filter(pk=paper.account.pk).update(rehearsal=True)
    game, trade = begin(paper)
    paper.watch.drive()
    assert paper.trade().state == "AWAITING_APPROVAL"
    paper.withdraw(game, "kalshi")
    paper.look()
    Opportunity.objects.update(ended_at=paper.now)

    paper.pass_time(12)
    paper.watch.drive()

    trade.refresh_from_db()
    assert trade.state == "ABORTED"
    assert "opportunity is gone" in trade.events.latest("pk").sentence
    assert set(trade.orders.values_list("state", flat=True)) == {"DENIED"}


def test_no_pair_begins_while_too_much_is_matched_and_not_settled(real):
    begin(real)
    PairProfile.objects.filter(account=real.account).update(max_provisional=1)
    real.drive(until=Fill.objects.exists)
    Fill.objects.update(settlement="MATCHED")
    PairTrade.objects.update(state="HEDGED", unhedged_at=None)
    other = next(g for g in real.games() if g.draft.league.name == "NHL")
    real.make_gap(other)
    real.look()

    said = Decision.objects.filter(accepted=False, reason="STILL_SETTLING")
    assert said.exists()
    assert "not settled yet" in said.first().sentence


def matches(world: World, *, failed: int, confirmed: int) -> None:
    """Let Polymarket's chain have judged so many real matches just now."""
    order = world.buy()
    now = datetime.now(UTC)
    for number in range(failed + confirmed):
        Fill.objects.create(
            order=order,
            account=world.account,
            venue="polymarket",
            venue_fill_id=f"m{number}",
            price=D("0.5"),
            shares=1,
            fee=0,
            settlement="FAILED" if number < failed else "CONFIRMED",
            at=now - timedelta(seconds=number),
        )


@pytest.mark.parametrize(("failed", "stopped"), [(2, False), (3, True)])
def test_failed_settlements_stop_buying_at_the_venue_that_failed(world, failed, stopped):
    matches(world, failed=failed, confirmed=30)

    words = stops.read_stops().words(
        account_id=world.account.pk, whale="", venue="polymarket", entries=True
    )
    exits = stops.read_stops().words(
        account_id=world.account.pk, whale="", venue="polymarket", entries=False
    )

    assert bool(words) is stopped
    assert not exits
    if stopped:
        assert "3 of its last 20 settlements failed" in words
        with override_settings(SETTLEMENT_FAILURES=5):
            assert not stops.read_stops().switches
