"""Every kind of answer that was recorded from Polymarket: the sandbox's has its keys and types.

A deviation is a key that the sandbox leaves out, or tells in another type, on purpose.
"""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest

from sandbox.exchanges import Sandbox
from sandbox.polymarket import orders, wire
from sandbox.polymarket.server import Call
from sandbox.polymarket.stream import MarketSession, UserSession
from sandbox.serving import serving
from tests.sandbox.polymarket_world import V3, YES, PolymarketWorld
from tests.sandbox.test_polymarket import buy, wait

START = datetime(2026, 11, 21, 18, tzinfo=UTC)
PICTURES = {"icon", "image", "profile_image", "profile_image_optimized", "bio", "pseudonym"}


def differences(recorded: Any, found: Any, path: str = "") -> set[str]:
    """Return the paths of keys that are missing or of another type; null fits every type."""
    if recorded is None or found is None:
        return set()
    if isinstance(recorded, dict):
        if not isinstance(found, dict):
            return {path or "."}
        return {
            each
            for name, value in recorded.items()
            if not name.startswith("_")
            for each in (
                differences(value, found[name], f"{path}.{name}".strip("."))
                if name in found
                else {f"{path}.{name}".strip(".")}
            )
        }
    if isinstance(recorded, list):
        if not isinstance(found, list):
            return {path or "."}
        if not recorded or not found:
            return set()
        return differences(recorded[0], found[0], f"{path}[]")
    number = (int, float)
    same = isinstance(found, type(recorded)) or (
        isinstance(recorded, number) and isinstance(found, number) and not isinstance(found, bool)
    )
    return set() if same else {path or "."}


def recorded(shared: Any, name: str) -> Any:
    return json.loads((shared / "fixtures" / "polymarket" / f"{name}.json").read_text())


@pytest.fixture(scope="module")
def catalogue():
    """What the invented world answers over HTTP, with its games, whales and their past."""
    made = Sandbox(seed=1, start=START, speed=0)
    made.world.advance(START + timedelta(minutes=2))
    with serving(made.apps()["polymarket"]) as url:
        yield answers(url, made)


def ask(url: str, path: str, **query: Any) -> Any:
    answer = httpx.get(url + path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def answers(url: str, made: Sandbox) -> dict[str, Any]:
    """Return the sandbox's answer for each kind of public request that was recorded."""
    game = made.world.games[0].polymarket
    whale = made.world.crowd.wallets[0]
    token, slug = game.tokens[0], game.slug
    body = [{"token_id": token}]
    return {
        "nt_clob_book_response": ask(url, "/book", token_id=token),
        "ntpy_http_responses_book": ask(url, "/book", token_id=token),
        "clob_market_info_v1": ask(url, f"/clob-markets/{game.condition}"),
        "jkorf_midpoint": ask(url, "/midpoint", token_id=token),
        "jkorf_spreads": httpx.post(f"{url}/spreads", json=body).json(),
        "jkorf_prices_history": ask(url, "/prices-history", market=token, interval="max"),
        "nt_clob_fee_rate_response_nonzero": ask(url, "/fee-rate", token_id=token),
        "datav2_trades": ask(url, "/v2/trades", user=whale)["data"],
        "datav2_activity": ask(url, "/v2/activity", user=whale)["data"],
        "datav2_positions": ask(url, "/v2/positions", user=whale)["data"],
        "datav2_resolutions": ask(url, "/v2/resolutions", limit=1)["data"],
        "datav2_leaderboard": ask(url, "/v2/leaderboard", time_period="all")["data"],
        "datav1_activity_nba_nhl": ask(url, "/activity", user=whale),
        "datav1_positions_nba_nhl": ask(url, "/positions", user=whale),
        "nt_data_api_trades_response": ask(url, "/trades", user=whale),
        "nt_data_api_positions_response": ask(url, "/positions", user=whale),
        "gamma_event_mlb_game_full": ask(url, f"/events/slug/{slug}"),
        "gamma_events_live_nhl_mlb_trimmed": ask(url, "/events"),
        "nt_gamma_market_sports_market_money_line": ask(url, f"/markets/slug/{slug}"),
        "gamma_sport_nba": ask(url, "/sports")[0],
        "nt_gamma_tags": ask(url, "/tags"),
        "nt_search_response": ask(url, "/public-search", q=game.question.split()[0]),
    }


# What is told otherwise, or left out, and why.
DEVIATIONS: dict[str, set[str]] = {
    # The tokens that were asked for are the keys.
    "jkorf_spreads": {"0987654321", "1234567890"},
    # One recording has text; the official clients read a number.
    "nt_clob_fee_rate_response_nonzero": {"base_fee"},
    # What others write about a game.
    "gamma_event_mlb_game_full": {
        f"eventMetadata.{name}"
        for name in (
            *("context_requires_regen", "opticOddsFixtureId", "opticOddsGameId"),
            "opticOddsNumericalId",
        )
    },
    "nt_gamma_market_sports_market_money_line": {
        f"events[].eventMetadata.{name}"
        for name in (
            *("context_description", "context_requires_regen", "context_updated_at"),
            *("league", "leagueTier", "tournament"),
        )
    },
}
KINDS = [
    *("nt_clob_book_response", "ntpy_http_responses_book", "clob_market_info_v1"),
    *("jkorf_midpoint", "jkorf_spreads", "jkorf_prices_history"),
    *("nt_clob_fee_rate_response_nonzero", "datav2_trades", "datav2_activity"),
    *("datav2_positions", "datav2_resolutions", "datav2_leaderboard"),
    *("datav1_activity_nba_nhl", "datav1_positions_nba_nhl", "nt_data_api_trades_response"),
    *("nt_data_api_positions_response", "gamma_event_mlb_game_full"),
    *("gamma_events_live_nhl_mlb_trimmed", "nt_gamma_market_sports_market_money_line"),
    *("gamma_sport_nba", "nt_gamma_tags", "nt_search_response"),
]


@pytest.mark.parametrize("name", KINDS)
def test_a_public_answer_has_the_recorded_keys_and_types(shared, catalogue, name):
    assert deviations(recorded(shared, name), catalogue[name]) == DEVIATIONS.get(name, set())


def deviations(before: Any, found: Any) -> set[str]:
    """Return what differs, pictures and the words under them left out; a list stands for its first
    entry.
    """
    if isinstance(before, list) and isinstance(found, dict):
        before = before[0]
    missing = differences(before, found)
    return {path for path in missing if path.rpartition(".")[2] not in PICTURES}


@pytest.fixture
def traded() -> PolymarketWorld:
    world = PolymarketWorld(speed=0)
    world.quote(YES, "0.55", "30")
    buy(world, "0.60", "10")
    return world


def test_a_book_of_the_newer_protocol_has_its_version(shared):
    world = PolymarketWorld(speed=0)
    world.quote(V3, "0.55", "30")
    found = wire.book(world.exchange.by_token[V3], V3, at=world.clock.now())
    info = wire.compact(world.exchange.by_token[V3])

    assert deviations(recorded(shared, "clob_book_protocol_v2"), found) == set()
    assert deviations(recorded(shared, "clob_market_info_v2"), info) == set()


@pytest.mark.parametrize(
    "name", ["nt_http_open_order", "nt_http_open_order_sell_fok", "jkorf_get_order"]
)
def test_an_order_has_the_recorded_keys(shared, traded, name):
    rests = buy(traded, "0.50", "10")

    assert deviations(recorded(shared, name), wire.open_order(rests)) == set()


@pytest.mark.parametrize("name", ["nt_http_trade_report", "nt_http_trades_page"])
def test_a_trade_has_the_recorded_keys(shared, traded, name):
    (trade,) = traded.exchange.trades
    before = recorded(shared, name)
    found = wire.trade(trade, key="mine")

    assert deviations(before.get("data", [before])[0], found) == set()


@pytest.mark.parametrize("name", ["nt_http_order_response_ok", "jkorf_place_order_live"])
def test_a_placed_order_is_answered_as_recorded(shared, traded, name):
    rests = buy(traded, "0.50", "10")

    assert deviations(recorded(shared, name), wire.posted(rests)) == set()


MARKET_FRAMES = {
    "book": ["nt_ws_market_book_msg", "nt_ws_book_snapshot", "ntpy_ws_messages_book"],
    "price_change": ["nt_ws_market_price_change_msg", "ntpy_ws_messages_price_change_v2"],
    "last_trade_price": ["nt_ws_market_last_trade_msg", "ntpy_ws_messages_last_trade_price"],
    "tick_size_change": ["nt_ws_market_tick_size_msg", "ntpy_ws_messages_tick_size_change"],
    "market_resolved": ["nt_ws_market_resolved_msg"],
    "best_bid_ask": ["nt_ws_market_best_bid_ask_msg"],
}


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind, names in MARKET_FRAMES.items() for name in names]
)
def test_a_frame_of_a_market_has_the_recorded_keys(shared, kind, name):
    world = PolymarketWorld(speed=0)
    session = MarketSession(world.exchange)
    frames = session.command(
        {"assets_ids": [YES], "custom_feature_enabled": True}, now=world.clock.now()
    )
    world.quote(YES, "0.50", "30", buy=True)
    world.quote(YES, "0.97", "30")
    buy(world, "0.97", "10")
    frames += session.happened(now=world.clock.now())
    payout = (Decimal(1), Decimal(0))
    world.exchange.resolve(world.market.condition, payout, now=world.clock.now())
    frames += session.happened(now=world.clock.now())
    found = next(frame for frame in frames if frame["event_type"] == kind)

    assert deviations(recorded(shared, name), found) == set()


USER_FRAMES = [
    *("nt_ws_user_order_msg", "nt_ws_user_order_placement", "nt_ws_user_order_update"),
    *("nt_ws_user_order_cancellation", "nt_ws_user_trade_msg", "nt_ws_user_trade"),
    *("jkorf_ws_user_order_placement", "jkorf_ws_user_trade", "ntpy_ws_messages_user_trade1"),
]


@pytest.mark.parametrize("name", USER_FRAMES)
def test_a_frame_of_ones_own_has_the_recorded_keys(shared, name):
    world = PolymarketWorld(speed=0)
    session = UserSession(world.exchange, "mine")
    world.exchange.log.listen(session.note)
    world.quote(YES, "0.55", "30")
    buy(world, "0.60", "10")
    wait(world, 20)
    frames = session.happened(now=world.clock.now())
    before = recorded(shared, name)
    kind = before.get("event_type") or ("trade" if before["type"] == "TRADE" else "order")
    found = next(frame for frame in frames if frame["event_type"] == kind)

    assert deviations(before, found) == set()


def call(world: PolymarketWorld, body: Any = None, **query: str) -> Call:
    """Return a call of the owner of the world's key, as a route hands it on."""
    key = world.exchange.key_for(world.owner, 0)
    return Call(
        clob=world.clob,
        key=key,
        now=world.clock.now(),
        path={},
        query=query,
        headers={},
        body=json.dumps(body).encode(),
    )


def test_cancels_balances_pages_and_beats_are_answered_as_recorded(shared):
    world = PolymarketWorld(speed=0)
    key = world.exchange.key_for(world.owner, 0).key
    first, second = buy(world, "0.50", "10", key=key), buy(world, "0.49", "10", key=key)
    found = {
        "nt_http_open_orders_page": orders.open_orders(call(world)),
        "nt_http_trades_page": orders.trades(call(world)),
        "nt_http_cancel_response_ok": orders.cancel_order(call(world, {"orderID": first.order_id})),
        "nt_http_cancel_response_failed": orders.cancel_order(call(world, {"orderID": "0x1"})),
        "nt_http_batch_cancel_response": orders.cancel_orders(
            call(world, [second.order_id, "0x1"])
        ),
        "jkorf_cancel_order": orders.cancel_all(call(world)),
        "nt_http_balance_allowance_collateral": orders.balance(
            call(world, asset_type="COLLATERAL", signature_type="0")
        ),
    }
    differs = {name: deviations(recorded(shared, name), each) for name, each in found.items()}
    beat = orders.heartbeat(call(world, {"heartbeat_id": ""}))

    # One allowance for each contract, as the official clients read it, not one for all.
    assert differs.pop("nt_http_balance_allowance_collateral") == {"allowance"}
    wrong = {
        path
        for each in differs.values()
        for path in each
        if not path.startswith("not_canceled.")  # the ids that were asked for are the keys
    }
    assert not wrong
    before = recorded(shared, "docs_heartbeat")["bootstrap_response"]
    assert deviations(before, beat) == set()
