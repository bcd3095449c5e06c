"""FLOW 2 end to end: two legs on two exchanges end hedged, flat or in a person's hands."""

from contextlib import closing

import pytest
from django.conf import settings

from accounts.models import VenueCredential
from accounts.venues import kalshi_public
from markets.models import Opportunity, Pair, PairApproval
from notifications.models import Event
from polymix.management.commands.watch_arbitrage import kalshi_push
from risk.models import Reservation, RiskState
from risk.services import stop
from tests.chaos_pairs import run_one
from tests.pair_live import pair_live
from tests.venues.test_stream import until
from tests.world import assert_invariants
from tests.yes import yes_to
from trading import pair_approvals, sending
from trading.models import Approval, Order, PairTrade
from trading.pair_books import Books
from venues.kalshi.parse import token_of
from venues.polymarket.stream import BookPush

# The rest of the combinations, and all crash points, are run by `make chaos`.
QUICK = (("late", "none"), ("void", "partial"))


@pytest.fixture
def real(transactional_db):
    with pair_live() as live:
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
        assert trade.settled_at is not None
        assert trade.realised is None  # its positions tell
        assert trade.state != "MANUAL"

    def test_a_coordinator_that_dies_is_followed_by_another(self, real):
        run_one(real, "full", "full", crash=6)

    def test_pushed_books_of_both_venues_are_what_is_traded_on(self, real):
        game = nba(real)
        real.match()
        real.trade_only(game)
        pair = Pair.objects.get(event=game.draft.ticker)
        home = token_of(pair.kalshi_home.external_id, "yes")
        ours, theirs = BookPush(settings.POLYMARKET_WS_URL), kalshi_push()
        with closing(ours), closing(theirs):
            ours.start()
            theirs.start()
            real.watch.books = Books(
                polymarket=real.public,
                kalshi=kalshi_public(),
                now=lambda: real.now,
                polymarket_push=ours,
                kalshi_push=theirs,
            )
            real.watch._reload()
            until(lambda: theirs.asks(home) is not None)
            real.make_gap(game)
            until(lambda: (theirs.asks(home) or [[0]])[0][0] == 5_000)
            until(lambda: (ours.asks(pair.away_outcome.token) or [[0]])[0][0] == 4_000)

            real.look()
            real.drive(until=lambda: real.trade().state == "HEDGED")

        real.judge()
        assert_invariants()


class TestApproval:
    @pytest.fixture
    def asking(self, transactional_db):
        with pair_live(mode="APPROVAL") as live:
            yield live

    def test_one_word_sends_both_legs_and_what_closes_them(self, asking):
        game, trade = begin(asking)
        asking.watch.drive()
        assert asking.trade().state == "AWAITING_APPROVAL"
        assert not Reservation.objects.filter(account=asking.account).exists()
        assert not Order.objects.exclude(state="AWAITING_APPROVAL").exists()

        answer = pair_approvals.approve(
            trade_id=trade.pk,
            yes=yes_to(trade, by=asking.account.owner, now=asking.now),
            now=asking.now,
        )
        assert answer.counted, answer.sentence
        assert sending.unsent_real(now=asking.now) == []  # whoever sends it drives its hedge
        asking.withdraw(game, "kalshi")  # the hedge finds nobody: what closes it was approved too
        asking.drive(until=lambda: asking.trade().state == "FLAT")

        orders = Order.objects.filter(pair_trade=trade)
        assert {order.role for order in orders} == {"FIRST", "HEDGE", "UNWIND"}
        sent = [order.pk for order in orders if order.venue_order_id]
        assert Approval.objects.filter(order__in=sent, answer="APPROVED").count() == len(sent)
        asking.judge()
        assert_invariants()

    def test_what_was_shown_and_is_gone_is_not_sent(self, asking):
        game, trade = begin(asking)
        asking.withdraw(game, "kalshi")
        asking.look()

        answer = pair_approvals.approve(
            trade_id=trade.pk,
            yes=yes_to(trade, by=asking.account.owner, now=asking.now),
            now=asking.now,
        )

        assert not answer.counted
        assert "gone" in answer.sentence
        assert asking.trade().state == "ABORTED"
        assert not Order.objects.filter(pair_trade=trade).exclude(state="DENIED").exists()
        assert_invariants()

    @pytest.mark.parametrize("why", ["stopped", "unproved", "refused"])
    def test_nothing_is_approved_whose_second_leg_could_not_go(self, asking, why):
        _, trade = begin(asking)
        if why == "stopped":
            stop(scope="VENUE", key="kalshi", level="ALL", by="ana", why="", now=asking.now)
        elif why == "unproved":
            VenueCredential.objects.filter(venue="kalshi").update(verified_at=None)
        else:
            PairApproval.objects.create(
                pair=trade.pair,
                user=asking.account.owner,
                is_approved=False,
                texts={},
                rules_hash=trade.pair.rules_hash,
                at=asking.now,
            )

        answer = pair_approvals.approve(
            trade_id=trade.pk,
            yes=yes_to(trade, by=asking.account.owner, now=asking.now),
            now=asking.now,
        )

        assert not answer.counted
        assert asking.trade().state == "ABORTED"


class TestPaper:
    @pytest.fixture
    def paper(self, transactional_db):
        with pair_live(mode="PAPER") as live:
            yield live

    def test_a_match_told_of_an_old_trade_stops_no_newer_one_of_its_game(self, paper):
        game = nba(paper)
        paper.match()
        paper.make_gap(game)
        paper.look()
        old = paper.trade()
        paper.withdraw(game, "polymarket")
        paper.drive(until=lambda: paper.trade().state == "ABORTED")
        paper.look()
        paper.make_gap(game)
        paper.look()
        new = paper.trade()
        assert new.pk != old.pk
        Order.objects.filter(pair_trade=old, role="FIRST").update(filled_shares=50, filled_cost=20)

        paper.drive(until=lambda: paper.trade().state == "HEDGED")

        old.refresh_from_db()
        assert old.state == "ABORTED"
        (told,) = Event.objects.filter(kind="pair_manual")
        assert (told.level, told.payload) == ("ACT", {"pair_trade": str(old.pk)})

    def test_a_gap_that_nobody_watched_for_a_while_lasts_from_when_it_is_seen_again(self, paper):
        game = nba(paper)
        paper.match()
        paper.make_gap(game)
        paper.look()
        paper.pass_time(60)
        paper.look()

        first, second = Opportunity.objects.filter(route="R1").order_by("first_seen")
        assert first.ended_at == first.last_seen
        assert (second.first_seen - first.first_seen).total_seconds() == 60
