"""FLOW 2 end to end: two legs on two exchanges end hedged, flat or in a person's hands."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from markets.models import Pair
from risk.models import RiskState
from tests.chaos_pairs import run_one
from tests.pair_live import pair_live
from tests.world import assert_invariants
from trading.models import PairTrade

D = Decimal
# The rest of the combinations, and all crash points, are run by `make chaos`.
QUICK = (("full", "none"), ("late", "partial"), ("void", "full"), ("partial", "late"))


@pytest.fixture
def start():
    return datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def paper(transactional_db, start):
    with pair_live(start, mode="PAPER") as live:
        yield live


@pytest.fixture
def real(transactional_db, start):
    with pair_live(start) as live:
        yield live


def cash_of(live):
    return RiskState.objects.get(account=live.account).cash


def nba(live):
    return next(game for game in live.games() if game.draft.league.name == "NBA")


def begin(live, game=None):
    game = game or nba(live)
    live.match()
    live.make_gap(game)
    live.look()
    return game, live.trade()


class TestPaper:
    def test_a_pair_is_found_traded_hedged_settled_and_explained(self, paper):
        game, trade = begin(paper)
        assert trade.expected > 0

        paper.drive(until=lambda: paper.trade().state == "HEDGED")
        paper.finish(game)

        trade = paper.trade()
        assert trade.settled_at is not None
        parts = sum(
            D(trade.explained[name]) for name in ("size", "slippage", "fees", "unwind", "branch")
        )
        assert trade.realised - trade.expected == parts
        assert trade.realised > 0
        assert_invariants()


class TestLive:
    def test_a_real_pair_is_hedged_and_earns_what_the_exchanges_say(self, real):
        game, trade = begin(real)
        assert trade.mode == "LIVE"
        before = cash_of(real)

        real.drive(until=lambda: real.trade().state == "HEDGED")
        real.finish(game)

        trade = PairTrade.objects.get()
        assert trade.settled_at is not None
        assert cash_of(real) - before == trade.realised
        real.judge()
        assert_invariants()
        assert Pair.objects.filter(state="READ").exists()

    def test_whatever_becomes_of_a_leg_the_pair_ends_as_it_should(self, real):
        for first, second in QUICK:
            run_one(real, first, second)

    def test_a_coordinator_that_dies_is_followed_by_another(self, real):
        run_one(real, "full", "full", crash=6)
