"""Pairs on the pages: what is mispriced, what both contracts say, and what became of trades."""

from decimal import Decimal

import pytest
from django.urls import reverse

from accounts.models import User
from markets.models import Opportunity, Pair, PairApproval
from risk.models import PairProfile, RiskProfile
from tests.chaos_pairs import fresh_game
from tests.pair_live import pair_live
from tests.world import World, assert_invariants
from trading import pair_approvals
from trading.models import Decision, PairTrade


@pytest.fixture
def live(transactional_db, client):
    with pair_live(mode="PAPER") as made:
        client.force_login(made.world.owner)
        yield made


def page(client, live, name, *ids):
    return client.get(reverse(name, args=[live.account.pk, *ids]))


def post(client, live, name, *ids, **form):
    return client.post(reverse(name, args=[live.account.pk, *ids]), form, follow=True)


def traded(live):
    game = fresh_game(live)
    live.match()
    live.make_gap(game)
    live.look()
    live.drive(until=lambda: live.trade().state == "HEDGED")
    return game, live.trade()


def asked(live):
    """Let a rehearsal wait for a person's yes to a pair."""
    live.account.rehearsal = True
    live.account.save()
    game = fresh_game(live)
    live.match()
    live.make_gap(game)
    live.look()
    return game, live.trade()


def test_every_page_tells_its_owner_and_nobody_else(live, client):
    game, trade = traded(live)
    names = [
        ("opportunities",),
        ("opportunity", trade.opportunity_id),
        ("dossier", trade.pair_id),
        ("pair-trades",),
        ("pair-trade", trade.pk),
        ("pair-settings",),
    ]
    for name, *ids in names:
        assert page(client, live, name, *ids).status_code == 200, name
    shown = page(client, live, "pair-trade", trade.pk).content.decode()
    assert "HEDGED" in shown
    assert "Polymarket" in shown

    live.finish(game)
    trade.refresh_from_db()
    parts = ("size", "slippage", "fees", "unwind", "branch")
    assert trade.realised - trade.expected == sum(Decimal(trade.explained[name]) for name in parts)
    assert trade.realised > 0
    assert_invariants()
    settled = page(client, live, "pair-trade", trade.pk).content.decode()
    assert "realised: a difference of" in settled

    client.force_login(User.objects.create_user("eve", password="not-a-secret-2026"))
    for name, *ids in names:
        assert page(client, live, name, *ids).status_code == 404, name


def test_a_refusal_is_told_with_its_receipt_and_a_changed_text_freezes(live, client):
    PairProfile.objects.filter(account=live.account).update(accept_standard=[])
    game = fresh_game(live)
    live.match()
    live.make_gap(game)
    live.look()

    row = Opportunity.objects.get(ended_at=None, pair__event=game.draft.ticker, route="R1")
    refused = Decision.objects.filter(source__startswith="opportunity:").latest("at")
    assert refused.reason == "PAIR_UNAPPROVED"
    assert "Nobody has approved" in page(client, live, "opportunities").content.decode()
    assert page(client, live, "decision", refused.pk).status_code == 200

    pair = row.pair
    said = post(client, live, "dossier-judge", pair.pk, approve="1", rules_hash="another")
    assert "have changed" in said.content.decode()
    said = post(client, live, "dossier-judge", pair.pk, approve="1", rules_hash=pair.rules_hash)
    assert "You approved this pair" in said.content.decode()
    assert PairApproval.objects.get().user == live.world.owner

    game.kalshi[0].rules_secondary += " If it rains, everything pays."
    live.match()
    live.look()

    pair.refresh_from_db()
    assert pair.state == "FROZEN"
    assert not PairTrade.objects.exists()
    dossier = page(client, live, "dossier", pair.pk).content.decode()
    assert "Frozen" in dossier
    assert "<ins>" in dossier
    assert "If it rains, everything pays" in dossier

    said = post(client, live, "dossier-judge", pair.pk, approve="1", rules_hash=pair.rules_hash)
    live.look()
    assert PairTrade.objects.count() == 1


def test_settings_are_kept_and_bad_ones_refused(world: World, client):
    client.force_login(world.owner)
    live = world
    whole = page(client, live, "pair-settings").context["form"].initial
    form = {name: value for name, value in whole.items() if value is not False and value != []}
    form |= {"leagues": ["NBA"], "accept_standard": [], "excluded": "NBA:LAL, LAL@BOS"}

    said = post(client, live, "pair-settings", **form)  # as it was shown
    assert "Saved" in said.content.decode(), said.context["form"].errors
    said = post(client, live, "pair-settings", **form | {"bet_amount": "40", "min_roi": "2"})
    assert "Saved" in said.content.decode(), said.context["form"].errors
    bounds = PairProfile.objects.get(account=live.account).bounds()
    assert bounds.leagues == ("NBA",)
    assert bounds.excluded == ("NBA:LAL", "LAL@BOS")
    assert RiskProfile.objects.get(account=live.account).bet_amount == 40

    said = post(client, live, "pair-settings", **form | {"hedge_hard": "1", "hedge_soft": "5"})
    assert "Not before the last price was tried" in said.content.decode()
    for name, bad in (("max_unhedged", "-1"), ("hedge_loss", "2"), ("hedge_tries", "0")):
        before = getattr(PairProfile.objects.get(account=live.account), name)
        said = post(client, live, "pair-settings", **form | {name: bad})
        assert said.context["form"].errors[name]
        assert getattr(PairProfile.objects.get(account=live.account), name) == before


def test_a_rehearsal_waits_for_a_person_and_is_declined_or_approved(live, client):
    game, trade = asked(live)
    assert trade.state == "AWAITING_APPROVAL"
    assert set(trade.orders.values_list("state", flat=True)) == {"AWAITING_APPROVAL"}
    live.pass_time(1)
    live.watch.drive()
    assert live.trade().state == "AWAITING_APPROVAL"

    said = post(client, live, "pair-answer", trade.pk, approve="1", shown="another page")
    assert "not what would be sent" in said.content.decode()
    shown = pair_approvals.digest_of(trade)
    live.look()  # what nobody saw for three seconds is gone
    said = post(client, live, "pair-answer", trade.pk, approve="1", shown=shown)
    assert "Approved: at most" in said.content.decode()
    live.make_gap(game)
    live.drive(until=lambda: live.trade().state == "HEDGED")

    said = post(client, live, "pair-answer", trade.pk, decline="1")
    assert "not waiting any more" in said.content.decode()
    assert Pair.objects.filter(pk=trade.pair_id).exists()


def test_a_note_with_control_characters_is_kept_without_them(live, client):
    _, trade = asked(live)

    said = post(client, live, "pair-answer", trade.pk, decline="1", note="not\x00 now\x1b")

    assert said.status_code == 200
    assert live.trade().state != "AWAITING_APPROVAL"
    assert trade.events.filter(sentence="Declined by ana: not now").exists()
