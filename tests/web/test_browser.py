"""What only a browser shows: the live dashboard, at desk and phone width, light and dark."""

from datetime import timedelta

import pytest

from markets import clock
from risk.models import BreakerTrip, RiskProfile
from tests.web.test_approvals import running
from tests.world import OTHER_WHALE, World, trade
from trading.models import Order
from whales.models import Follow


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark"), (320, "light")])
def test_the_dashboard_reads_at_every_width(world: World, server, browser, client, width, scheme):
    world.buy()
    world.resolve(winner="Yes", at=world.now + timedelta(hours=1))
    client.force_login(world.owner)
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    context.add_cookies(
        [{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": server}]
    )
    page, problems = context.new_page(), []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda m: problems.append(m.text) if m.type == "error" else None)

    page.goto(f"{server}/a/{world.account.pk}/")
    page.wait_for_selector(".uplot canvas")

    assert problems == []
    assert "[PAPER]" in page.title()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("#decisions li").count() == 1
    context.close()


def test_a_new_decision_appears_by_itself(world: World, server, browser, client):
    client.force_login(world.owner)
    context = browser.new_context()
    context.add_cookies(
        [{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": server}]
    )
    page = context.new_page()
    page.goto(f"{server}/a/{world.account.pk}/")
    assert page.locator("#decisions li").count() == 0
    page.wait_for_timeout(1500)

    world.copy(world.signal(trade(at=world.now)))

    page.wait_for_selector("#decisions li", timeout=15_000)
    assert "copied" in page.inner_text("#decisions li")
    context.close()


def signed_in(server, browser, client, world: World):
    """Open a phone-sized page of the world's owner."""
    client.force_login(world.owner)
    context = browser.new_context(viewport={"width": 390, "height": 844})
    context.add_cookies(
        [{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": server}]
    )
    return context.new_page()


def test_a_wallet_is_followed_and_its_first_decision_seen(world: World, server, browser, client):
    page = signed_in(server, browser, client, world)
    page.goto(f"{server}/a/{world.account.pk}/whales/")
    page.fill("#id_wallet", OTHER_WHALE)
    page.click("form.sign-in button.primary")
    page.wait_for_selector("text=Followed. Its next trade is decided on.")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390

    world.copy(world.signal(trade(at=world.now, wallet=OTHER_WHALE)))
    page.goto(f"{server}/a/{world.account.pk}/decisions/")
    page.click("main li a, main tbody a")

    page.wait_for_selector("text=has no settled bet yet")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_follows_preview_changes_as_it_is_written(world: World, server, browser, client):
    world.buy(at=clock.now() - timedelta(minutes=2))
    page = signed_in(server, browser, client, world)
    page.goto(f"{server}/a/{world.account.pk}/follows/{Follow.objects.get().pk}/")
    page.wait_for_selector("#preview >> text=1 copied")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390

    page.fill("#id_min_whale_quality", "100")
    page.wait_for_selector("#preview >> text=1 skipped")
    page.fill("#id_min_whale_quality", "")
    page.wait_for_selector("#preview >> text=1 copied")
    page.fill("#id_max_trade", "50")
    page.click("text=Save follow")

    page.wait_for_selector("text=It takes effect on the next trade")
    assert Follow.objects.get().max_trade == 50


def test_lists_say_that_there_is_more_and_states_change_in_place(
    world: World, server, browser, client
):
    first = world.buy()
    page = signed_in(server, browser, client, world)
    page.goto(f"{server}/a/{world.account.pk}/orders/")
    page.wait_for_selector("#rows >> text=FILLED")
    page.wait_for_timeout(1500)  # the stream has looked once

    world.copy(world.signal(trade(at=world.now + timedelta(hours=2))))
    Order.objects.filter(pk=first.pk).update(filled_shares=1)

    page.wait_for_selector("text=There are new orders")
    page.wait_for_selector("#rows >> text=1.00 sh of ")
    assert page.locator("#rows tbody tr").count() == 1  # what is new waits
    page.click("text=There are new orders")
    page.wait_for_selector("#rows tbody tr:nth-child(2)")


def test_a_position_is_closed_on_a_phone(world: World, server, browser, client):
    world.buy()
    page = signed_in(server, browser, client, world)
    page.goto(f"{server}/a/{world.account.pk}/positions/")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.click("text=Close")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.click("main button.primary")

    page.wait_for_url("**/orders/**")
    assert Order.objects.filter(side="SELL").count() == 1


def test_a_breaker_is_reset_on_a_phone(world: World, server, browser, client):
    world.buy()
    RiskProfile.objects.update(hourly_loss_limit=1)
    world.resolve(winner="No", at=world.now + timedelta(minutes=2))
    world.copy(world.signal(trade(at=world.now + timedelta(minutes=3))))
    running(world)
    page = signed_in(server, browser, client, world)
    page.goto(f"{server}/a/{world.account.pk}/breakers/")
    page.click("text=Reset hourly")
    page.fill("#why", "understood")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.click("button[data-factor]")

    page.wait_for_selector("text=The hourly breaker is reset")
    assert BreakerTrip.objects.get(kind="HOURLY").reset_why == "understood"


def test_the_phone_keeps_an_offline_page_and_no_balances(world: World, server, browser, client):
    page = signed_in(server, browser, client, world)
    page.goto(f"{server}/notifications/")
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    page.context.set_offline(True)
    page.goto(f"{server}/a/{world.account.pk}/")
    page.wait_for_selector("text=The server cannot be reached")
    kept = page.evaluate(
        "caches.keys().then((names) => Promise.all(names.map((name) => caches.open(name)"
        ".then((cache) => cache.keys())))).then((all) => all.flat().map((each) => each.url))"
    )
    page.context.set_offline(False)

    assert {each.removeprefix(server) for each in kept} == {
        "/offline/",
        "/static/web/polymix.css",
        "/static/web/icon.svg",
    }
