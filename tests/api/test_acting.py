"""What an app does: once for each key, with a factor for real money, through the same services."""

import threading
from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value
from django.test import override_settings
from django.utils import timezone
from rest_framework_simplejwt.token_blacklist.models import OutstandingToken

from accounts.models import Account
from api.idempotency import KEPT
from api.models import KeptCall
from api.tasks import forget_old
from markets import clock
from risk.models import BreakerTrip, KillSwitch, RiskProfile
from tests.api.conftest import App
from tests.flows.test_concurrency import in_parallel
from tests.web.test_factors import SECRET, code
from tests.world import OTHER_WHALE, World, assert_invariants, trade
from trading.models import Order, Position
from whales.models import Follow

D = Decimal


@pytest.fixture
def asking(world: World) -> Order:
    Account.objects.update(rehearsal=True)
    world.copy(world.signal(trade(at=world.now)))
    return Order.objects.get()


def test_an_order_is_approved_as_it_was_shown(world: World, app, asking):
    (shown,) = app.get("/api/v1/approvals/").json()["results"]
    at = f"/api/v1/approvals/{asking.pk}"

    seen = {"seen": shown["price_now"]}
    stale = app.keyed(f"{at}/approve/", {"digest": "0" * 64, **seen}).json()
    keyless = app.post(f"{at}/approve/", {"digest": shown["digest"], **seen}, format="json")
    blind = app.keyed(f"{at}/approve/", {"digest": shown["digest"]})
    done = app.keyed(f"{at}/approve/", {"digest": shown["digest"], "seen": shown["price_now"]})
    again = app.keyed(f"{at}/approve/", {"digest": shown["digest"], **seen}).json()

    assert shown["worst_cost"] == str(asking.worst_cost)
    assert "not what would be sent" in stale["sentence"]
    assert keyless.status_code == 400
    assert blind.json()["errors"]["seen"]
    assert done.json()["counted"]
    assert not again["counted"]
    assert "changed nothing" in again["sentence"]
    assert app.get("/api/v1/approvals/").json()["results"] == []
    assert_invariants()


def test_a_size_is_cut_and_an_order_declined(world: World, app, asking):
    at, (shown,) = f"/api/v1/approvals/{asking.pk}", app.get("/api/v1/approvals/").json()["results"]
    seen = shown["price_now"]
    for most in ("1000000", "-5", "0"):
        given = {"digest": shown["digest"], "seen": seen, "most": most}
        said = app.keyed(f"{at}/approve/", given).json()
        assert "only be cut" in said["sentence"]

    declined = app.keyed(f"{at}/decline/", {"note": "too close"}).json()

    assert declined["counted"]
    asking.refresh_from_db()
    assert asking.reason == "Declined by ana: too close"


def test_nobody_else_answers(world: World, app, eve, asking):
    at = f"/api/v1/approvals/{asking.pk}"

    assert eve.get(f"{at}/").status_code == 404
    assert eve.keyed(f"{at}/decline/").status_code == 404
    world.account.approvers.add(*[each for each in _people("eve")])
    assert eve.keyed(f"{at}/decline/").json()["counted"]


def _people(name: str):
    from accounts.models import User

    return User.objects.filter(username=name)


def test_ten_posts_with_one_key_at_once_have_one_effect(world: World, app):
    world.buy()
    position, key = Position.objects.get(), str(uuid4())
    answers, barrier = [], threading.Barrier(10)

    def post():
        mine = App().of(world.owner)
        barrier.wait(timeout=20)
        answers.append(mine.keyed(f"/api/v1/positions/{position.pk}/close/", {}, key=key))

    in_parallel([post] * 10)

    assert {each.status_code for each in answers} == {200}
    assert len({each.json()["id"] for each in answers}) == 1
    assert sum("Idempotency-Replayed" in each for each in answers) == 9
    assert Order.objects.filter(side="SELL").count() == 1
    assert_invariants()


def test_a_key_is_for_one_call(world: World, app):
    first = app.keyed("/api/v1/accounts/", {"name": "Second"}, key="k1")
    same = app.keyed("/api/v1/accounts/", {"name": "Second"}, key="k1")
    other = app.keyed("/api/v1/accounts/", {"name": "Third"}, key="k1")
    refused = app.keyed("/api/v1/accounts/", {"name": "Second"}, key="k2")
    refused_again = app.keyed("/api/v1/accounts/", {"name": "Second"}, key="k2")

    assert (first.status_code, same.status_code) == (201, 201)
    assert first.json() == same.json()
    assert (other.status_code, other.json()["code"]) == (422, "key_reused")
    assert (refused.status_code, refused_again.status_code) == (409, 409)
    assert refused_again["Content-Type"] == "application/problem+json"
    assert Account.objects.filter(owner=world.owner).count() == 2


def test_old_answers_and_tokens_are_forgotten(world: World, app):
    app.keyed("/api/v1/accounts/", {"name": "Old"})
    KeptCall.objects.update(at=clock.database_now() - KEPT - timedelta(hours=1))
    app.keyed("/api/v1/accounts/", {"name": "New"})
    OutstandingToken.objects.update(expires_at=clock.database_now() - timedelta(days=1))

    forget_old()

    assert KeptCall.objects.count() == 1
    assert not OutstandingToken.objects.exists()


def test_a_key_whose_call_died_is_taken_over(world: World, app):
    app.keyed("/api/v1/accounts/", {"name": "Second"}, key="k1")
    Account.objects.filter(name="Second").update(name="as if it had not been made")
    KeptCall.objects.update(status=None, body=None, at=timezone.now() - timedelta(minutes=5))

    again = app.keyed("/api/v1/accounts/", {"name": "Second"}, key="k1")

    assert again.status_code == 201
    assert KeptCall.objects.get().status == 201


def test_a_position_is_closed_and_bad_prices_are_refused(world: World, app):
    world.buy()
    at = f"/api/v1/positions/{Position.objects.get().pk}/close/"

    for least in ("0", "1.5", "-1", "NaN", "x"):
        assert app.keyed(at, {"least": least}).status_code in (400, 409), least
    assert not Order.objects.filter(side="SELL").exists()
    done = app.keyed(at, {"least": "0.5", "why": "enough"}, key="k" * 100).json()

    assert (done["side"], done["state"]) == ("SELL", "LIVE")
    assert "being sold" in app.keyed(at, {}).json()["detail"]
    assert_invariants()


def test_whales_are_followed_changed_and_left(world: World, app, eve):
    asked = {"account": str(world.account.pk), "wallet": OTHER_WHALE}
    made = app.keyed("/api/v1/follows/", asked).json()
    at = f"/api/v1/follows/{made['id']}/"

    changed = app.patch(at, {"paused": True, "max_trade": "25"}, format="json")
    too_big = app.patch(at, {"size_factor": "2"}, format="json")
    foreign = eve.patch(at, {"paused": False}, format="json")
    bad = app.keyed("/api/v1/follows/", asked | {"wallet": "nobody"})
    of_another = eve.keyed("/api/v1/follows/", asked)

    assert changed.json()["max_trade"] == "25.000000"
    assert too_big.status_code == 400
    assert (foreign.status_code, of_another.status_code) == (404, 404)
    assert bad.status_code == 409
    assert app.delete(at).status_code == 204
    assert Follow.objects.get(pk=made["id"]).paused


def test_stopping_is_one_call_and_starting_is_told(world: World, app):
    at = f"/api/v1/accounts/{world.account.pk}"

    assert app.keyed(f"{at}/stop/", {"level": "ALL"}).json()["level"] == "ALL"
    assert [each["level"] for each in app.get(f"{at}/stops/").json()] == ["ALL"]
    assert app.keyed(f"{at}/start/").json()["sentence"] == "Buying is allowed again."
    assert app.keyed(f"{at}/start/").json()["sentence"] == "It was not stopped."
    assert not KillSwitch.objects.exists()


def test_real_money_is_started_again_with_a_code_alone(world: World, app):
    real = world.open("Real", mode="APPROVAL", starting_balance=D(0))
    at = f"/api/v1/accounts/{real.pk}"
    app.keyed(f"{at}/stop/")

    assert app.keyed(f"{at}/start/").json()["code"] == "factor_needed"
    TOTP.activate(world.owner, SECRET)
    assert app.keyed(f"{at}/start/", {"code": "000000"}).status_code == 403
    assert app.keyed(f"{at}/start/", {"code": code()}).status_code == 200
    assert not KillSwitch.objects.exists()


def test_a_mode_goes_up_with_a_code_and_down_without(world: World, app):
    real = world.open("Real", mode="APPROVAL", starting_balance=D(0))
    at = f"/api/v1/accounts/{real.pk}/mode/"
    TOTP.activate(world.owner, SECRET)

    assert app.keyed(at, {"mode": "LIVE"}).status_code == 403
    with override_settings(LIVE_TRADING=False):
        assert (
            "off on this server" in app.keyed(at, {"mode": "LIVE", "code": code()}).json()["detail"]
        )
    with override_settings(LIVE_TRADING=True):
        assert app.keyed(at, {"mode": "LIVE", "code": code()}).json()["mode"] == "LIVE"
    assert app.keyed(at, {"mode": "APPROVAL"}).json()["mode"] == "APPROVAL"
    assert app.keyed(at, {"mode": "PAPER"}).status_code == 400
    paper = f"/api/v1/accounts/{world.account.pk}/mode/"
    assert "never becomes real" in app.keyed(paper, {"mode": "APPROVAL"}).json()["detail"]


def test_a_breaker_is_reset_with_a_reason(world: World, app, eve):
    world.buy()
    RiskProfile.objects.update(hourly_loss_limit=1)
    world.resolve(winner="No", at=world.now + timedelta(minutes=2))
    world.copy(world.signal(trade(at=world.now + timedelta(minutes=3))))
    trip = BreakerTrip.objects.get(kind="HOURLY")
    at = f"/api/v1/breakers/{trip.pk}/reset/"

    assert app.keyed(at, {"why": ""}).status_code == 400
    assert eve.keyed(at, {"why": "mine"}).status_code == 404
    assert app.keyed(at, {"why": "understood"}).json()["reset_why"] == "understood"
    assert app.keyed(at, {"why": "understood"}).status_code == 409


def test_a_trip_that_is_over_resets_no_other(world: World, app):
    over, still = (
        BreakerTrip.objects.create(
            account=world.account,
            kind="STREAK",
            window_start=world.now,
            measured=5,
            limit=5,
            numbers={},
            at=world.now,
            reset_at=reset_at,
        )
        for reset_at in (world.now, None)
    )

    refused = app.keyed(f"/api/v1/breakers/{over.pk}/reset/", {"why": "the old one"})

    assert "not what you were shown" in refused.json()["detail"]
    still.refresh_from_db()
    assert still.reset_at is None


@pytest.mark.parametrize(
    "name", ["pay\u202eme", "two\nlines", "zero\u200bwidth", "\u3164", "\u200d"]
)
def test_names_are_what_they_look_like(world: World, app, name):
    made = app.keyed("/api/v1/accounts/", {"name": name})
    channel = {"kind": "webhook", "name": name, "address": "https://example.com/x"}

    assert "can be seen" in made.json()["detail"]
    assert app.keyed("/api/v1/channels/", channel).status_code == 400
    assert app.keyed("/api/v1/accounts/", {"name": "Ana’s 日本 👩‍💻"}).status_code == 201


def test_sign_in_gives_tokens_that_are_used_once(world: World, client):
    said = {"username": "ana", "password": "not-a-secret-2026"}

    def post(path: str, **given):
        return client.post(f"/api/v1/token/{path}", given, content_type="application/json")

    pair = post("", **said).json()
    again = post("refresh/", refresh=pair["refresh"]).json()

    assert post("refresh/", refresh=pair["refresh"]).status_code == 401
    assert post("", **said | {"password": "wrong"}).status_code == 401
    bearer = {"Authorization": f"Bearer {again['access']}"}
    assert client.get("/api/v1/me/", headers=bearer).json()["username"] == "ana"
    assert post("revoke/", refresh=again["refresh"]).status_code == 200
    assert post("refresh/", refresh=again["refresh"]).status_code == 401
    before = post("", **said).json()
    world.owner.set_password("another-secret-2026")
    world.owner.save()
    dead = {"Authorization": f"Bearer {before['access']}"}
    assert client.get("/api/v1/me/", headers=dead).status_code == 401
    later = post("refresh/", refresh=before["refresh"]).json()
    dead = {"Authorization": f"Bearer {later.get('access')}"}
    assert client.get("/api/v1/me/", headers=dead).status_code == 401
    said["password"] = "another-secret-2026"
    TOTP.activate(world.owner, SECRET)
    assert post("", **said).json()["code"] == "factor_needed"
    given = format_hotp_value(hotp_value(SECRET, int(timezone.now().timestamp()) // 30))
    assert "access" in post("", **said, code=given).json()


def test_keys_go_in_and_never_come_out(world: World, app):
    real = world.open("Real", mode="APPROVAL", starting_balance=D(0))
    asked = {"account": str(real.pk), "venue": "polymarket", "private_key": "not a key at all"}

    assert app.keyed("/api/v1/credentials/", asked).json()["code"] == "factor_needed"
    TOTP.activate(world.owner, SECRET)
    refused = app.keyed("/api/v1/credentials/", asked | {"code": code()})
    paper = app.keyed("/api/v1/credentials/", asked | {"account": str(world.account.pk)})

    assert refused.status_code == 409
    assert "not a key at all" not in refused.content.decode()
    assert paper.status_code == 409
    assert app.get("/api/v1/credentials/").json()["results"] == []
    assert "not a key at all" not in str(KeptCall.objects.values_list("body", flat=True))
