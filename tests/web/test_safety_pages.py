"""Stop, start again, mode and limits: safer is one step, riskier asks for a factor."""

from decimal import Decimal

import pytest
from allauth.mfa.totp.internal.auth import TOTP
from django.core.cache import cache
from django.test import override_settings
from django.urls import reverse

from accounts.factors import Proof
from accounts.models import Account, User
from markets import pairing
from notifications.models import Event
from risk.models import KillSwitch, RiskProfile
from tests.web.test_factors import SECRET, code
from tests.world import World, trade
from trading import modes
from trading.models import Order


@pytest.fixture
def real(world: World, client) -> Account:
    cache.clear()
    client.force_login(world.owner)
    return world.open("Real", mode="APPROVAL", starting_balance=Decimal(0))


def post(client, page: str, account: Account, /, **form) -> str:
    answer = client.post(reverse(page, args=[account.pk]), form, follow=True)
    return answer.content.decode()


def test_stop_is_one_tap_on_every_page_and_cancels_what_rests(world: World, client):
    client.force_login(world.owner)
    world.copy(world.signal(trade(at=world.now)))
    assert Order.objects.get().state == "LIVE"
    dashboard = client.get(reverse("dashboard", args=[world.account.pk])).content.decode()
    assert f'action="{reverse("stop", args=[world.account.pk])}"' in dashboard

    said = post(client, "stop", world.account)

    assert "stopped buying. Exits go on" in said
    assert "1 resting orders" in said
    assert KillSwitch.objects.get().level == "ENTRIES"


def test_everything_on_all_accounts(world: World, client):
    client.force_login(world.owner)
    world.open("Second")

    said = post(client, "stop", world.account, level="ALL", all="1", why="storm")

    assert "not even exits" in said
    assert set(KillSwitch.objects.values_list("level", "why")) == {("ALL", "storm")}
    assert KillSwitch.objects.count() == 2


def test_paper_starts_again_by_itself_and_real_money_with_a_code(world: World, real, client):
    for account in (world.account, real):
        post(client, "stop", account)

    paper, live = ({"shown": modes.start_digest(each)} for each in (world.account, real))

    assert "allowed again" in post(client, "start-again", world.account, **paper)
    assert "you have none yet" in post(client, "start-again", real, **live)
    TOTP.activate(world.owner, SECRET)
    assert "asks for your passkey" in post(client, "start-again", real, **live)
    assert KillSwitch.objects.count() == 1
    assert "allowed again" in post(client, "start-again", real, **live, code=code())
    assert not KillSwitch.objects.exists()


def test_a_stop_of_everything_is_not_lifted_by_a_page_that_showed_less(world: World, real, client):
    TOTP.activate(world.owner, SECRET)
    post(client, "stop", real)
    shown = modes.start_digest(real)
    post(client, "stop", real, level="ALL")

    said = post(client, "start-again", real, shown=shown, code=code())

    assert "not what you were shown" in said
    assert KillSwitch.objects.get().level == "ALL"


def test_a_mode_goes_up_with_its_name_and_a_code_and_down_at_once(world: World, real, client):
    TOTP.activate(world.owner, SECRET)
    with override_settings(LIVE_TRADING=True):
        assert "Type Real" in post(client, "mode", real, mode="LIVE", name="real", code=code())
        assert "asks for your passkey" in post(client, "mode", real, mode="LIVE", name="Real")
        live = {"mode": "LIVE", "name": "Real", "code": code()}
        assert "is in LIVE mode" in post(client, "mode", real, **live)
        assert "is in LIVE mode" in post(client, "mode", real, **live)  # the second tap
    real.refresh_from_db()
    assert real.mode == "LIVE"

    assert "is in APPROVAL mode" in post(client, "mode", real)

    kinds = Event.objects.filter(kind="mode_changed").values_list("sentence", flat=True)
    assert len(kinds) == 2
    assert "never becomes real" in post(client, "mode", world.account)


def test_a_code_that_was_used_raises_no_mode_again(world: World, real, client, monkeypatch):
    monkeypatch.setattr("accounts.factors.TAP_SECONDS", 0)  # the second tap is long over
    TOTP.activate(world.owner, SECRET)
    live = {"mode": "LIVE", "name": "Real", "code": code()}
    with override_settings(LIVE_TRADING=True):
        assert "is in LIVE mode" in post(client, "mode", real, **live)
        post(client, "mode", real, mode="APPROVAL")
        for code_again in (live["code"], f"{live['code'][:3]}-{live['code'][3:]}"):
            said = post(client, "mode", real, **live | {"code": code_again})
            assert "was used already" in said
        odd = post(client, "mode", real, **live | {"code": "123 456"})
        assert "code is wrong" in odd
        deep = live | {"code": "", "passkey": "[" * 50_000}
        assert client.post(reverse("mode", args=[real.pk]), deep).status_code == 200

    real.refresh_from_db()
    assert real.mode == "APPROVAL"


def form_of(account: Account, **changes) -> dict[str, object]:
    from risk.limits import NAMES

    row = RiskProfile.objects.get(account=account)
    form = {name: getattr(row, name) for name in NAMES if getattr(row, name) is not None}
    return form | changes


def test_limits_are_lowered_at_once_and_raised_after_a_review(world: World, real, client):
    TOTP.activate(world.owner, SECRET)

    assert "Saved" in post(client, "limits", real, **form_of(real, daily_loss_limit="10"))
    review = post(client, "limits", real, **form_of(real, daily_loss_limit="900"))
    assert "Raise 1 limit?" in review
    assert RiskProfile.objects.get(account=real).daily_loss_limit == 10
    changes = form_of(real, daily_loss_limit="900")
    refused = post(client, "limits", real, **changes, reviewed="1", code="000000")
    assert "This code is wrong" in refused
    assert RiskProfile.objects.get(account=real).daily_loss_limit == 10
    assert "Saved" in post(client, "limits", real, **changes, reviewed="1", code=code())
    assert RiskProfile.objects.get(account=real).daily_loss_limit == 900


@pytest.mark.parametrize(
    "bad", [{"daily_loss_limit": "-1"}, {"kelly_fraction": "NaN"}, {"max_positions": "many"}]
)
def test_limits_that_cannot_be_are_told_beside_their_field(world: World, client, bad):
    client.force_login(world.owner)
    at = reverse("limits", args=[world.account.pk])

    answer = client.post(at, form_of(world.account, **bad))

    assert answer.status_code == 422
    assert answer.context["form"].errors.keys() == bad.keys()


@pytest.mark.parametrize("name", ["stop", "mode", "limits", "approval-rules"])
def test_nobody_else_sees_or_touches_them(world: World, client, name):
    client.force_login(User.objects.create_user("eve"))
    at = reverse(name, args=[world.account.pk])

    assert client.get(at).status_code == 404
    assert client.post(at, {}).status_code == 404
    assert not KillSwitch.objects.exists()


def test_bounds_of_pairs_are_loosened_with_real_money_after_a_review(world: World, real, client):
    TOTP.activate(world.owner, SECRET)
    at = reverse("pair-settings", args=[real.pk])
    shown = client.get(at).context["form"].initial
    form = {name: value for name, value in shown.items() if value not in (None, False)}

    assert "Saved" in post(client, "pair-settings", real, **form | {"bet_amount": "40"})
    wider = form | {"bet_amount": "900", "accept_standard": ["NBA"]}
    review = post(client, "pair-settings", real, **wider)
    assert "Loosen 2 bounds?" in review
    assert "asks for your passkey" in post(client, "pair-settings", real, **wider, reviewed="1")
    assert RiskProfile.objects.get(account=real).bet_amount == 40
    given = wider | {"reviewed": "1", "code": code()}
    assert "Saved" in post(client, "pair-settings", real, **given)
    assert RiskProfile.objects.get(account=real).bet_amount == 900


def test_what_a_database_cannot_keep_is_taken_out_of_notes(world: World, client):
    client.force_login(world.owner)

    post(client, "stop", world.account, why="storm\x00 ahead")

    assert KillSwitch.objects.get().why == "storm ahead"


def test_a_pair_is_approved_with_a_factor_by_whoever_trades_real_money(world: World, real):
    assert pairing.needs_factor(world.owner)
    assert not pairing.needs_factor(User.objects.create_user("eve"))

    answer = {"user": world.owner, "shown": "x", "note": "", "now": world.now}
    with pytest.raises(pairing.NotApproved, match="you have none yet"):
        pairing.approve(pair_id=1, is_approved=True, **answer)
    TOTP.activate(world.owner, SECRET)
    of_another = frozenset([pairing.digest_of(2, "x")])
    proof = Proof(user_id=world.owner.pk, digests=of_another, at=world.now, way="code")
    with pytest.raises(pairing.NotApproved, match="asks for your passkey"):
        pairing.approve(pair_id=1, is_approved=True, proof=proof, **answer)
