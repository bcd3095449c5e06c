"""What only a browser shows: the live dashboard, at desk and phone width, light and dark."""

from datetime import timedelta

import pytest

from tests.world import World, trade


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
