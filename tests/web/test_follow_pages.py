"""A whale's page, the follow editor with its preview, and the factor that looser copying asks."""

from datetime import timedelta
from decimal import Decimal

import pytest
from allauth.mfa.totp.internal.auth import TOTP
from django.urls import reverse

from accounts.models import User
from markets import clock
from tests.api.conftest import App
from tests.web.test_factors import SECRET, code
from tests.world import OTHER_WHALE, WHALE, World, trade
from trading.models import Decision
from trading.preview import preview
from whales.models import Follow, Whale

D = Decimal


@pytest.fixture
def follow(world: World, client) -> Follow:
    client.force_login(world.owner)
    return Follow.objects.get(account=world.account)


def at(name: str, follow: Follow) -> str:
    return reverse(name, args=[follow.account_id, follow.pk])


def written(**fields):
    return {"copy_exits": "on", **fields}


def test_the_preview_is_the_decision_itself(world: World, follow):
    world.buy()
    copied = Decision.objects.get(accepted=True)

    as_it_was = preview(follow, {}, now=world.now)
    half = preview(follow, {"size_factor": D("0.5")}, now=world.now)
    too_good = preview(follow, {"min_whale_quality": D(100)}, now=world.now)
    elsewhere = preview(follow, {"categories": ["nowhere"]}, now=world.now)

    assert (as_it_was.copied, as_it_was.skipped) == (1, 0)
    assert as_it_was.spent == pytest.approx(copied.size, rel=D("0.2"))
    assert half.spent == pytest.approx(as_it_was.spent / 2, abs=D("0.05"))
    assert too_good.reasons == (("WHALE_QUALITY", 1),)
    assert elsewhere.copied == 0
    assert Decision.objects.count() == 1  # nothing was decided, only told


def test_the_preview_counts_what_has_paid(world: World, follow):
    world.buy()
    before = preview(follow, {}, now=world.now)
    world.resolve(winner="Yes", at=world.now + timedelta(minutes=2))
    won = preview(follow, {}, now=world.now + timedelta(minutes=3))

    assert (before.settled, before.result) == (0, 0)
    assert won.settled == 1
    assert won.result > 0


def test_the_preview_takes_as_many_queries_for_many_trades(
    world: World, follow, django_assert_num_queries
):
    world.buy()
    with django_assert_num_queries(7):
        preview(follow, {}, now=world.now)
    for number in range(3, 12):
        world.copy(world.signal(trade(at=world.now + timedelta(minutes=number))))
    with django_assert_num_queries(7):
        assert preview(follow, {}, now=world.now + timedelta(hours=1)).total == 10


def test_overrides_are_kept_and_bad_ones_refused_with_nothing_lost(follow, client):
    said = client.post(at("follow", follow), written(size_factor="0.5", drift="1.5"), follow=True)
    follow.refresh_from_db()
    assert "next trade" in said.content.decode()
    assert (follow.size_factor, follow.max_price_drift) == (D("0.5"), D("0.015"))

    for bad in ({"size_factor": "2"}, {"drift": "x"}, {"categories": ["nowhere"]}):
        assert client.post(at("follow", follow), written(**bad)).status_code == 422
        told = client.post(at("follow-preview", follow), written(**bad)).content.decode()
        assert "cannot be" in told
    follow.refresh_from_db()
    assert follow.size_factor == D("0.5")


def test_looser_copying_of_real_money_asks_for_a_factor(world: World, client):
    real = world.open("Real", mode="LIVE", starting_balance=D(0))
    follow = world.follow(real)
    TOTP.activate(world.owner, SECRET)
    client.force_login(world.owner)

    tighter = client.post(at("follow", follow), written(drift="0.1"), follow=True)
    asked = client.post(at("follow", follow), written(drift="3"))
    wrong = client.post(at("follow", follow), written(drift="3", reviewed="1", code="000000"))

    assert "next trade" in tighter.content.decode()
    assert "more loosely" in asked.content.decode()
    assert "This code is wrong" in wrong.content.decode()
    follow.refresh_from_db()
    assert follow.max_price_drift == D("0.001")
    client.post(at("follow", follow), written(drift="3", reviewed="1", code=code()))
    follow.refresh_from_db()
    assert follow.max_price_drift == D("0.03")


def test_real_money_follows_nobody_without_a_factor(world: World, client):
    real = world.open("Real", mode="LIVE", starting_balance=D(0))
    TOTP.activate(world.owner, SECRET)
    client.force_login(world.owner)
    change, app = reverse("whales-change", args=[real.pk]), App().of(world.owner)
    asked = client.post(change, {"wallet": OTHER_WHALE}).content.decode()
    wrong = client.post(change, {"wallet": OTHER_WHALE, "code": "000000"}).content.decode()
    by_app = app.keyed("/api/v1/follows/", {"account": str(real.pk), "wallet": OTHER_WHALE})

    assert "with real money?" in asked
    assert client.post(change, {"wallet": "0x\x00"}, follow=True).status_code == 200
    assert "This code is wrong" in wrong
    assert by_app.json()["code"] == "factor_needed"
    assert not Follow.objects.filter(account=real).exists()
    client.post(change, {"wallet": OTHER_WHALE, "code": code()})
    follow = Follow.objects.get(account=real)
    client.post(change, {"stop": follow.whale_id})  # safer: one step
    follow.refresh_from_db()
    assert follow.paused
    again = app.patch(f"/api/v1/follows/{follow.pk}/", {"paused": False}, format="json")
    assert again.json()["code"] == "factor_needed"


def test_the_admin_changes_follows_of_paper_alone(world: World, client):
    real = world.open("Real", mode="LIVE", starting_balance=D(0))
    theirs, paper = world.follow(real), Follow.objects.get(account=world.account)
    staff = User.objects.create(username="root", is_staff=True, is_superuser=True)
    client.force_login(staff)

    def post(row: Follow) -> int:
        form = {"copy_exits": "on", "size_factor": "0.5", "categories": "[]", "assumed": "null"}
        return client.post(f"/admin/whales/follow/{row.pk}/change/", form).status_code

    assert (post(theirs), post(paper)) == (403, 302)
    assert client.post(f"/admin/whales/follow/{theirs.pk}/delete/").status_code == 403
    assert client.get("/admin/mfa/authenticator/add/").status_code == 403


def test_what_was_saved_can_be_saved_again(follow, client):
    given = written(max_trade="50", min_whale_quality="90", drift="1.5", size_factor="0.25")
    client.post(at("follow", follow), given)

    page = client.get(at("follow", follow))
    shown = page.context["form"].initial
    again = {name: shown[name] for name in given if name != "copy_exits"}

    assert again == {name: given[name] for name in again}
    assert client.post(at("follow", follow), written(**again)).status_code == 302
    assert client.post(at("follow", follow), written(max_trade="0")).status_code == 422


def test_an_app_loosens_with_a_code_alone(world: World, client):
    real = world.open("Real", mode="LIVE", starting_balance=D(0))
    follow = world.follow(real)
    TOTP.activate(world.owner, SECRET)
    app, path = App().of(world.owner), f"/api/v1/follows/{follow.pk}/"

    assert app.patch(path, {"max_trade": "5"}, format="json").status_code == 200
    looser = {"max_trade": None}
    assert app.patch(path, looser, format="json").json()["code"] == "factor_needed"
    assert app.patch(path, looser | {"code": code()}, format="json").status_code == 200


def test_a_whales_page_tells_its_score_its_orders_and_what_we_did(world: World, follow, client):
    world.buy(at=clock.now() - timedelta(minutes=2))
    page = reverse("whale", args=[world.account.pk, WHALE])

    told = client.get(page).content.decode()

    assert "copied $" in told
    assert "1 of 1 copied" in told
    assert reverse("follow", args=[world.account.pk, follow.pk]) in told
    unknown = Whale.objects.create(address="0x" + "9" * 40)
    assert "Not scored yet" in client.get(page.replace(WHALE, unknown.address)).content.decode()
    Whale.objects.create(address="0x" + "8" * 40, own=True)
    for nothing in ("0x12", "%00", "0x" + "8" * 40):
        assert client.get(page.replace(WHALE, nothing)).status_code == 404

    client.force_login(User.objects.create_user("eve", password="not-a-secret-2026"))
    assert client.get(page).status_code == 404
    assert client.get(at("follow", follow)).status_code == 404
    assert client.post(at("follow-preview", follow)).status_code == 404
