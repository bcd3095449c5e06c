"""The Data API: rows that our own reader reads, pages that end, and mistakes that are told."""

import json

import httpx
import pytest

from sandbox.serving import serving
from tests.sandbox.polymarket_world import NO, YES, PolymarketWorld
from tests.sandbox.test_polymarket import buy, mine, wait
from venues.polymarket import parse


@pytest.fixture
def world() -> PolymarketWorld:
    made = PolymarketWorld(speed=0)
    made.quote(YES, "0.55", "100")
    made.quote(NO, "0.48", "100")
    buy(made, "0.60", "40")
    wait(made, 60)
    buy(made, "0.50", "10", NO)
    wait(made, 60)
    return made


@pytest.fixture
def url(world):
    with serving(world.app) as address:
        yield address


def rows(url: str, path: str, **query) -> list[dict]:
    found = httpx.get(url + path, params=query).json()
    return found if isinstance(found, list) else found["data"]


def test_both_versions_tell_the_same_trades_and_our_reader_reads_them(world, url):
    new, old = rows(url, "/v2/trades"), rows(url, "/trades")
    found = [parse.data_api_trade(json.loads(json.dumps(row), parse_float=str)) for row in new]

    assert [parse.data_api_trade(row) for row in old] == found
    assert [(trade.wallet, trade.outcome, str(trade.side)) for trade in found] == [
        (world.owner.lower(), "Spurs", "BUY"),
        (world.owner.lower(), "Thunder", "BUY"),
    ]
    assert {trade.transaction for trade in found} == {
        trade.transaction for trade in world.exchange.trades
    }


def test_makers_fills_come_when_they_are_asked_for(world, url):
    everybody = rows(url, "/v2/trades", taker_only="false")
    makers = rows(url, "/v2/trades", taker_only="false", user=world.maker.address)

    assert len(everybody) == 4
    assert [row["side"] for row in makers] == ["SELL", "SELL"]


def test_pages_follow_their_cursor_to_the_end(url):
    first = httpx.get(url + "/v2/trades", params={"limit": 1}).json()
    cursor = first["pagination"]["next_cursor"]
    second = httpx.get(url + "/v2/trades", params={"limit": 1, "cursor": cursor}).json()

    assert first["pagination"]["has_more"]
    assert not second["pagination"]["has_more"]
    assert first["data"] != second["data"]


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 5000}, "limit"),
        ({"cursor": "%"}, "cursor"),
        ({"start": "soon"}, "start"),
    ],
)
def test_a_bad_question_is_told(url, query, parameter):
    answer = httpx.get(url + "/v2/trades", params=query)

    assert (answer.status_code, answer.json()["parameter"]) == (400, parameter)


def test_positions_and_redemptions_follow_the_chain(world, url):
    held = rows(url, "/v2/positions", user=world.owner)
    assert {row["outcome"]: row["current_size"] for row in held} == {"Thunder": 40, "Spurs": 10}
    now, condition = world.clock.now(), world.market.condition
    world.exchange.resolve(condition, (mine(world).cash * 0 + 1, mine(world).cash * 0), now=now)
    assert rows(url, "/v2/resolutions", condition=condition)[0]["payouts"] == [1_000_000, 0]
    assert rows(url, "/v2/value", user=world.owner)[0]["value"] == 40
    world.exchange.redeem(world.owner, condition, now=now)

    told = rows(url, "/v2/activity", user=world.owner)
    assert sorted(row["type"] for row in told) == ["REDEEM", "TRADE", "TRADE"]
    (redeemed,) = rows(url, "/v2/activity", user=world.owner, type="REDEEM")
    assert (redeemed["usdc_size"], redeemed["outcome_index"]) == (40, 999)
    assert rows(url, "/v2/positions", user=world.owner) == []


@pytest.mark.parametrize("name", ["trades", "activity"])
def test_rows_have_the_recorded_keys(shared, world, url, name):
    recorded = json.loads((shared / "fixtures" / "polymarket" / f"datav2_{name}.json").read_text())
    (first, *_) = rows(url, f"/v2/{name}", user=world.owner)

    assert set(recorded[0]) <= set(first)
