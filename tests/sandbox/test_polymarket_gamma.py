"""Gamma: the catalogue of games as a client reads it."""

import json
from datetime import UTC, datetime

import httpx
import pytest

from sandbox.exchanges import Sandbox
from sandbox.serving import serving

START = datetime(2026, 11, 21, 18, tzinfo=UTC)


@pytest.fixture
def made() -> Sandbox:
    sandbox = Sandbox(seed=4, start=START, speed=0)
    sandbox.world.advance(START)
    return sandbox


@pytest.fixture
def url(made):
    with serving(made.apps()["polymarket"]) as address:
        yield address


def ask(url: str, path: str, **query):
    return httpx.get(url + path, params=query).json()


def test_a_game_is_found_with_its_market_teams_and_tokens(made, url):
    game = made.world.games[0]
    event = ask(url, f"/events/slug/{game.polymarket.slug}")
    (market,) = event["markets"]

    assert json.loads(market["clobTokenIds"]) == list(game.polymarket.tokens)
    assert json.loads(market["outcomes"]) == [team["alias"] for team in event["teams"]]
    assert [team["ordering"] for team in event["teams"]] == ["away", "home"]
    assert market["slug"] == event["slug"]
    assert market["sportsMarketType"] == "moneyline"
    assert market["feeSchedule"]["rate"] == 0.05
    assert market["gameStartTime"] == f"{game.starts_at:%Y-%m-%d %H:%M:%S}+00"


def test_pages_follow_their_cursor_and_the_last_has_none(url):
    seen, cursor = [], ""
    for _ in range(3):
        query = {"limit": 2} | ({"after_cursor": cursor} if cursor else {})
        page = ask(url, "/events/keyset", **query)
        seen += [event["id"] for event in page["events"]]
        cursor = page.get("next_cursor", "")

    first = int(seen[0])
    assert seen == [str(first + place) for place in range(6)]
    assert cursor == ""
    assert httpx.get(url + "/events", params={"offset": 5000}).status_code == 422


def test_filters_choose_by_league_and_end(made, url):
    nba = ask(url, "/events", tag_id=745)
    assert {event["seriesSlug"] for event in nba} == {"nba"}
    game = made.world.games[0]
    made.polymarket.exchange.resolve(game.polymarket.condition, (1, 0), now=START)

    assert game.polymarket.slug not in {event["slug"] for event in ask(url, "/events")}
    (closed,) = ask(url, "/markets", closed="true", condition_ids=game.polymarket.condition)
    assert json.loads(closed["outcomePrices"]) == ["1", "0"]
    assert closed["umaResolutionStatus"] == "resolved"
    token = made.world.games[1].polymarket.tokens[1]
    assert len(ask(url, "/markets", clob_token_ids=token)) == 1


def test_the_rest_of_the_catalogue_answers(made, url):
    assert {row["sport"] for row in ask(url, "/sports")} == {"nba", "nfl", "mlb", "nhl"}
    assert len(ask(url, "/teams", limit=100)) == 18
    assert {row["slug"]: row["id"] for row in ask(url, "/tags")}["nba"] == "745"
    nickname = made.world.games[0].draft.away.nickname
    assert nickname in ask(url, "/public-search", q=nickname)["events"][0]["title"]
    assert httpx.get(url + "/events/slug/none").status_code == 404


def test_keys_of_recorded_markets_are_there(shared, url):
    path = shared / "fixtures" / "polymarket" / "gamma_market_nfl_moneyline_trimmed.json"
    recorded = json.loads(path.read_text())
    row = recorded[0] if isinstance(recorded, list) else recorded
    (first, *_) = ask(url, "/markets")

    assert set(row) <= set(first)
