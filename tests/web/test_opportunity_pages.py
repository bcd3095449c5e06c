"""Opportunities on their pages: which route each row is, and what an account did about it."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from markets.models import Opportunity
from risk.models import PairProfile
from tests.chaos_pairs import fresh_game
from tests.pair_live import pair_live

OTHER = "ended undecided: the other route of this game was decided"
BEFORE = "ended before it was decided"


@pytest.fixture
def live(transactional_db, client):
    with pair_live(mode="PAPER") as made:
        client.force_login(made.world.owner)
        yield made


def words(response):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", response.content.decode()))


def listed(client, account):
    return words(client.get(reverse("opportunities", args=[account.pk])))


def detail(client, account, row):
    return words(client.get(reverse("opportunity", args=[account.pk, row.pk])))


def a_gap(live, *, later=timedelta(0)):
    """Let a game earn something by one route, and by its twin too, which begins so much later."""
    game = fresh_game(live)
    live.trade_only(game)
    live.match()
    live.make_gap(game)
    live.look()
    best = Opportunity.objects.select_related("pair__game").get(pair__event=game.draft.ticker)
    twin = Opportunity.objects.get(pk=best.pk)
    twin.pk, twin.route = None, "R2"
    twin.first_seen, twin.last_seen = best.first_seen + later, best.last_seen + later
    twin.save()
    return best, twin


def end(*rows):
    for row in rows:
        row.ended_at = row.last_seen
        row.save()


def test_each_row_says_which_side_it_buys_on_which_venue(live, client):
    best, twin = a_gap(live)
    end(best, twin)
    game = best.pair.game

    shown = listed(client, live.account)

    assert best.route == "R1"
    assert shown.count(f"{game.away} on Polymarket, {game.home} YES on Kalshi") == 1
    assert shown.count(f"{game.away} on Polymarket, {game.away} NO on Kalshi") == 1
    assert f"{game.away} NO on Kalshi" in detail(client, live.account, best)  # its other stretch


@pytest.mark.parametrize("accepted", [["NBA", "NHL"], []], ids=["traded", "refused"])
def test_a_twin_of_what_was_decided_says_so_when_it_has_ended(live, client, accepted):
    PairProfile.objects.filter(account=live.account).update(accept_standard=accepted)
    best, twin = a_gap(live)
    assert "not decided yet" in detail(client, live.account, twin).lower()
    end(best, twin)

    shown = listed(client, live.account)

    assert shown.count(OTHER) == 1
    assert "not decided yet" not in shown
    assert f"E{OTHER[1:]}." in detail(client, live.account, twin)
    assert OTHER[1:] not in detail(client, live.account, best)


def test_what_ended_at_another_time_was_not_decided_by_its_twin(live, client):
    best, twin = a_gap(live, later=timedelta(minutes=5))
    end(best, twin)

    shown = listed(client, live.account)

    assert shown.count(BEFORE) == 1
    assert OTHER not in shown
    assert f"E{BEFORE[1:]}." in detail(client, live.account, twin)


def test_another_accounts_decision_says_nothing_of_this_one(live, client):
    end(*a_gap(live))

    shown = listed(client, live.world.account)  # of the same person, and trades no pairs

    assert shown.count(BEFORE) == 2
    assert OTHER not in shown


def test_a_page_of_twins_asks_no_more_than_a_page_of_one(
    live, client, django_assert_max_num_queries
):
    best, twin = a_gap(live)
    end(best, twin)
    with CaptureQueriesContext(connection) as few:
        listed(client, live.account)
    for route in ("R1", "R2", "R3", "R4") * 5:
        twin.pk, twin.route = None, route
        twin.save()

    with django_assert_max_num_queries(len(few)):
        listed(client, live.account)
