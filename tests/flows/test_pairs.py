"""FLOW 2 end to end: two legs on two exchanges end hedged, flat or in a person's hands."""

from datetime import UTC, datetime

import pytest

from markets.models import Pair
from risk.models import RiskState
from tests.chaos_pairs import run_one
from tests.pair_live import pair_live
from tests.world import assert_invariants
from trading.models import PairTrade

# The rest of the combinations, and all crash points, are run by `make chaos`.
QUICK = (("late", "none"), ("void", "partial"))


@pytest.fixture
def start():
    return datetime.now(UTC).replace(microsecond=0)


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

    def test_what_a_person_took_over_stays_his(self, real):
        trade = run_one(real, "full", "unknown", is_sure=False, by_hand=True)

        assert trade.figures["taken_over"]
        assert trade.state != "MANUAL"

    def test_a_coordinator_that_dies_is_followed_by_another(self, real):
        run_one(real, "full", "full", crash=6)
