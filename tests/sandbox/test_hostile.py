"""Bytes that nobody should send: each is refused, and none breaks a later answer."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import websockets

from sandbox.exchanges import Sandbox
from sandbox.kalshi.server import ROOT
from sandbox.serving import serving
from tests.sandbox.kalshi_world import HOME, KalshiWorld

START = datetime(2026, 11, 21, 18, tzinfo=UTC)
DEEP = "[" * 100_000
LONG = "9" * 5000


@pytest.fixture(scope="module")
def urls():
    apps = Sandbox(seed=1, start=START, speed=0).apps()
    with (
        serving(apps["polymarket"]) as polymarket,
        serving(apps["kalshi"]) as kalshi,
        serving(apps["oracle"]) as oracle,
    ):
        yield {"polymarket": polymarket, "kalshi": kalshi, "oracle": oracle}


@pytest.mark.parametrize(
    ("venue", "method", "path", "body"),
    [
        *(
            ("polymarket", "POST", path, body)
            for path in ("/books", "/midpoints", "/spreads", "/submit", "/rpc")
            for body in (b"5", b"null", b"{", DEEP.encode(), b'["\\ud800"]', b"\xff\xfe")
        ),
        *(
            ("oracle", "POST", "/oracle/judge", body)
            for body in (
                DEEP.encode(),
                b'{"limits": {"a": "NaN"}}',
                b'{"fills": 5}',
                b'{"intents": {"a": 5}}',
            )
        ),
        *(
            ("polymarket", "GET", path, b"")
            for path in (
                f"/v2/trades?limit={LONG}",
                f"/trades?offset={LONG}",
                f"/v2/trades?user=x&start={LONG}",
                f"/events?offset={LONG}",
                f"/markets/keyset?after_cursor={LONG}",
                "/markets?order=nonsense",
                "/v2/leaderboard?time_period=%00",
            )
        ),
        *(
            ("kalshi", "GET", ROOT + path, b"")
            for path in (
                f"/markets?limit={LONG}",
                f"/milestones?limit={LONG}",
                "/milestones?limit=5&minimum_start_date=%F0%9F%98%80",
                f"/markets/trades?min_ts={LONG}",
            )
        ),
        ("oracle", "GET", f"/oracle/events?after={LONG}", b""),
    ],
)
def test_it_is_answered_below_500(urls, venue, method, path, body):
    answer = httpx.request(method, urls[venue] + path, content=body)

    assert answer.status_code < 500
    assert httpx.get(urls["oracle"] + "/oracle").status_code == 200


@pytest.mark.parametrize(
    "header", ["POLY_SIGNATURE", "POLY_PASSPHRASE", "POLY_NONCE", "POLY_API_KEY"]
)
def test_headers_in_no_language_are_refused(urls, header):
    answer = httpx.post(
        urls["polymarket"] + "/order", content=b"{}", headers={header: "é\xff".encode("latin-1")}
    )

    assert answer.status_code in (400, 401)


@pytest.mark.parametrize(
    "changed",
    [
        {"client_order_id": "\ud800"},
        {"client_order_id": "x" * 65},
        {"client_order_id": "a b"},
        {"count": "1e40"},
        {"count": "1_0"},
        {"count": "١"},
        {"count": " 1 "},
        {"count": "NaN"},
        {"price": "0.5e0"},
        {"expiration_time": 2**61},
        {"expiration_time": -5},
        {"side": []},
        {"ticker": "\ud800"},
    ],
)
def test_an_order_with_such_a_field_is_refused_and_harms_nobody(changed):
    world = KalshiWorld()
    path = "/portfolio/events/orders"
    body = {
        "ticker": HOME,
        "side": "bid",
        "price": "0.50",
        "count": "1.00",
        "time_in_force": "good_till_canceled",
        "self_trade_prevention_type": "taker_at_cross",
    }
    answer = world.call("alice", "POST", path, {**body, **changed})
    after = world.order("alice", "bid", "0.50")

    assert answer.status_code == 400
    assert after.status_code == 201
    assert world.call("alice", "GET", "/portfolio/orders").status_code == 200


@pytest.mark.parametrize(
    ("venue", "path"),
    [("polymarket", "/ws/market"), ("polymarket", "/"), ("polymarket", "/rpc")],
)
def test_a_websocket_outlives_what_it_cannot_read(urls, venue, path):
    garbage: list[Any] = [
        DEEP,
        "5",
        "null",
        '{"assets_ids": 5}',
        '{"action": "subscribe", "subscriptions": [[1]]}',
        '{"method": "eth_subscribe", "params": {"a": 1}}',
        '{"method": "eth_unsubscribe", "params": 5}',
        '{"channels": 5}',
    ]

    async def talk() -> str:
        async with websockets.connect(urls[venue].replace("http", "ws") + path) as socket:
            for each in garbage:
                await socket.send(each)
            if path == "/rpc":
                await socket.send('{"jsonrpc":"2.0","id":9,"method":"eth_chainId","params":[]}')
                while (said := json.loads(await socket.recv())).get("id") != 9:
                    pass
                return said["result"]
            await socket.send("PING")
            while (said := await socket.recv()) != "PONG":
                pass
            return said

    assert asyncio.run(asyncio.wait_for(talk(), 20)) in ("PONG", "0x89")


def test_subscriptions_never_share_a_name(urls):
    async def talk() -> list[str]:
        async with websockets.connect(urls["polymarket"].replace("http", "ws") + "/rpc") as socket:
            names = []
            for number in range(3):
                call = {"id": number, "method": "eth_subscribe", "params": ["logs", {}]}
                await socket.send(json.dumps(call))
                names.append(json.loads(await socket.recv())["result"])
                if number == 1:
                    gone = {"id": 7, "method": "eth_unsubscribe", "params": [names[0]]}
                    await socket.send(json.dumps(gone))
                    assert json.loads(await socket.recv())["result"] is True
            return names

    names = asyncio.run(talk())
    assert len(set(names)) == 3
