"""Polymarket's websockets: books that add up, one's own orders and trades, and nobody else's."""

import asyncio
import json
from datetime import timedelta
from decimal import Decimal

import websockets
from polymarket import SecureClient

from sandbox.polymarket.stream import ActivitySession, MarketSession, UserSession
from sandbox.serving import serving
from tests.sandbox.polymarket_world import KEY, NO, YES, PolymarketWorld, environment
from tests.sandbox.test_polymarket import buy, wait
from venues.polymarket.parse import data_api_trade


def book_of(frame: dict) -> dict[tuple[str, str], str]:
    rows = [("BUY", row) for row in frame["bids"]] + [("SELL", row) for row in frame["asks"]]
    return {(side, row["price"]): row["size"] for side, row in rows}


def test_a_book_and_its_changes_add_up():
    world = PolymarketWorld(speed=0)
    world.quote(YES, "0.55", "30")
    session = MarketSession(world.exchange)
    now = world.clock.now()
    command = {"type": "market", "assets_ids": [YES, NO, "unknown"]}
    books = {frame["asset_id"]: book_of(frame) for frame in session.command(command, now=now)}
    world.quote(YES, "0.50", "20", buy=True)
    frames = session.happened(now=now)
    buy(world, "0.55", "10")
    frames += session.happened(now=now)
    for frame in frames:
        for change in frame.get("price_changes", []):
            book, key = books[change["asset_id"]], (change["side"], change["price"])
            book[key] = change["size"]
            if change["size"] == "0":
                del book[key]

    assert books == {
        YES: {("SELL", "0.55"): "20", ("BUY", "0.5"): "20"},
        NO: {("BUY", "0.45"): "20", ("SELL", "0.5"): "20"},
    }
    (last,) = [frame for frame in frames if frame["event_type"] == "last_trade_price"]
    assert (last["price"], last["size"], last["side"]) == ("0.55", "10", "BUY")


def test_an_order_and_its_trade_are_told_until_the_chain_confirms():
    world = PolymarketWorld(speed=0)
    mine = UserSession(world.exchange, "mine")
    other = UserSession(world.exchange, "somebody")
    for session in (mine, other):
        world.exchange.log.listen(session.note)
    world.quote(YES, "0.55", "30")
    buy(world, "0.60", "10")
    wait(world, 3)
    wait(world, 10)

    frames = mine.happened(now=world.clock.now())
    told = [
        frame["type"] if frame["event_type"] == "order" else frame["status"] for frame in frames
    ]
    assert told == ["PLACEMENT", "UPDATE", "MATCHED", "MINED", "CONFIRMED"]
    assert {frame["trader_side"] for frame in frames if frame["event_type"] == "trade"} == {"TAKER"}
    assert other.happened(now=world.clock.now()) == []


def test_both_sockets_speak_over_the_wire():
    world = PolymarketWorld()
    world.exchange.rules = world.exchange.rules.__class__(
        mined_after=timedelta(0), confirmed_after=timedelta(0)
    )

    async def talk(url: str) -> tuple[list, list, str]:
        address = url.replace("http", "ws")
        client = await asyncio.to_thread(
            SecureClient.create,
            private_key=KEY,
            wallet=world.owner,
            environment=environment(url),
        )
        key = next(iter(world.exchange.keys.values()))
        auth = {"apiKey": key.key, "secret": key.secret, "passphrase": key.passphrase}
        async with (
            websockets.connect(address + "/ws/market") as market,
            websockets.connect(address + "/ws/user") as user,
        ):
            await market.send(json.dumps({"type": "market", "assets_ids": [YES]}))
            books = json.loads(await market.recv())
            await user.send(json.dumps({"type": "user", "auth": auth}))
            await market.send("PING")
            pong = await market.recv()
            await asyncio.sleep(0.2)
            order = client.create_limit_order(token_id=YES, price="0.50", size="10", side="BUY")
            await asyncio.to_thread(client.post_order, order)
            told = [json.loads(await asyncio.wait_for(user.recv(), 5))]
            change = json.loads(await asyncio.wait_for(market.recv(), 5))
            return books, [told[0], change], pong

    with serving(world.app) as url:
        books, (order, change), pong = asyncio.run(talk(url))

    assert books[0]["event_type"] == "book"
    assert pong == "PONG"
    assert (order["type"], Decimal(order["price"])) == ("PLACEMENT", Decimal("0.5"))
    assert change["price_changes"][0]["size"] == "10"


def test_everybodys_trades_are_told_once_the_chain_has_them():
    world = PolymarketWorld(speed=0)
    session, broken = ActivitySession(world.exchange), ActivitySession(world.exchange)
    for each in (session, broken):
        world.exchange.log.listen(each.note)
    topic = {"topic": "activity", "type": "trades"}
    session.command({"action": "subscribe", "subscriptions": [topic]})
    broken.command({"action": "subscribe", "subscriptions": [topic, {"topic": "weather"}]})
    world.quote(YES, "0.55", "30")
    buy(world, "0.60", "10")
    early = session.happened(now=world.clock.now())
    wait(world, 3)
    maker, taker = sorted(
        (frame["payload"] for frame in session.happened(now=world.clock.now())),
        key=lambda row: row["side"] == "BUY",
    )

    assert early == []
    assert (taker["proxyWallet"], taker["size"], taker["price"]) == (
        world.owner.lower(),
        10.0,
        0.55,
    )
    assert maker["side"] == "SELL"
    assert taker["transactionHash"] == world.exchange.trades[0].transaction
    assert data_api_trade(taker).wallet == world.owner.lower()  # as the Data API's first version
    assert broken.happened(now=world.clock.now()) == []  # one bad topic ends all of it


def test_the_activity_feed_is_served():
    world = PolymarketWorld(speed=20)

    async def listen(url: str) -> dict:
        async with websockets.connect(url.replace("http", "ws") + "/") as socket:
            topic = {"topic": "activity", "type": "trades"}
            await socket.send(json.dumps({"action": "subscribe", "subscriptions": [topic]}))
            await asyncio.sleep(0.1)
            world.quote(YES, "0.55", "30")
            buy(world, "0.60", "10")
            await asyncio.sleep(0.3)
            world.exchange.tick(now=world.clock.now())
            return json.loads(await asyncio.wait_for(socket.recv(), 5))

    with serving(world.app) as url:
        frame = asyncio.run(listen(url))

    assert (frame["topic"], frame["type"]) == ("activity", "trades")
