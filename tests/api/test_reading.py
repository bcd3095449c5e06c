"""What an app reads: its own rows alone, in pages, with tags and in one shape of errors."""

import json
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext

from accounts import streams
from accounts.models import Account
from markets.models import Market
from notifications.services import record
from risk.models import RiskProfile
from tests.world import WHALE, World, trade
from trading.models import Decision, Order, Position

LISTS = (
    "accounts",
    "approvals",
    "breakers",
    "credentials",
    "decisions",
    "events",
    "follows",
    "ledger",
    "opportunities",
    "orders",
    "pair-trades",
    "pairs",
    "positions",
    "signals",
    "whales",
)
OWN = ("accounts", "decisions", "follows", "ledger", "orders", "positions", "signals")


@pytest.mark.parametrize("name", LISTS)
def test_every_list_opens_for_whoever_signed_in_and_for_nobody_else(world, app, client, name):
    assert app.get(f"/api/v1/{name}/").status_code == 200
    refused = client.get(f"/api/v1/{name}/")
    assert refused.status_code == 401
    assert refused["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("name", OWN)
def test_rows_are_their_owners_alone(world: World, app, eve, name):
    world.buy()

    mine = app.get(f"/api/v1/{name}/").json()["results"]
    theirs = eve.get(f"/api/v1/{name}/").json()["results"]

    assert mine
    assert theirs == []
    assert app.get(f"/api/v1/{name}/{mine[0]['id']}/").status_code == 200
    assert eve.get(f"/api/v1/{name}/{mine[0]['id']}/").status_code == 404


def test_an_order_tells_its_money_as_text_and_its_steps(world: World, app):
    order = world.buy()

    told = app.get(f"/api/v1/orders/{order.pk}/").json()
    timeline = app.get(f"/api/v1/orders/{order.pk}/timeline/").json()

    assert told["limit_price"] == str(order.limit_price)
    assert told["state"] == "FILLED"
    assert [step["new"] for step in timeline["events"]][-1] == "FILLED"
    assert len(timeline["fills"]) == order.fills.count()


def test_decisions_are_filtered_and_a_bad_filter_is_told(world: World, app):
    world.buy()

    def count(query: str) -> int:
        return len(app.get(f"/api/v1/decisions/?{query}").json()["results"])

    assert count("accepted=true") == 1
    assert count("accepted=false") == 0
    assert count(f"account={world.account.pk}&whale={WHALE.upper().replace('0X', '0x')}") == 1
    bad = app.get("/api/v1/decisions/?account=not-an-id")
    assert bad.status_code == 400
    assert bad.json()["errors"]["account"]


def test_pages_go_by_a_cursor_and_neither_repeat_nor_miss(world: World, app):
    for name in ("b", "c", "d", "e"):
        world.open(name)

    seen, address = [], "/api/v1/accounts/?page_size=2"
    while address:
        page = app.get(address).json()
        seen += [row["name"] for row in page["results"]]
        if len(seen) == 2:
            world.open("late")  # a row that arrives meanwhile
        address = page["next"]

    assert sorted(set(seen) - {"late"}) == ["Main", "b", "c", "d", "e"]
    assert len(seen) == len(set(seen))
    for cursor in ("nonsense", "W10", "WyJhIiwiYiJd", "*" * 50):
        assert app.get(f"/api/v1/accounts/?cursor={cursor}").status_code == 404


def test_what_has_not_changed_is_not_sent_again(world: World, app):
    first = app.get("/api/v1/accounts/")
    again = app.get("/api/v1/accounts/", headers={"If-None-Match": first["ETag"]})
    world.open("new")
    changed = app.get("/api/v1/accounts/", headers={"If-None-Match": first["ETag"]})

    assert (again.status_code, again.content) == (304, b"")
    assert changed.status_code == 200


def test_limits_are_changed_only_as_they_were_read(world: World, app):
    at = f"/api/v1/accounts/{world.account.pk}/risk-profile/"
    read = app.get(at)
    tag = {"If-Match": read["ETag"]}

    first = app.patch(at, {"kelly_fraction": "0.1"}, format="json", headers=tag)
    second = app.patch(at, {"kelly_fraction": "0.2"}, format="json", headers=tag)
    unknown = app.patch(at, {"kelly": "0.2"}, format="json")
    negative = app.patch(at, {"daily_loss_limit": "-1"}, format="json")

    assert first.json()["kelly_fraction"] == "0.1000"
    assert second.status_code == 412
    assert unknown.json()["errors"] == {"kelly": ["There is no such limit."]}
    assert negative.status_code == 400


def test_raising_a_limit_of_real_money_asks_for_a_factor(world: World, app):
    real = world.open("Real", mode="APPROVAL", starting_balance=world.starting_balance)
    at = f"/api/v1/accounts/{real.pk}/risk-profile/"

    lower = app.patch(at, {"daily_loss_limit": "10"}, format="json")
    raised = app.patch(at, {"daily_loss_limit": "900"}, format="json")
    rarer = app.patch(at, {"max_daily_copies": 3}, format="json")
    without = app.patch(at, {"max_daily_copies": None}, format="json")

    assert (lower.status_code, rarer.status_code) == (200, 200)
    assert (raised.status_code, without.status_code) == (403, 403)
    assert raised.json()["code"] == "factor_needed"


def test_what_waits_costs_as_many_queries_whatever_there_is(world: World, app):
    Account.objects.update(rehearsal=True)
    RiskProfile.objects.update(duplicate_seconds=0)

    def queries() -> int:
        with CaptureQueriesContext(connection) as seen:
            app.get("/api/v1/approvals/")
        return len(seen)

    world.copy(world.signal(trade(at=world.now)))
    one = queries()
    for number in range(1, 5):
        world.copy(world.signal(trade(at=world.now + timedelta(minutes=number))))

    assert app.get("/api/v1/approvals/").json()["results"][4]
    assert queries() == one


def test_streams_of_one_person_are_counted(world: World):
    taken = [streams.take(world.owner.pk) for _ in range(streams.MOST)]

    assert None not in taken
    assert streams.take(world.owner.pk) is None
    assert streams.take(world.owner.pk + 1) is not None
    streams.leave(taken[3])
    assert streams.take(world.owner.pk) == taken[3]
    cache.clear()


def test_limits_that_contradict_each_other_are_refused_in_words(world: World, app):
    at = f"/api/v1/accounts/{world.account.pk}/risk-profile/"

    refused = app.patch(at, {"min_position_size": "999999"}, format="json")

    assert refused.status_code == 409
    assert "not less than the least of a copy" in refused.json()["detail"]


def test_figures_and_the_equity_line(world: World, app):
    world.buy()
    at = f"/api/v1/accounts/{world.account.pk}"

    figures = app.get(f"{at}/figures/").json()["figures"]
    line = app.get(f"{at}/performance/?span=7d").json()

    assert figures["starting_balance"] == "10000.00"
    assert figures["open_positions"] == 1
    assert line["sentence"]


def test_too_many_calls_are_held_up_whatever_arrives_at_once(world: World, app):
    with override_settings(API_READS="3/minute"):
        answers = [app.get("/api/v1/me/") for _ in range(5)]

    assert [each.status_code for each in answers] == [200, 200, 200, 429, 429]
    assert int(answers[-1]["Retry-After"]) > 0
    assert answers[-1].json()["code"] == "throttled"


def test_the_export_has_the_guides_structure(world: World, app):
    order = world.buy()
    Market.objects.update(title="=cmd|' /C calc'!A0")
    at = f"/api/v1/accounts/{world.account.pk}/export/"

    told = app.get(at).json()
    lines = b"".join(app.get(f"{at}?as=csv").streaming_content).decode().splitlines()

    assert {"balance", "initial_balance", "bets", "daily_trades", "daily_loss", "errors"} <= set(
        told
    )
    bet = told["bets"][0]
    assert bet["order_ids"] == {"Paper": order.venue_order_id or str(order.pk)}
    assert bet["cost"] == float(round(order.filled_cost + order.fees, 2))
    assert bet["legs"][0]["outcome"] == "Yes"
    assert app.get(f"{at}?as=xml").status_code == 400
    assert len(lines) == 2
    assert "'=cmd" in lines[1]  # a spreadsheet does not run it


def test_an_export_has_every_error(world: World, app):
    for number in range(103):
        record(
            kind="stopped",
            account_id=world.account.pk,
            level="WARN",
            sentence=f"Stop {number}",
            at=world.now,
        )

    told = app.get(f"/api/v1/accounts/{world.account.pk}/export/").json()

    assert len([each for each in told["errors"] if each["error"].startswith("Stop ")]) == 103


def test_no_address_and_an_error_inside_are_problems_too(world: World, app, monkeypatch):
    nothing = app.get("/api/v1/nothing-here/")
    app.raise_request_exception = False
    monkeypatch.setattr("api.v1.session.Me.get", lambda *_: 1 / 0)
    failed = app.get("/api/v1/me/")

    assert (nothing.status_code, nothing.json()["code"]) == (404, "not_found")
    assert (failed.status_code, failed.json()["code"]) == (500, "error")
    assert {each["Content-Type"] for each in (nothing, failed)} == {"application/problem+json"}
    assert "There is no such page" in app.get("/nothing-here/").content.decode()


def test_the_schema_describes_all_of_it(world: World, app):
    told = json.loads(app.get("/api/schema/?format=json").content)

    for name in LISTS:
        assert f"/api/v1/{name}/" in told["paths"], name
    assert "401" in told["paths"]["/api/v1/orders/"]["get"]["responses"]
    assert app.get("/api/docs/").status_code == 200


def test_everything_of_the_world_is_still_there(world: World, app):
    """Reading changes nothing."""
    world.buy()
    before = (Order.objects.count(), Decision.objects.count(), Position.objects.count())

    for name in LISTS:
        app.get(f"/api/v1/{name}/")

    assert (Order.objects.count(), Decision.objects.count(), Position.objects.count()) == before
    assert Account.objects.count() == 1
