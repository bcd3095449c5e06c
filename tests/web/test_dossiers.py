"""A pair's dossier: what both contracts say, and a person's word on it."""

from datetime import UTC, datetime

import pytest
from django.test import override_settings
from django.urls import reverse

from markets.models import Pair
from tests.pair_live import pair_live


@pytest.fixture
def live(transactional_db, client):
    with pair_live(datetime.now(UTC).replace(microsecond=0), mode="PAPER") as made:
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
