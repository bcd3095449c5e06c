"""Every answer of Kalshi's sandbox fits the exchange's OpenAPI file and its recordings."""

import json
from datetime import timedelta
from decimal import Decimal

import pytest

from sandbox.kalshi import life
from tests.sandbox.kalshi_world import AWAY, HOME, SHARD, KalshiWorld
from tests.sandbox.openapi import assert_conforms


@pytest.fixture
def spec(shared):
    return shared / "fixtures" / "kalshi" / "spec" / "openapi-3.34.0.yaml"


@pytest.fixture
def lived() -> KalshiWorld:
    """A world in which orders rest, fill, were canceled, and one market is settled."""
    world = KalshiWorld()
    world.order("alice", "ask", "0.60")
    world.order("alice", "bid", "0.50")
    world.order("bob", "bid", "0.60", "4.00")
    world.order("alice", "ask", "0.40", ticker=AWAY)
    world.order("bob", "bid", "0.40", ticker=AWAY)
    life.settle(world.exchange, AWAY, value=Decimal("0.5"), now=world.clock.now())
    (series,) = world.exchange.series.values()
    (event,) = world.exchange.events.values()
    now = world.clock.now()
    life.announce_fees(world.exchange, series, at=now, multiplier=Decimal("0.5"))
    life.announce_fees(world.exchange, series, at=now + timedelta(days=3), multiplier=Decimal(1))
    life.announce_fees(world.exchange, series, event=event, at=now, multiplier=Decimal("0.25"))
    return world


READS = [
    ("", "/exchange/status", {}),
    ("", "/exchange/schedule", {}),
    ("", "/exchange/user_data_timestamp", {}),
    ("", "/series", {}),
    ("", "/series/KXNBAGAME", {}),
    ("", "/series/fee_changes", {}),
    ("", "/events/fee_changes", {}),
    ("", "/series/fee_changes", {"show_historical": "true"}),
    ("", "/milestones", {"limit": 5, "type": "basketball_game"}),
    ("", "/milestones", {}),
    ("", "/milestones/none", {}),
    ("", "/structured_targets", {"page_size": 5}),
    ("", "/structured_targets/00000000-0000-4000-8000-000000000001", {}),
    ("", "/structured_targets/none", {}),
    ("", "/events", {"with_nested_markets": "true"}),
    ("", "/events", {"status": "open", "series_ticker": "KXNBAGAME"}),
    ("", "/events/KXNBAGAME-26OCT20OKCSAS", {}),
    ("", "/events/KXNBAGAME-26OCT20OKCSAS", {"with_nested_markets": "true"}),
    ("", "/events/NONE", {}),
    ("", "/markets", {"status": "settled"}),
    ("", "/markets", {"limit": 1001}),
    ("", f"/markets/{HOME}", {}),
    ("", "/markets/NONE", {}),
    ("", f"/markets/{HOME}/orderbook", {"depth": 3}),
    ("", "/markets/orderbooks", {"tickers": HOME}),
    ("", "/markets/trades", {"ticker": HOME}),
    ("", "/account/endpoint_costs", {}),
    ("alice", "/account/limits", {}),
    ("alice", "/portfolio/balance", {}),
    ("alice", "/portfolio/orders", {"status": "resting"}),
    ("bob", "/portfolio/fills", {}),
    ("bob", "/portfolio/positions", {}),
    ("bob", "/portfolio/settlements", {}),
]


@pytest.mark.parametrize(("name", "path", "query"), READS)
def test_a_read_fits(spec, lived, name, path, query):
    assert_conforms(spec, "GET", lived.call(name, "GET", path, **query))


def test_writes_fit(spec, lived):
    path = "/portfolio/events/orders"
    rest = lived.order("alice", "bid", "0.30")
    order_id = rest.json()["order_id"]
    assert_conforms(spec, "POST", rest)
    assert_conforms(spec, "POST", lived.order("bob", "bid", "0.60", "1.00"))
    assert_conforms(spec, "POST", lived.order("bob", "bid", "0.60", time_in_force="fill_or_kill"))
    assert_conforms(spec, "POST", lived.order("bob", "bid", "0.605"))
    assert_conforms(spec, "GET", lived.call("alice", "GET", f"/portfolio/orders/{order_id}"))
    body = {"ticker": HOME, "side": "bid", "price": "0.31", "count": "12.00"}
    assert_conforms(spec, "POST", lived.call("alice", "POST", f"{path}/{order_id}/amend", body))
    less = {"reduce_by": "1.00"}
    assert_conforms(spec, "POST", lived.call("alice", "POST", f"{path}/{order_id}/decrease", less))
    assert_conforms(spec, "DELETE", lived.call("alice", "DELETE", f"{path}/{order_id}"))
    assert_conforms(spec, "DELETE", lived.call("alice", "DELETE", f"{path}/{order_id}"))
    one = {
        "ticker": HOME,
        "side": "bid",
        "price": "0.20",
        "count": "1.00",
        "time_in_force": "good_till_canceled",
        "self_trade_prevention_type": "taker_at_cross",
    }
    both = lived.call("bob", "POST", f"{path}/batched", {"orders": [one, {**one, "price": "2"}]})
    assert_conforms(spec, "POST", both)
    assert [("error" in row) for row in both.json()["orders"]] == [False, True]
    gone = {"orders": [{"order_id": both.json()["orders"][0]["order_id"]}, {"order_id": "none"}]}
    assert_conforms(spec, "DELETE", lived.call("bob", "DELETE", f"{path}/batched", gone))
    assert_conforms(spec, "DELETE", lived.call("bob", "DELETE", path))
    assert_conforms(spec, "GET", lived.send("GET", "/portfolio/balance", {}))
    move = {
        "source": "event_contract",
        "destination": "event_contract",
        "amount": 10_000,
        "source_exchange_shard": SHARD,
        "destination_exchange_shard": 0,
    }
    transfer = "/portfolio/intra_exchange_instance_transfer"
    assert_conforms(spec, "POST", lived.call("bob", "POST", transfer, move))


def kinds(found: object) -> object:
    """Return the shape of an answer: its keys and the types under them."""
    if isinstance(found, dict):
        return {name: kinds(value) for name, value in found.items()}
    if isinstance(found, list):
        return [kinds(found[0])] if found else []
    return "number" if isinstance(found, int | float) else type(found).__name__


RECORDED = [
    ("demo__auth__balance_ok.json", "alice", "/portfolio/balance", {}),
    ("demo__fills__after_taker.json", "bob", "/portfolio/fills", {}),
    ("demo__portfolio__positions.json", "bob", "/portfolio/positions", {}),
    ("prod_nfl__orderbook_depth3.json", "", f"/markets/{HOME}/orderbook", {}),
    ("prod_nfl__trades_page.json", "", "/markets/trades", {"ticker": HOME}),
    ("prod_nfl__series.json", "", "/series/KXNBAGAME", {}),
    ("prod__exchange_status_sharded.json", "", "/exchange/status", {}),
    (
        "prod_nfl__event_nested_markets.json",
        "",
        "/events/KXNBAGAME-26OCT20OKCSAS",
        {"with_nested_markets": "true"},
    ),
]
# What the recordings carry that a sandbox leaves out: optional in the spec, and nobody reads it.
LEFT_OUT = {
    "product_metadata",
    "volume_fp",
    "last_updated_ts",
    "strike_date",
    "strike_period",
    "resting_orders_count",
    "primary_participant_key",
    "subtitle",
    "markets",
    "fee_waiver_expiration_time",
    "functional_strike",
    "cap_strike",
    "floor_strike",
}


@pytest.mark.parametrize(("file", "name", "path", "query"), RECORDED)
def test_an_answer_has_the_recorded_keys_and_types(shared, lived, file, name, path, query):
    recorded = json.loads((shared / "fixtures" / "kalshi" / file).read_text())
    answer = lived.call(name, "GET", path, **query).json()

    missing = sorted(_missing(kinds(recorded), kinds(answer), ""))

    assert not missing


def _missing(recorded: object, answered: object, at: str) -> set[str]:
    if isinstance(recorded, dict):
        if not isinstance(answered, dict):
            return {f"{at}: {answered} instead of an object"}
        found = set()
        for name, kind in recorded.items():
            if name in LEFT_OUT or name.startswith("_"):
                continue
            if name not in answered:
                found.add(f"{at}/{name}")
            else:
                found |= _missing(kind, answered[name], f"{at}/{name}")
        return found
    if isinstance(recorded, list) and isinstance(answered, list):
        return _missing(recorded[0], answered[0], at + "[]") if recorded and answered else set()
    if "NoneType" in (recorded, answered) or at.endswith("custom_strike"):
        return set()
    return set() if recorded == answered else {f"{at}: {answered} instead of {recorded}"}
