"""A pair's dossier: what both contracts say, and a person's word on it."""

import pytest
from django.test import override_settings
from django.urls import reverse

from markets.models import Pair, PairApproval
from notifications.models import Event
from risk.models import PairProfile
from tests.pair_live import pair_live


@pytest.fixture
def live(transactional_db, client):
    with pair_live(mode="PAPER") as made:
        made.match()
        client.force_login(made.world.owner)
        yield made


def a_pair(league="NBA"):
    return Pair.objects.filter(game__league=league, is_standard=True).order_by("pk").first()


def page(client, live, pair):
    return client.get(reverse("dossier", args=[live.account.pk, pair.pk])).content.decode()


def terms(client, live, pair):
    shown = client.get(reverse("dossier", args=[live.account.pk, pair.pk])).context["terms"]
    return {name: (ours, theirs, alike) for name, ours, theirs, alike in shown}


def test_overtime_is_alike_only_where_both_say_it_or_a_rulebook_that_was_read(live, client):
    pair = a_pair()
    ours, theirs, alike = terms(client, live, pair)["overtime"]
    assert (ours, alike) == ("Overtime is included", True)
    assert "rulebook, which was read" in theirs

    with override_settings(PAIR_RULEBOOKS={}):
        live.match()

    _, theirs, alike = terms(client, live, pair)["overtime"]
    assert "is not one that was read" in theirs
    assert not alike


def judge(client, live, pair, **form):
    place = reverse("dossier-judge", args=[live.account.pk, pair.pk])
    said = client.post(place, {"rules_hash": pair.rules_hash, **form}, follow=True)
    assert said.status_code == 200
    return said.content.decode()


def test_a_note_loses_control_characters_and_nothing_else(live, client):
    pair = a_pair()

    said = judge(client, live, pair, approve="1", note=" read\x00 both,\x1b[31m twice: né \x7f")

    assert "You approved this pair" in said
    assert PairApproval.objects.get().note == "read both,[31m twice: né"


def test_a_form_that_says_nothing_records_nothing(live, client):
    pair = a_pair()

    for form in ({}, {"note": "hm"}, {"approve": "1", "refuse": "1"}):
        assert "Nothing was chosen, and nothing is recorded." in judge(client, live, pair, **form)

    assert not PairApproval.objects.exists()


def test_a_refused_pair_says_so_with_its_moment_and_the_way_back(live, client):
    pair = a_pair()

    said = judge(client, live, pair, refuse="1", note="no")

    at = PairApproval.objects.get().at
    assert f"You refused this pair on {at:%-d %b %Y %H:%M:%S} UTC." in said
    assert "although Pairs trades standard NBA pairs unasked" in said
    assert "If you think otherwise now, approve it below." in said
    assert "Awaiting approval" not in said

    assert "You approved it for your accounts" in judge(client, live, pair, approve="1")
    judge(client, live, pair, refuse="1")
    Pair.objects.filter(pk=pair.pk).update(rules_hash="1" * 64)
    assert "You refused this pair on" not in page(client, live, pair)  # it was of other texts


def test_accepting_a_standard_shape_is_told_once(live, client):
    PairProfile.objects.filter(account=live.account).update(accept_standard=["NHL"])
    pair = a_pair()

    for _ in range(2):
        said = judge(client, live, pair, standard="1")
        assert "trades standard NBA pairs from now on, unasked" in said

    bounds = PairProfile.objects.get(account=live.account).bounds()
    assert bounds.accept_standard == ("NBA", "NHL")
    told = Event.objects.get(kind="standard_accepted")
    assert told.sentence == "ana lets Pairs trade standard NBA pairs unasked."
    assert (told.level, told.by, told.account_id) == ("WARN", "ana", live.account.pk)
    assert told.payload == {"added": ["NBA"]}
    assert not PairApproval.objects.exists()


def test_a_pair_of_the_nfl_always_asks(live, client):
    pair = a_pair("NFL")

    assert "An NFL pair always asks: it can tie." in judge(client, live, pair, standard="1")

    bounds = PairProfile.objects.get(account=live.account).bounds()
    assert bounds.accept_standard == ("NBA", "NHL")
    assert not Event.objects.filter(kind="standard_accepted").exists()
    assert not PairApproval.objects.exists()
