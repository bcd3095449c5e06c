"""Whales of the sandbox: what they did before it began, what they do now, and who leads."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from sandbox.crowd import WHALES
from sandbox.exchanges import Sandbox
from sandbox.games import GAME
from sandbox.history import DAYS
from sandbox.polymarket.rows import Settlement
from sandbox.serving import serving
from sandbox.world import FIRST_GAME

START = datetime(2026, 11, 21, 18, tzinfo=UTC)


@pytest.fixture
def made() -> Sandbox:
    return Sandbox(seed=1, start=START, speed=0)


@pytest.fixture
def url(made):
    with serving(made.apps()["polymarket"]) as address:
        yield address


def ask(url: str, path: str, **query):
    return httpx.get(url + path, params=query).json()


def test_the_past_is_settled_and_in_order_of_time(made):
    trades = made.polymarket.exchange.trades

    assert [trade.at for trade in trades] == sorted(trade.at for trade in trades)
    assert all(trade.market.payout is not None for trade in trades)
    assert all(trade.status is Settlement.CONFIRMED for trade in trades)
    assert trades[0].at >= START - timedelta(days=DAYS + 1)
    assert trades[-1].at < START


def test_a_day_of_the_past_is_the_same_whenever_the_sandbox_starts(made):
    later = Sandbox(seed=1, start=START + timedelta(days=3, hours=5), speed=0)
    first = {trade.transaction for trade in made.polymarket.exchange.trades}
    second = {trade.transaction for trade in later.polymarket.exchange.trades}

    assert len(first & second) > 0.9 * len(first)
    games = {game.polymarket.condition for game in made.world.games}
    assert games.isdisjoint(game.polymarket.condition for game in later.world.games)


def test_the_leaderboard_ranks_skill_over_the_whole_past(made, url):
    board = ask(url, "/v2/leaderboard", time_period="all")["data"]
    names = [row["user_name"] for row in board]

    assert sorted(names) == sorted(whale.name for whale in WHALES)
    assert [row["rank"] for row in board] == list(range(1, len(WHALES) + 1))
    assert [row["pnl"] for row in board] == sorted((row["pnl"] for row in board), reverse=True)
    assert names.index("steady-heron") < names.index("coin-tosser")
    assert not any(row["user_id"] == made.polymarket.exchange.house for row in board)
    by_volume = ask(url, "/v2/leaderboard", time_period="all", sort_by="VOLUME")["data"]
    assert by_volume[0]["volume"] == max(row["volume"] for row in board)


@pytest.mark.parametrize("query", [{"time_period": "year"}, {"sort_by": "LUCK"}])
def test_a_leaderboard_that_does_not_exist_is_named(url, query):
    answer = ask(url, "/v2/leaderboard", **query)

    assert answer["code"] == "INVALID_PARAMETER"
    assert answer["parameter"] in query


def test_recorded_keys_of_the_leaderboard_are_there(shared, url):
    import json

    recorded = json.loads(
        (shared / "fixtures" / "polymarket" / "datav2_leaderboard.json").read_text()
    )
    row = ask(url, "/v2/leaderboard", time_period="all")["data"][0]

    assert set(row) == set(recorded[0])
    assert {name: type(cell) for name, cell in row.items()} == {
        name: type(cell) for name, cell in recorded[0].items()
    }


def test_whales_bet_redeem_and_never_owe_more_than_they_have(made):
    before = len(made.polymarket.exchange.trades)
    made.world.advance(START + FIRST_GAME + GAME + timedelta(seconds=30))
    exchange = made.polymarket.exchange
    addresses = {whale.address for whale in WHALES}
    new = exchange.trades[before:]

    assert {trade.taker.order.wallet.address for trade in new} <= addresses
    assert any(not trade.taker.order.buy for trade in new)  # they sell too
    assert all(exchange.wallets[address].cash > 0 for address in addresses)
    ended = {game.polymarket.condition for game in made.world.ended}
    assert ended
    held = {
        exchange.by_token[token].condition
        for address in addresses
        for token, shares in exchange.wallets[address].shares.items()
        if shares
    }
    assert held.isdisjoint(ended)  # what was won is redeemed


def test_the_world_never_runs_out_of_games_and_remembers_little_of_the_house(made):
    made.world.advance(START + timedelta(minutes=25))

    assert len(made.world.games) == 6
    assert made.world.ended
    assert len(made.kalshi.exchange.members[made.polymarket.exchange.house].orders) < 1500
    slugs = [market.slug for market in made.polymarket.exchange.markets.values()]
    live = [game.polymarket.slug for game in [*made.world.ended, *made.world.games]]
    assert len(set(live)) == len(live)
    assert set(live) <= set(slugs)
