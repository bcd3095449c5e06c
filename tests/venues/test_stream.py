"""The push of trades: quick, filtered, and honest about being down."""

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from decimal import Decimal

import pytest
from websockets.asyncio.server import ServerConnection, serve

from sandbox.serving import serving
from tests.sandbox.polymarket_world import YES, PolymarketWorld
from tests.sandbox.test_polymarket import buy
from venues.polymarket.stream import SUBSCRIBE, Push

ROW = {
    "proxyWallet": "0x" + "A1" * 20,
    "side": "BUY",
    "asset": "77",
    "conditionId": "0x" + "ab" * 32,
    "size": 100,
    "price": 0.53,
    "timestamp": 1788886609,
    "title": "Herons vs. Otters",
    "outcome": "Herons",
    "outcomeIndex": 0,
    "transactionHash": "0x" + "cd" * 32,
}
WALLET = "0x" + "a1" * 20


def until(true: Callable[[], bool], *, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.01)


@contextlib.contextmanager
def speaking(*frames: str, then: str = "hold") -> Iterator[tuple[str, list[str]]]:
    """Serve a websocket that says some frames and then holds still or hangs up."""
    heard: list[str] = []
    ready, stop = threading.Event(), threading.Event()
    ports: list[int] = []

    async def answer(socket: ServerConnection) -> None:
        heard.append(str(await socket.recv()))
        for frame in frames:
            await socket.send(frame)
        while then == "hold":
            heard.append(str(await socket.recv()))

    async def run() -> None:
        async with serve(answer, "127.0.0.1", 0) as server:
            ports.append(next(iter(server.sockets)).getsockname()[1])
            ready.set()
            while not stop.is_set():
                await asyncio.sleep(0.01)

    thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
    thread.start()
    ready.wait()
    try:
        yield f"ws://127.0.0.1:{ports[0]}/", heard
    finally:
        stop.set()
        thread.join(10)


@pytest.fixture
def listening() -> Iterator[Callable[..., Push]]:
    made: list[Push] = []

    def listen(url: str, **options: float) -> Push:
        push = Push(url, **options)
        push.want([WALLET])
        push.start()
        made.append(push)
        return push

    yield listen
    for push in made:
        push.close()


def frame(**changed: object) -> str:
    return json.dumps({"topic": "activity", "type": "trades", "payload": {**ROW, **changed}})


def test_a_trade_of_a_wanted_wallet_comes_at_once_and_others_do_not(listening):
    other = frame(proxyWallet="0x" + "b2" * 20)
    with speaking(other, frame(), frame(size=5)) as (url, heard):
        push = listening(url)
        found = []
        until(lambda: len(found.extend(push.take()) or found) == 2)

        assert push.is_live
        assert json.loads(heard[0]) == SUBSCRIBE
        assert [trade.shares for trade in found] == [100, 5]
        assert found[0].wallet == WALLET
        assert push.take() == []


def test_garbage_is_passed_over(listening):
    bad = ["", "PONG", "{", "5", "[]", '{"payload": 5}', frame(price=7), frame(type="REDEEM")]
    with speaking(*bad, frame()) as (url, _):
        push = listening(url)
        found = []
        until(lambda: bool(found.extend(push.take()) or found))

        assert [trade.price for trade in found] == [Decimal("0.53")]


def test_a_push_that_is_hung_up_on_says_so_and_comes_back(listening):
    with speaking(frame(), then="close") as (url, heard):
        push = listening(url)
        found = []
        until(lambda: bool(found.extend(push.take()) or found))
        until(lambda: not push.is_live)
        until(lambda: len(heard) >= 2)  # it subscribes again

    until(lambda: not push.is_live)  # nobody is there any more


def test_a_silent_push_is_taken_for_dead(listening):
    with speaking(frame()) as (url, heard):
        push = listening(url, silence=0.3, ping=0.1)
        until(lambda: sum(json.dumps(SUBSCRIBE) == each for each in heard) >= 2)

        assert "PING" in heard
        push.close()
        assert not push.is_live


def test_the_sandbox_is_heard(listening):
    world = PolymarketWorld(speed=20)
    with serving(world.app) as url:
        push = listening(url.replace("http", "ws") + "/")
        push.want([world.owner.lower()])
        until(lambda: push.is_live)
        time.sleep(0.2)
        world.quote(YES, "0.55", "30")
        buy(world, "0.60", "10")
        time.sleep(0.3)
        world.exchange.tick(now=world.clock.now())
        found = []
        until(lambda: bool(found.extend(push.take()) or found))

    (trade,) = found
    assert (trade.price, trade.shares) == (Decimal("0.55"), 10)
    assert trade.transaction == world.exchange.trades[0].transaction
