"""The admin: every table opens, money tables are read-only, actions call the services."""

import pytest
from django.contrib import admin
from django.urls import reverse

from accounts.models import Account, User
from risk.models import BreakerTrip, KillSwitch
from tests.world import World, assert_invariants, trade
from trading.models import Order, Position

OURS = ["accounts", "markets", "notifications", "risk", "trading", "whales"]
MODELS = [model for model in admin.site._registry if model._meta.app_label in OURS]


@pytest.fixture
def staff(world: World, client):
    client.force_login(User.objects.create_superuser("root", password="not-a-secret-2026"))
    return client


def act_raw(client, model, action: str, *rows, follow: bool = False):
    meta = model._meta
    url = reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist")
    form = {"action": action, "_selected_action": [str(row.pk) for row in rows]}
    return client.post(url, form, follow=follow)


def act(client, model, action: str, *rows) -> str:
    page = act_raw(client, model, action, *rows, follow=True)
    return " ".join(str(message) for message in page.context["messages"])


def name_of(model) -> str:
    return f"admin:{model._meta.app_label}_{model._meta.model_name}"


def test_every_table_opens(world: World, staff):
    world.buy()

    for model in MODELS:
        assert staff.get(reverse(f"{name_of(model)}_changelist")).status_code == 200, model
        row = model.objects.first()
        if row is not None:
            assert staff.get(reverse(f"{name_of(model)}_change", args=[row.pk])).status_code == 200


def test_money_and_history_have_no_forms(world: World, staff):
    guarded = [model for model in MODELS if model._meta.app_label in ("trading", "notifications")]

    for model in guarded:
        assert staff.get(reverse(f"{name_of(model)}_add")).status_code == 403, model
    assert len(guarded) > 8


def test_an_approval_counts_what_really_happened(world: World, staff):
    world.account.rehearsal = True
    world.account.save()
    world.copy(world.signal(trade(at=world.now)))
    order = Order.objects.get()
    Order.objects.update(expires_at="2999-01-01T00:00Z", send_by="2999-01-01T00:00Z")

    first = act(staff, Order, "decline", order)
    second = act(staff, Order, "decline", order)

    assert first == "Declined 1 of 1."
    assert "Declined 0 of 1" in second
    assert "declined this" in second
    assert Order.objects.get().state == "DENIED"
    assert_invariants()


def test_accounts_are_stopped_from_their_list(world: World, staff):
    state = world.account.risk

    assert act(staff, type(state), "stop_buying", state) == "Stopped 1."
    assert KillSwitch.objects.get().level == "ENTRIES"


def test_what_adds_risk_leads_to_the_page_that_says_so(world: World, staff):
    trip = BreakerTrip.objects.create(
        account=world.account,
        kind="DAILY",
        window_start=world.now,
        measured=1,
        limit=1,
        at=world.now,
    )
    world.account.rehearsal = True
    world.account.save()
    world.copy(world.signal(trade(at=world.now)))
    order = Order.objects.get()

    reset = act_raw(staff, BreakerTrip, "reset", trip)
    approve = act_raw(staff, Order, "approve", order)

    assert reset.url == reverse("reset", args=[world.account.pk, "daily"])
    assert approve.url == f"{reverse('approvals-several')}?order={order.pk}"
    assert staff.get(reset.url).status_code == 200
    assert str(order.pk) in staff.get(approve.url).content.decode()


def test_a_position_is_closed_on_its_owners_page_alone(world: World, staff, client):
    world.buy()
    position = Position.objects.get()

    assert act(staff, Position, "close", position) == "Its owner closes it."
    User.objects.filter(pk=world.owner.pk).update(is_staff=True, is_superuser=True)
    client.force_login(world.owner)
    led = act_raw(client, Position, "close", position)

    assert led.url == reverse("close", args=[world.account.pk, position.pk])
    assert not Order.objects.filter(side="SELL").exists()


def test_an_account_is_opened_with_its_limits_and_its_first_entry(world: World, staff):
    form = {"owner": world.owner.pk, "name": "New", "mode": "PAPER", "preset": "aggressive"}

    staff.post(reverse("admin:accounts_account_add"), form | {"starting_balance": "2500"})

    account = Account.objects.get(name="New")
    assert account.profile.max_positions == 20
    assert account.risk.cash == 2500
    assert_invariants()


def test_the_whole_server_is_stopped_by_one_form(world: World, staff):
    form = {"scope": "SERVER", "key": "", "level": "ENTRIES", "why": "storm"}

    staff.post(reverse("admin:risk_killswitch_add"), form)

    world.copy(world.signal(trade(at=world.now)))
    assert world.decision().reason == "STOPPED"
    assert KillSwitch.objects.get().by == "root"
