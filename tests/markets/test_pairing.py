"""Pairs that change after somebody has read them freeze, and a person's word lifts that."""

from datetime import timedelta

import pytest

from markets import pairing
from markets.domain import exclusions
from markets.models import Game, Pair
from risk.models import PairProfile
from tests.pair_live import pair_live
from trading.models import Decision, PairTrade
from trading.pair_gathering import _names, judged


@pytest.fixture
def live(transactional_db):
    with pair_live(mode="PAPER") as made:
        made.match()
        yield made


def bounds_of(live):
    return PairProfile.objects.get(account=live.account).bounds()


def test_what_changed_since_it_was_read_freezes_a_pair(live):
    text, start, home, same = Pair.objects.filter(is_standard=True).order_by("pk")[:4]
    Pair.objects.filter(pk=text.pk).update(rules_hash="0" * 64)
    Pair.objects.filter(pk=start.pk).update(starts_at=start.starts_at - timedelta(hours=7))
    turned = Game.objects.create(
        league=home.game.league,
        day=home.game.day,
        away=home.game.home,
        home=home.game.away,
        title="turned",
        starts_at=home.game.starts_at,
    )
    Pair.objects.filter(pk=home.pk).update(game=turned)

    live.match()

    for pair, why in (
        (text, "A rule text, or what decides it, changed."),
        (start, "Its start moved from"),
        (home, "The venues changed who is at home."),
        (same, ""),
    ):
        pair.refresh_from_db()
        assert pair.frozen_why.startswith(why)
        assert (pair.state == Pair.State.FROZEN) == bool(why)


def test_a_frozen_pair_is_not_traded_before_somebody_has_read_it(live):
    game = next(each for each in live.games() if each.draft.league.name == "NBA")
    live.trade_only(game)
    live.make_gap(game)
    pair = Pair.objects.get(event=game.draft.ticker)
    Pair.objects.filter(pk=pair.pk).update(rules_hash="0" * 64)
    live.match()

    live.look()

    assert not PairTrade.objects.exists()
    reasons = Decision.objects.filter(account=live.account, accepted=False)
    assert "PAIR_CHANGED" in reasons.values_list("reason", flat=True)

    pair.refresh_from_db()
    live.pass_time(5)
    pairing.approve(
        pair_id=pair.pk,
        user=live.account.owner,
        is_approved=True,
        shown=pair.rules_hash,
        note="read both",
        now=live.now,
    )
    live.look()

    assert PairTrade.objects.get().pair == pair


def test_a_word_counts_for_the_texts_that_were_shown_alone(live):
    pair = Pair.objects.filter(is_standard=True).first()
    with pytest.raises(pairing.NotApproved):
        pairing.approve(
            pair_id=pair.pk,
            user=live.account.owner,
            is_approved=True,
            shown="0" * 64,
            note="",
            now=live.now,
        )
    pairing.approve(
        pair_id=pair.pk,
        user=live.account.owner,
        is_approved=False,
        shown=pair.rules_hash,
        note="no",
        now=live.now,
    )
    said = pair.approvals.get()

    assert judged(pair, said, bounds_of(live)) == (False, "")  # a no beats the rule of the league
    pair.rules_hash = "1" * 64
    assert judged(pair, said, bounds_of(live)) == (True, "")  # it was said of other texts


def test_every_name_of_a_pair_may_be_excluded_as_it_is(live):
    for pair in Pair.objects.select_related("game", "polymarket"):
        names = set(_names(pair))
        if "LA" in (pair.game.away, pair.game.home):
            names.remove(pair.game.key.casefold())  # the Rams may be meant: it asks for a league
        assert {str(exclusions.canonical(name)).casefold() for name in names} == names


def test_a_game_named_with_its_league_is_never_traded(live):
    game = next(each for each in live.games() if each.draft.league.name == "NBA")
    live.trade_only(game)
    live.make_gap(game)
    pair = Pair.objects.select_related("game").get(event=game.draft.ticker)
    profile = PairProfile.objects.get(account=live.account)
    profile.excluded = [*profile.excluded, f"NBA:{pair.game.key}"]
    profile.save()

    live.look()

    assert not PairTrade.objects.exists()
    refused = Decision.objects.filter(account=live.account, reason="EXCLUDED")
    assert refused.filter(sentence=f"On your exclusion list: nba:{pair.game.key.lower()}.").exists()
