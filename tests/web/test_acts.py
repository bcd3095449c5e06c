"""Closing a position and resetting a breaker: pages that say what will happen, and count once."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse

from accounts.models import User
from markets.models import Outcome
from risk.models import BreakerTrip, RiskProfile
from tests.web.test_approvals import running
from tests.world import World, assert_invariants, trade
from trading.models import Order, Position

BY_HAND = "CLOSED_BY_HAND"


@pytest.fixture
def held(world: World, client) -> World:
    """An account that holds something, and its owner signed in."""
    world.buy()
    running(world)
    client.force_login(world.owner)
    return world


def page(client, world, name, *ids, **form):
    at = reverse(name, args=[world.account.pk, *ids])
    return client.post(at, form, follow=True) if form else client.get(at)


def test_a_position_is_closed_once_at_what_the_page_said(held: World, client):
    position = Position.objects.get()
    shown = page(client, held, "close", position.pk).content.decode()
    form = form_of(shown)
    assert "Sells" in shown

    first = page(client, held, "close", position.pk, **form)
    second = page(client, held, "close", position.pk, **form)

    order = Order.objects.get(decision__reason=BY_HAND)
    assert (order.side, order.shares, order.state) == ("SELL", position.shares, "LIVE")
    assert first.redirect_chain == second.redirect_chain
    other = page(client, held, "close", position.pk, **form | {"key": "another tap"})
    assert "being sold already" in other.content.decode()
    assert Order.objects.filter(decision__reason=BY_HAND).count() == 1
    assert_invariants()


def form_of(text: str) -> dict[str, str]:
    return dict(re.findall(r'name="(key|shown|least)" value="([^"]+)"', text))


def test_a_position_is_closed_at_the_price_of_the_page_whatever_it_became(held: World, client):
    position = Position.objects.get()
    form = form_of(page(client, held, "close", position.pk).content.decode())
    Outcome.objects.filter(pk=position.outcome_id).update(last_price="0.10")

    page(client, held, "close", position.pk, **form)

    order = Order.objects.get(decision__reason=BY_HAND)
    assert f"{order.limit_price * 100:f}".startswith(form["least"].rstrip("0").rstrip("."))


def test_what_is_not_what_the_page_said_is_not_sold(held: World, client):
    position = Position.objects.get()
    form = form_of(page(client, held, "close", position.pk).content.decode())

    said = page(client, held, "close", position.pk, **form | {"least": "8"})

    assert said.status_code == 422
    assert "not what would be sold any more: now 974.90 sh at 8.0¢" in said.content.decode()
    assert not Order.objects.filter(decision__reason=BY_HAND).exists()


@pytest.mark.parametrize("least", ["ten", "150", "-3", "NaN", "1e9999"])
def test_a_price_that_is_none_is_told_and_nothing_is_sent(held: World, client, least):
    position = Position.objects.get()

    answer = page(client, held, "close", position.pk, key="k", least=least)

    assert answer.status_code == 422
    assert "Nothing was sent" in answer.content.decode()
    assert not Order.objects.filter(decision__reason=BY_HAND).exists()


def test_another_person_closes_and_resets_nothing(held: World, client):
    position = Position.objects.get()
    client.force_login(User.objects.create_user("eve", password="not-a-secret-2026"))

    assert page(client, held, "close", position.pk, key="k", least="").status_code == 404
    assert page(client, held, "reset", "daily", why="mine").status_code == 404


def tripped(world: World) -> BreakerTrip:
    """Lose on paper until the breaker of the hour opens."""
    RiskProfile.objects.update(hourly_loss_limit=1)
    world.resolve(winner="No", at=world.now + timedelta(minutes=2))
    world.copy(world.signal(trade(at=world.now + timedelta(minutes=3))))
    return BreakerTrip.objects.get(kind="HOURLY")


def test_a_breaker_is_reset_with_a_reason_and_no_other_way(held: World, client):
    trip = tripped(held)
    assert "Reset hourly" in page(client, held, "breakers").content.decode()
    assert "limit" in page(client, held, "reset", "hourly").content.decode()

    form = form_of(page(client, held, "reset", "hourly").content.decode())
    refused = page(client, held, "reset", "hourly", **form, why="  ")
    trip.refresh_from_db()
    assert trip.reset_at is None
    assert "Say why" in refused.content.decode()

    other = page(client, held, "reset", "hourly", shown="another trip", why="looked at it")
    trip.refresh_from_db()
    assert "not what you were shown" in other.content.decode()
    assert trip.reset_at is None
    page(client, held, "reset", "hourly", **form, why="looked at it")
    trip.refresh_from_db()
    assert (trip.reset_by, trip.reset_why) == (held.owner.username, "looked at it")
    again = page(client, held, "reset", "hourly", **form, why="twice")
    assert "nothing to reset" in again.content.decode()
    assert page(client, held, "reset", "weekly").status_code == 404


def test_closing_on_a_phone(held: World, server, browser, client):
    context = browser.new_context(viewport={"width": 390, "height": 844})
    context.add_cookies(
        [{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": server}]
    )
    view = context.new_page()
    view.goto(server + reverse("positions", args=[held.account.pk]))
    view.click("text=Close…")
    assert view.evaluate("document.documentElement.scrollWidth") <= 390
    view.click("button.primary")
    view.wait_for_selector("text=What happened")

    assert Order.objects.filter(decision__reason=BY_HAND).count() == 1
