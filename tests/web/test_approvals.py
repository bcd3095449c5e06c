"""The approval inbox: what waits is seen by its owner alone, and decided once, as it was shown."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connections
from django.urls import reverse

from accounts.models import Account, User
from markets.models import Feed, Market
from risk.models import RiskProfile
from tests.world import World, assert_invariants, trade
from tests.yes import yes_to
from trading import approvals
from trading.models import Approval, Order

D = Decimal


def running(world: World) -> None:
    """Let the pages' clock be the world's."""
    Feed.objects.create(
        key="k",
        kind="RECORDING",
        name="tape.csv",
        clock_at=world.now,
        first_at=world.now,
        last_at=world.now,
        position=1,
        total=2,
        assumed={},
        started_at=world.now,
        seen_at=world.now,
    )


@pytest.fixture
def asking(world: World, client) -> World:
    """An account in rehearsal with one order that waits, and its owner signed in."""
    running(world)
    Account.objects.update(rehearsal=True)
    world.copy(world.signal(trade(at=world.now)))
    client.force_login(world.owner)
    return world


def url(order: Order) -> str:
    return reverse("approval", args=[order.pk])


def answer(client, order: Order, **form) -> str:
    form.setdefault("shown", approvals.digest_of(order))
    return client.post(url(order), form, follow=True).content.decode()


def test_the_list_keeps_its_cards_and_what_is_new_waits(asking: World, client):
    first = Order.objects.get()
    RiskProfile.objects.update(duplicate_seconds=0)
    asking.copy(asking.signal(trade(at=asking.now + timedelta(minutes=1))))
    kept = {"kept": str(first.pk)}
    assert "1 new, show" in client.get(reverse("approvals"), kept).content.decode()

    answer(client, first, decline="1")
    page = client.get(reverse("approvals"), kept).content.decode()

    assert "DENIED" in page
    assert page.count("Review</a>") == 0  # nothing took its place
    assert client.get(reverse("approvals")).content.decode().count("Review</a>") == 1
    assert client.get(reverse("approvals"), {"kept": "x"}).status_code == 404


def test_a_second_persons_page_leads_nowhere_that_he_may_not_go(asking: World, client):
    order, bo = Order.objects.get(), User.objects.create_user("bo", password="not-a-secret-2026")
    order.account.approvers.add(bo)
    client.force_login(bo)

    page = client.get(url(order)).content.decode()

    links = set(re.findall(r'(?:href|action)="(/(?:a|approvals)/[^"#?]*)"', page))
    assert links
    for link in links - {url(order)}:
        assert client.get(link).status_code == 200, link


def test_what_waits_is_listed_and_decided_on_its_own_page(asking: World, client):
    order = Order.objects.get()
    inbox = client.get(reverse("approvals")).content.decode()
    assert "1 waiting" in inbox
    assert url(order) in inbox
    shown = client.get(url(order)).content.decode()
    assert f"Approve · spend ${order.worst_cost:,.2f}" in shown
    digest = approvals.digest_of(order)

    said = answer(client, order, approve="1", shown=digest, note="read it twice")

    order.refresh_from_db()
    assert order.state == "LIVE"
    assert "APPROVED" in said
    kept = Approval.objects.get()
    assert (kept.digest, kept.note) == (digest, "read it twice")
    assert "Nothing waits" in client.get(reverse("approvals")).content.decode()
    assert_invariants()


def test_another_person_sees_and_answers_nothing(asking: World, client):
    order = Order.objects.get()
    client.force_login(User.objects.create_user("eve", password="not-a-secret-2026"))

    assert "Nothing waits" in client.get(reverse("approvals")).content.decode()
    assert client.get(url(order)).status_code == 404
    assert client.post(url(order), {"approve": "1"}).status_code == 404
    assert not Approval.objects.exists()


@pytest.mark.parametrize("shown", ["", "0" * 64])
def test_what_was_not_shown_is_not_sent(asking: World, client, shown):
    order = Order.objects.get()

    said = answer(client, order, approve="1", shown=shown)

    order.refresh_from_db()
    assert "Nothing was sent" in said
    assert order.state == "AWAITING_APPROVAL"
    assert not Approval.objects.exists()


def test_a_size_is_cut_and_never_raised(asking: World, client):
    order = Order.objects.get()
    proposed = order.worst_cost

    assert "only be cut" in answer(client, order, approve="1", most=str(proposed + 1))
    assert "no amount" in answer(client, order, approve="1", most="ten")
    assert "no amount" in answer(client, order, approve="1", most="NaN")
    assert "no amount" in answer(client, order, approve="1", most="1e999999")
    assert "only be cut" in answer(client, order, approve="1", most="0")
    Market.objects.update(min_shares=5)
    assert "takes 5 or more" in answer(client, order, approve="1", most="0.5")
    assert not Approval.objects.exists()
    answer(client, order, approve="1", most="$60.00")

    order.refresh_from_db()
    assert order.state == "LIVE"
    assert D("59") < order.worst_cost <= D("60")
    assert order.shares < proposed / order.limit_price
    assert_invariants()


def test_declined_is_over_and_says_who(asking: World, client):
    order = Order.objects.get()

    said = answer(client, order, decline="1", note="too close")

    order.refresh_from_db()
    assert order.state == "DENIED"
    assert "too close" in said
    assert "it is one order" in answer(client, order, approve="1")


def test_an_expired_order_is_not_sent(asking: World, client):
    order = Order.objects.get()
    Feed.objects.update(clock_at=order.expires_at)
    assert 'name="approve"' not in client.get(url(order)).content.decode()

    said = answer(client, order, approve="1")

    order.refresh_from_db()
    assert order.state == "DENIED"
    assert "expired" in said


def test_twenty_taps_at_once_make_one_order(asking: World):
    order = Order.objects.get()
    yes = yes_to(order, by=asking.owner, now=asking.now)

    def tap(_: int) -> bool:
        try:
            return approvals.approve_and_send(order_id=order.pk, yes=yes, now=asking.now).counted
        finally:
            connections.close_all()

    with ThreadPoolExecutor(20) as hands:
        counted = list(hands.map(tap, range(20)))

    assert counted.count(True) == 1
    order.refresh_from_db()
    assert order.state == "LIVE"
    assert list(order.events.values_list("new", flat=True)).count("SENDING") == 1
    assert_invariants()


def test_from_sign_in_to_an_approved_order_on_a_phone(asking: World, server, browser):
    asking.owner.set_password("not-a-secret-2026")
    asking.owner.save()
    page = browser.new_context(viewport={"width": 390, "height": 844}).new_page()
    page.goto(f"{server}/login/")
    page.fill("#id_login", asking.owner.username)
    page.fill("#id_password", "not-a-secret-2026")
    page.click("button.primary")
    page.click("text=Approve (1)")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.click("text=Review")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.click("button[name=approve]")
    page.wait_for_selector("text=APPROVED")

    assert Order.objects.get().state == "LIVE"
