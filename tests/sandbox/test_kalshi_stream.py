"""Kalshi's websocket: snapshots, deltas, sequence numbers, and one's own fills and orders."""

import asyncio
import json
from decimal import Decimal

import pytest
import websockets
import yaml
from jsonschema import Draft202012Validator

from sandbox.kalshi import life
from sandbox.kalshi.stream import Session
from sandbox.serving import serving
from tests.sandbox.kalshi_world import AWAY, HOME, KalshiWorld

PATH = "/trade-api/ws/v2"


@pytest.fixture
def world() -> KalshiWorld:
    return KalshiWorld()


def session(world: KalshiWorld, name: str = "bob") -> Session:
    made = Session(world.exchange, name)
    world.exchange.log.listen(made.note)
    return made


def subscribe(world, made, *channels, **params):
    row = {"id": 1, "cmd": "subscribe", "params": {"channels": list(channels), **params}}
    return made.command(row, now=world.clock.now())


def news(world, made):
    return made.happened(now=world.clock.now())


def test_a_snapshot_and_its_deltas_add_up_to_the_book(world):
    world.order("alice", "ask", "0.60")
    made = session(world)
    frames = subscribe(world, made, "orderbook_delta", market_tickers=[HOME])
    book = {
        (side, price): float(count)
        for side in ("yes", "no")
        for price, count in frames[1]["msg"].get(f"{side}_dollars_fp", [])
    }
    assert "yes_dollars_fp" not in frames[1]["msg"]  # an empty side has no key
    world.order("alice", "bid", "0.50")
    frames += news(world, made)
    world.order("bob", "bid", "0.60", "4.00")
    world.order("alice", "ask", "0.58", "2.00")
    frames += news(world, made)
    for frame in frames[2:]:
        told = frame["msg"]
        key = (told["side"], told["price_dollars"])
        book[key] = book.get(key, 0) + float(told["delta_fp"])

    assert {key: count for key, count in book.items() if count} == {
        ("no", "0.4000"): 6.0,
        ("no", "0.4200"): 2.0,
        ("yes", "0.5000"): 10.0,
    }
    assert [frame["seq"] for frame in frames[1:]] == list(range(1, len(frames)))


def test_the_no_side_is_quoted_in_yes_prices_when_asked(world):
    world.order("alice", "ask", "0.60")
    made = session(world)
    frames = subscribe(world, made, "orderbook_delta", market_ticker=HOME, use_yes_price=True)

    assert frames[1]["msg"]["no_dollars_fp"] == [["0.6000", "10.00"]]


def test_ones_own_fills_and_orders_are_told_and_nobody_elses(world):
    mine, other = session(world, "bob"), session(world, "alice")
    for made in (mine, other):
        subscribe(world, made, "fill", "user_orders", "trade")
    world.order("alice", "ask", "0.60")
    world.order("bob", "bid", "0.60", "4.00", client_order_id="mine")

    told = news(world, mine)
    fills = [frame["msg"] for frame in told if frame["type"] == "fill"]
    assert [row["client_order_id"] for row in fills] == ["mine"]
    assert fills[0]["post_position_fp"] == "4.00"
    assert {f["msg"]["user_id"] for f in told if f["type"] == "user_order"} == {"bob"}
    assert sum(frame["type"] == "trade" for frame in told) == 1
    fills = [frame["msg"] for frame in news(world, other) if frame["type"] == "fill"]
    assert [row["is_taker"] for row in fills] == [False]


def test_commands_are_answered_and_mistakes_told(world):
    made = session(world)
    assert subscribe(world, made, "orderbook_delta")[0]["msg"]["code"] == 9
    assert subscribe(world, made, "gossip")[0]["msg"]["code"] == 8
    assert made.command("rubbish", now=world.clock.now())[0]["type"] == "error"
    subscribe(world, made, "orderbook_delta", market_ticker=HOME)
    more = {"id": 2, "cmd": "update_subscription"}
    added = made.command(
        {**more, "params": {"sid": 1, "action": "add_markets", "market_tickers": [AWAY]}},
        now=world.clock.now(),
    )
    assert added[0]["msg"] == {"market_tickers": [AWAY, HOME]}
    assert added[1]["type"] == "orderbook_snapshot"
    listed = made.command({"id": 3, "cmd": "list_subscriptions"}, now=world.clock.now())
    assert listed[0]["msg"] == [{"channel": "orderbook_delta", "sid": 1}]
    gone = made.command(
        {"id": 4, "cmd": "unsubscribe", "params": {"sids": [1, 9]}}, now=world.clock.now()
    )
    assert [frame["type"] for frame in gone] == ["unsubscribed", "error"]


def test_a_connection_needs_a_signature_and_then_streams(world):
    async def talk(url: str) -> list[dict]:
        address = url.replace("http", "ws") + PATH
        with pytest.raises(websockets.InvalidStatus):
            await websockets.connect(address)
        headers = world.headers("bob", "GET", PATH)
        async with websockets.connect(address, additional_headers=headers) as socket:
            params = {"channels": ["orderbook_delta"], "market_ticker": HOME}
            await socket.send(json.dumps({"id": 1, "cmd": "subscribe", "params": params}))
            frames = [json.loads(await socket.recv()) for _ in range(2)]
            await asyncio.to_thread(place, url)
            frames.append(json.loads(await asyncio.wait_for(socket.recv(), 5)))
        return frames

    def place(url: str) -> None:
        import httpx

        path = "/trade-api/v2/portfolio/events/orders"
        body = {
            "ticker": HOME,
            "side": "bid",
            "price": "0.50",
            "count": "3.00",
            "time_in_force": "good_till_canceled",
            "self_trade_prevention_type": "maker",
        }
        httpx.post(url + path, json=body, headers=world.headers("alice", "POST", path))

    with serving(world.app) as url:
        frames = asyncio.run(talk(url))

    assert [frame["type"] for frame in frames] == [
        "subscribed",
        "orderbook_snapshot",
        "orderbook_delta",
    ]
    assert frames[2]["msg"]["delta_fp"] == "3.00"


def test_every_frame_fits_the_asyncapi_file(shared, world):
    path = shared / "fixtures" / "kalshi" / "spec" / "asyncapi-2.0.0.yaml"
    schemas = yaml.safe_load(path.read_text())["components"]["schemas"]
    made = session(world)
    world.order("alice", "ask", "0.60")
    frames = subscribe(
        world,
        made,
        *("orderbook_delta", "trade", "fill", "user_orders", "ticker", "market_positions"),
        market_tickers=[HOME],
    )
    frames += subscribe(world, made, "market_lifecycle_v2")
    world.order("bob", "bid", "0.60", "4.00")
    (series,), (event,) = world.exchange.series.values(), world.exchange.events.values()
    life.announce_fees(
        world.exchange, series, event=event, at=world.clock.now(), multiplier=Decimal(2)
    )
    life.expire(world.exchange, now=world.clock.now())
    frames += news(world, made)
    names = {
        "subscribed": "subscribedResponsePayload",
        "orderbook_snapshot": "orderbookSnapshotPayload",
        "orderbook_delta": "orderbookDeltaPayload",
        "trade": "tradePayload",
        "fill": "fillPayload",
        "user_order": "userOrderPayload",
        "ticker": "tickerPayload",
        "market_position": "marketPositionPayload",
        "event_fee_update": "eventFeeUpdatePayload",
    }
    assert {frame["type"] for frame in frames} == set(names)
    for frame in frames:
        schema = {**schemas[names[frame["type"]]], "components": {"schemas": schemas}}
        problems = [
            error.message[:200] for error in Draft202012Validator(schema).iter_errors(frame)
        ]
        assert not problems, (frame["type"], problems)


def test_a_ticker_is_told_when_it_changes_and_a_position_to_its_owner(world):
    made, other = session(world), session(world, "alice")
    first = subscribe(world, made, "ticker", market_tickers=[HOME], send_initial_snapshot=True)
    subscribe(world, made, "market_positions")
    subscribe(world, other, "market_positions", market_tickers=[AWAY])
    world.order("alice", "ask", "0.60")
    rests = news(world, made)
    world.order("bob", "bid", "0.60", "4.00")
    traded = news(world, made)
    world.order("alice", "ask", "0.60", ticker=AWAY)

    assert first[1]["msg"]["yes_ask_dollars"] == "1.0000"  # an empty side
    (ticker,) = rests
    assert (ticker["msg"]["yes_ask_dollars"], ticker["msg"]["yes_ask_size_fp"]) == (
        "0.6000",
        "10.00",
    )
    kinds = {frame["type"]: frame["msg"] for frame in traded}
    assert kinds["market_position"]["position_fp"] == "4.00"
    assert kinds["ticker"]["last_trade_size_fp"] == "4.00"
    assert news(world, other) == []  # of a market that it did not name
    assert news(world, made) == []  # nothing of its market changed
