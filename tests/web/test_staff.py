"""What staff sees by role, what it may not do, and what only an owner settles."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from allauth.mfa.totp.internal.auth import TOTP
from django.contrib.auth.models import Group
from django.core.cache import cache
from django.test import override_settings
from django.urls import reverse

from accounts.models import Account, User
from notifications.models import Event
from polymix.admin_roles import make_roles
from risk.models import KillSwitch, RiskProfile
from risk.services import stop
from tests.live_world import live_world
from tests.web.test_admin import act
from tests.web.test_factors import SECRET, code
from tests.world import World, assert_invariants, trade
from trading import manual, orders
from trading.domain.order_state import OrderState
from trading.models import Order


@pytest.fixture
def staff(world: World, client):
    """Return a sign-in as staff of a role."""
    make_roles()

    def sign_in(role: str) -> User:
        user, _ = User.objects.get_or_create(username=role, defaults={"is_staff": True})
        if role == "admin":
            user.is_superuser = True
            user.save()
        else:
            user.groups.add(Group.objects.get(name=role))
        client.force_login(user)
        return user

    return sign_in


TITLES = {
    "approver": ["To approve, the soonest first", "Answered in the last day"],
    "operator": ["Feeds", "Orders in doubt, by age", "Breakers open", "Stops in force"],
    "admin": ["To approve, the soonest first", "People without a second factor", "Invitations"],
}


@pytest.mark.parametrize("role", TITLES)
def test_each_role_has_a_page_of_its_own(world: World, staff, client, role):
    staff(role)
    world.buy()

    page = client.get("/admin/").content.decode()

    for title in TITLES[role]:
        assert title in page
    others = {each for titles in TITLES.values() for each in titles} - set(TITLES[role])
    if role != "admin":
        assert not [each for each in others if each in page]


def test_whoever_is_no_staff_stays_outside(world: World, client):
    client.force_login(world.owner)

    assert client.get("/admin/").status_code == 302


def test_an_approver_answers_for_everybody_and_changes_no_limits(world: World, staff, client):
    user = staff("approver")
    world.account.rehearsal = True
    world.account.save()
    world.copy(world.signal(trade(at=world.now)))
    order = Order.objects.get()

    assert Account.objects.answerable_by(user).count() == 1
    assert str(order.pk) in client.get("/approvals/").content.decode()
    assert client.get(reverse("limits", args=[world.account.pk])).status_code == 404
    assert client.get("/admin/risk/riskprofile/").status_code == 403
    assert client.get("/admin/accounts/venuecredential/").status_code == 403


def test_an_operator_stops_but_releases_no_persons_own_stop(world: World, staff, client):
    staff("operator")
    own = stop(
        scope="ACCOUNT",
        key=str(world.account.pk),
        level="ENTRIES",
        by="ana",
        why="",
        now=world.now,
    )

    said = act(client, KillSwitch, "lift", own)
    page = client.post(reverse("lift", args=[own.pk]), {"shown": own.digest})

    assert said == "Its owner lifts it, on the account's Stop page."
    assert "Not stopped any more" in page.content.decode()
    assert KillSwitch.objects.exists()


@pytest.mark.parametrize("is_live", [True, False])
def test_a_stop_of_the_server_is_lifted_as_it_was_shown(world: World, staff, client, is_live):
    user = staff("operator")
    TOTP.activate(user, SECRET)
    first = stop(scope="SERVER", key="", level="ENTRIES", by="op", why="", now=world.now)
    old = first.digest
    row = stop(scope="SERVER", key="", level="ALL", by="bo", why="storm", now=world.now)
    at = reverse("lift", args=[row.pk])

    with override_settings(LIVE_TRADING=is_live):
        assert "storm" in client.get(at).content.decode()
        if is_live:
            said = client.post(at, {"shown": row.digest}).content.decode()
            assert "asks for your passkey" in said
        given = {"code": code()}
        said = client.post(at, given | {"shown": old}).content.decode()
        assert "not the one you were shown" in said
        assert KillSwitch.objects.exists()
        cache.clear()  # its code was spent on the old one
        client.post(at, given | {"shown": row.digest})

    assert not KillSwitch.objects.exists()


def test_an_approver_lifts_and_cancels_nothing(world: World, staff, client):
    staff("approver")
    world.copy(world.signal(trade(at=world.now)))
    order = Order.objects.get()
    row = stop(scope="SERVER", key="", level="ENTRIES", by="op", why="", now=world.now)

    act(client, Order, "cancel", order)

    order.refresh_from_db()
    assert order.state == "LIVE"
    assert client.post(reverse("lift", args=[row.pk])).status_code == 403
    assert KillSwitch.objects.exists()


def test_less_of_a_stop_is_no_stop(world: World):
    stop(scope="SERVER", key="", level="ALL", by="op", why="storm", now=world.now)
    stop(scope="SERVER", key="", level="ENTRIES", by="bo", why="", now=world.now)

    kept = KillSwitch.objects.get()
    assert (kept.level, kept.by, kept.why) == ("ALL", "op", "storm")


def test_files_are_for_those_who_may_see_the_table(world: World, client):
    world.buy()
    client.force_login(User.objects.create(username="newcomer", is_staff=True))

    for table in ("trading/order", "trading/entry", "trading/position", "notifications/event"):
        assert client.get(f"/admin/{table}/export/").status_code == 403, table


def test_an_invitation_needs_no_note(world: World, staff, client):
    staff("admin")

    page = client.post("/admin/accounts/invitation/add/", {"note": ""}, follow=True)

    assert "/invitation/" in page.content.decode()


@pytest.mark.parametrize(
    ("scope", "key", "is_made"),
    [
        ("ACCOUNT", "12345678-1234-4234-8234-123456789012", False),
        ("ACCOUNT", "no id", False),
        ("SERVER", "x", False),
        ("SERVER", "", True),
    ],
)
def test_a_stop_of_nothing_is_refused_on_the_form(world, staff, client, scope, key, is_made):
    staff("admin")
    given = {"scope": scope, "key": key, "level": "ALL", "why": ""}

    answer = client.post("/admin/risk/killswitch/add/", given)

    assert answer.status_code == (302 if is_made else 200)
    assert KillSwitch.objects.exists() is is_made


def test_limits_and_modes_have_no_form_in_the_admin(world: World, staff, client):
    staff("admin")
    real = world.open("Real", mode="APPROVAL", starting_balance=Decimal(0))
    profile = RiskProfile.objects.get(account=real)

    client.post(f"/admin/accounts/account/{real.pk}/change/", {"name": "Real", "mode": "LIVE"})
    at = f"/admin/risk/riskprofile/{profile.pk}/change/"

    real.refresh_from_db()
    assert real.mode == "APPROVAL"
    assert client.post(at, {"daily_loss_limit": "99999"}).status_code == 403


def test_tables_are_taken_along_as_files(world: World, staff, client):
    staff("admin")
    order = world.buy()

    page = client.get("/admin/trading/order/export/")
    assert page.status_code == 200
    fields = {name: "on" for name in ("id", "state")}
    form = {"format": "0", "resource": "", **{f"order_{name}": "on" for name in fields}}
    file = client.post("/admin/trading/order/export/", form)

    assert file.status_code == 200
    assert str(order.pk) in file.content.decode(errors="replace")


@pytest.fixture
def doubted(world: World, client) -> Order:
    """An order of a real account that evidence could not settle."""
    cache.clear()
    account = world.account
    world.copy(world.signal(trade(at=world.now)))
    order = Order.objects.get()
    orders.move(order, OrderState.MANUAL, sentence="reads disagree", now=world.now)
    client.force_login(account.owner)
    return order


def decide(client, order: Order, **form) -> str:
    form = {"shown": manual.digest_of(order), "state": "ABSENT", "note": "not there"} | form
    at = reverse("manual-decide", args=[order.pk])
    return client.post(at, form, follow=True).content.decode()


def test_an_order_in_doubt_is_settled_with_a_note_once(world: World, doubted, client):
    queue = client.get("/manual/").content.decode()
    assert reverse("manual-decide", args=[doubted.pk]) in queue

    assert "Say what you saw" in decide(client, doubted, note=" ")
    assert "has changed since" in decide(client, doubted, shown="another")
    assert "Say what is true" in decide(client, doubted, state="FILLED")
    shown = manual.digest_of(doubted)
    assert "Decided" in decide(client, doubted)
    doubted.refresh_from_db()
    assert doubted.state == "ABSENT"
    assert "has changed since" in decide(client, doubted, shown=shown)
    assert Event.objects.filter(kind="decided_by_hand").count() == 1
    assert "Nothing is in doubt" in client.get("/manual/").content.decode()
    assert_invariants()


def test_real_money_in_doubt_asks_for_a_factor_and_its_owner(transactional_db, client):
    cache.clear()
    with live_world(datetime.now(UTC).replace(microsecond=0)) as live:
        live.copy()
        order = live.order()
        orders.move(order, OrderState.MANUAL, sentence="reads disagree", now=live.now)
        client.force_login(live.world.owner)
        TOTP.activate(live.world.owner, SECRET)

        assert "asks for your passkey" in decide(client, order, state="CANCELED")
        assert "Decided" in decide(client, order, state="CANCELED", code=code())

        eve = User.objects.create_user("eve", is_staff=True, is_superuser=True)
        client.force_login(eve)
        assert client.get(reverse("manual-decide", args=[order.pk])).status_code == 404
