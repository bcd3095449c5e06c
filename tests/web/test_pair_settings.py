"""The bounds of pair trades on their page: what is taken, what is refused, and what is told."""

import pytest
from django.urls import reverse

from notifications.models import Event
from risk.models import PairProfile, RiskProfile


@pytest.fixture
def as_shown(world, client):
    """Return the form as the page shows it."""
    client.force_login(world.owner)
    shown = client.get(reverse("pair-settings", args=[world.account.pk])).context["form"].initial
    return {name: value for name, value in shown.items() if value is not False}


def save(client, world, form):
    return client.post(reverse("pair-settings", args=[world.account.pk]), form, follow=True)


def test_what_was_loosened_is_told_as_a_warning_with_who_and_what(world, client, as_shown):
    form = as_shown | {"accept_standard": ["NBA"], "hedge_loss": "0.05", "min_roi": "9"}

    assert "Saved" in save(client, world, form).content.decode()

    told = Event.objects.get(kind="pair_settings")
    assert told.sentence == (
        "ana changed accept_standard, hedge_loss, min_roi of the pairs of Main, and loosened "
        "accept_standard, hedge_loss. Standard NBA pairs are traded unasked from now on."
    )
    assert (told.level, told.by, told.account_id) == ("WARN", "ana", world.account.pk)
    assert told.payload["added"] == ["NBA"]
    assert told.payload["loosened"] == ["accept_standard", "hedge_loss"]
    assert told.payload["changed"]["hedge_loss"] == ["0.04", "0.05"]
    assert PairProfile.objects.get(account=world.account).accept_standard == ["NBA"]
    assert RiskProfile.objects.get(account=world.account).min_roi == 9


@pytest.mark.parametrize(
    ("changes", "level"),
    [
        ({"max_unhedged": "40"}, "INFO"),
        ({"max_unhedged": "60"}, "WARN"),
        ({"min_lifetime": "2"}, "INFO"),
        ({"min_lifetime": "0.5"}, "WARN"),
        ({"excluded": "NBA:LAL, NBA:BOS"}, "INFO"),
        ({"excluded": ""}, "WARN"),  # what was never traded may be now
        ({"leagues": ["NBA"]}, "INFO"),
        ({"trade_in_play": "on"}, "WARN"),
        ({"bet_amount": "99999"}, "WARN"),
    ],
)
def test_a_bound_that_is_tightened_is_no_warning(world, client, as_shown, changes, level):
    PairProfile.objects.filter(account=world.account).update(excluded=["NBA:LAL"])

    assert (
        "Saved"
        in save(client, world, as_shown | {"excluded": "NBA:LAL"} | changes).content.decode()
    )

    assert Event.objects.get(kind="pair_settings").level == level


def test_a_form_saved_as_it_was_shown_tells_nothing(world, client, as_shown):
    assert "Saved" in save(client, world, as_shown).content.decode()

    assert not Event.objects.filter(kind="pair_settings").exists()


def errors(said):
    return " ".join(said.context["form"].errors["excluded"])


@pytest.mark.parametrize("wrong", ["Lakers", "NBA LAL", "nba-bos-lal", "BOS@Lakers"])
def test_a_name_that_excludes_nothing_is_refused_and_named(world, client, as_shown, wrong):
    said = save(client, world, as_shown | {"excluded": f"NBA:BOS, {wrong}", "min_roi": "9"})

    assert f"“{wrong}” names no one team, game or market that is paired." in errors(said)
    assert "Write a team as NBA:LAL" in errors(said)
    assert "Saved" not in said.content.decode()
    assert PairProfile.objects.get(account=world.account).excluded == []
    assert RiskProfile.objects.get(account=world.account).min_roi != 9


def test_what_is_too_long_is_refused_and_never_cut(world, client, as_shown):
    slug = "nba-bos-lal-2026-11-21"

    said = save(client, world, as_shown | {"excluded": slug + " " * 3 + "x" * 90})
    assert "x" * 30 in errors(said)
    assert "x" * 90 not in errors(said)

    many = [f"nba-bos-lal-{2000 + year}-11-21" for year in range(201)]
    said = save(client, world, as_shown | {"excluded": ",".join(many)})
    assert "201 names; at most 200 are kept." in errors(said)
    assert PairProfile.objects.get(account=world.account).excluded == []


def test_names_are_kept_in_the_form_that_matches_each_once(world, client, as_shown):
    excluded = "nba:lal, NBA:LAL,, nhl:lak, lal@bos, NBA-BOS-LAL-2026-11-21,"

    assert "Saved" in save(client, world, as_shown | {"excluded": excluded}).content.decode()

    kept = PairProfile.objects.get(account=world.account).excluded
    assert kept == ["NBA:LAL", "NHL:LA", "LAL@BOS", "nba-bos-lal-2026-11-21"]
