"""Kalshi's websocket: books that lose a frame are asked for again, own fills are heard."""

import json
import time
from datetime import timedelta
from decimal import Decimal

import pytest
import yaml
from jsonschema import Draft202012Validator

from sandbox.failing import Faults
from sandbox.faults import Kind, Rule
from sandbox.kalshi.stream import Session
from sandbox.serving import serving
from tests.sandbox.kalshi_world import AWAY, HOME, KalshiWorld
from tests.venues import kalshi
from tests.venues.test_stream import until
from venues.kalshi.auth import ServerClock
from venues.kalshi.reports import names_in, told_report
from venues.kalshi.stream import OWN_CHANNELS, BookPush, UserPush, command
from venues.types import OrderStatus

D = Decimal
PATH = "/trade-api/ws/v2"


class Unheard(BookPush):
    """A book stream whose frames come from the test, and whose commands it keeps."""

    def __init__(self, world: KalshiWorld, *tickers: str) -> None:
        super().__init__(
            "ws://nowhere" + PATH, keys=kalshi.keys(), now=world.clock.wall, clock=ServerClock()
        )
        self.said: list[dict] = []
        self._connected.set()
        self.want(tickers)

    def say(self, frame: str) -> None:
        self.said.append(json.loads(frame))


class Wire:
    """A session of the sandbox and a stream that hears its frames, one by one."""

    def __init__(self, *tickers: str) -> None:
        self.world = KalshiWorld()
        self.world.order("alice", "ask", "0.60")
        self.world.order("alice", "bid", "0.50")
        self.push = Unheard(self.world, *tickers)
        self.session = Session(self.world.exchange, "bob")
        self.world.exchange.log.listen(self.session.note)
        for greeting in self.push.hello():
            self.tell(self.session.command(json.loads(greeting), now=self.world.clock.now()))

    def tell(self, frames) -> None:
        for frame in frames:
            self.push.heard(json.dumps(frame, default=str))

    def news(self):
        return self.session.happened(now=self.world.clock.now())

    def answer(self) -> None:
        """Let the session answer what the stream has asked for since."""
        said, self.push.said = self.push.said, []
        for each in said:
            self.tell(self.session.command(each, now=self.world.clock.now()))

    def tops(self, ticker: str = HOME):
        found = self.push.book(f"{ticker}:yes")
        return found and ([each.price for each in found.bids], [each.price for each in found.asks])


@pytest.fixture
def wire() -> Wire:
    return Wire(HOME, AWAY)


def test_a_book_is_built_from_a_whole_one_and_its_changes(wire):
    wire.world.order("bob", "ask", "0.58", "3.00")
    wire.world.order("alice", "bid", "0.58", "3.00")  # takes them
    wire.tell(wire.news())

    assert wire.tops() == ([D("0.50")], [D("0.60")])
    assert wire.tops(AWAY) == ([], [])
    no = wire.push.book(f"{HOME}:no")
    assert [(each.price, each.shares) for each in no.bids] == [(D("0.40"), D("10.00"))]


@pytest.mark.parametrize("lost", [0, 1])
def test_a_missing_number_makes_all_books_worthless_until_whole_ones_come(wire, lost):
    for price in ("0.57", "0.56", "0.55"):
        wire.world.order("bob", "ask", price, "1.00")
        frames = wire.news()
        if price != "0.57" or not lost:
            wire.tell(frames if price != "0.57" else frames[:0])
        if wire.push.said:
            break
    assert wire.tops() is None
    assert wire.tops(AWAY) is None  # one number counts for all of them
    (asked,) = wire.push.said
    assert asked["params"]["action"] == "get_snapshot"

    wire.answer()
    wire.tell(wire.news())

    assert wire.tops()[1][0] == min(
        price for price, _ in wire.world.exchange.markets[HOME].book.levels("ask")
    )


def test_a_frame_that_comes_twice_or_late_is_a_gap_too(wire):
    wire.world.order("bob", "ask", "0.57", "1.00")
    (frame,) = wire.news()
    wire.tell([frame, frame])

    assert wire.tops() is None
    wire.answer()
    assert wire.tops()[1] == [D("0.57"), D("0.60")]


def test_a_frame_that_cannot_be_read_spoils_the_books(wire):
    wire.push.heard(json.dumps({"type": "orderbook_delta", "sid": 1, "seq": 3, "msg": {"a": 1}}))

    assert wire.tops() is None
    assert wire.push.said


def test_markets_come_and_go_without_a_new_connection(wire):
    wire.push.want([HOME])
    (gone,) = wire.push.said
    assert (gone["params"]["action"], gone["params"]["market_tickers"]) == (
        "delete_markets",
        [AWAY],
    )
    wire.answer()
    wire.push.want([HOME, AWAY])
    wire.answer()

    assert wire.tops()
    assert wire.tops(AWAY)


def test_old_books_are_not_believed(wire):
    wire.push._alive = time.monotonic() - 60

    assert wire.tops() is None


@pytest.fixture
def served():
    world = KalshiWorld()
    with serving(world.app) as url:
        yield world, url.replace("http", "ws") + PATH


def test_own_fills_and_orders_are_heard_with_their_names(served):
    world, url = served
    push = UserPush(url, keys=kalshi.keys(), now=world.clock.wall, clock=ServerClock())
    push.start()
    try:
        until(lambda: push.is_live)
        time.sleep(0.2)
        name = kalshi.request().client_order_id
        world.order("alice", "bid", "0.50", "20.00", client_order_id=name)
        world.order("bob", "ask", "0.50", "20.00")
        rows: list = []
        until(lambda: rows.extend(push.take()) or len(rows) >= 3)
    finally:
        push.close()

    request = kalshi.request(at=world.clock.now())
    reports = [
        told_report(request, row, now=world.clock.now()) for row in rows if name in names_in(row)
    ]
    assert OrderStatus.FILLED in {report.status for report in reports}
    (fill,) = {fill for report in reports for fill in report.fills}
    assert (fill.shares, fill.price) == (20, D("0.50"))


def test_books_are_right_again_after_frames_were_dropped_and_swapped():
    world = KalshiWorld()
    world.order("alice", "ask", "0.60")
    faults = [
        Rule(venue="kalshi", endpoint=f"WS {PATH}", kind=Kind.DROP_FRAME, nth=4),
        Rule(venue="kalshi", endpoint=f"WS {PATH}", kind=Kind.SWAP_FRAMES, nth=7),
    ]
    app = Faults(world.app, faults, venue="kalshi", clock=world.clock)
    with serving(app) as url:
        push = BookPush(
            url.replace("http", "ws") + PATH,
            keys=kalshi.keys(),
            now=world.clock.wall,
            clock=ServerClock(),
        )
        push.want([HOME])
        push.start()
        try:
            until(lambda: push.book(kalshi.YES) is not None)
            for cents in range(50, 59):
                world.order("bob", "ask", f"0.{cents}", "1.00")
                world.order("bob", "bid", "0.30", f"{cents}.00")
                time.sleep(0.02)

            def right() -> bool:
                world.clock.move(timedelta(milliseconds=1))
                found = push.book(kalshi.YES)
                return found is not None and len(found.asks) == 10 and len(found.bids) == 1

            until(right)
        finally:
            push.close()


def test_commands_and_frames_fit_the_exchanges_own_file(shared):
    path = shared / "fixtures" / "kalshi" / "spec" / "asyncapi-2.0.0.yaml"
    found = yaml.safe_load(path.read_text())

    def fits(name: str, row: object) -> None:
        schema = {**found["components"]["schemas"][name], "components": found["components"]}
        problems = [error.message for error in Draft202012Validator(schema).iter_errors(row)]
        assert not problems, (name, problems)

    update = command(
        2, "update_subscription", sids=[1], action="get_snapshot", market_tickers=[HOME]
    )
    fits("updateSubscriptionCommandPayload", json.loads(update))
    for channels in (OWN_CHANNELS, ["orderbook_delta"]):
        fits("subscribeCommandPayload", json.loads(command(1, "subscribe", channels=channels)))
    world = KalshiWorld()
    world.order("alice", "ask", "0.60")
    session = Session(world.exchange, "alice")
    world.exchange.log.listen(session.note)
    greeting = command(
        1, "subscribe", channels=[*OWN_CHANNELS, "orderbook_delta"], market_tickers=[HOME]
    )
    frames = session.command(json.loads(greeting), now=world.clock.now())
    world.order("bob", "bid", "0.60", "4.00")
    frames += session.happened(now=world.clock.now())
    names = {
        "fill": "fillPayload",
        "user_order": "userOrderPayload",
        "orderbook_snapshot": "orderbookSnapshotPayload",
        "orderbook_delta": "orderbookDeltaPayload",
        "subscribed": "subscribedResponsePayload",
    }
    seen = set()
    for frame in frames:
        if frame["type"] in names:
            seen.add(frame["type"])
            fits(names[frame["type"]], json.loads(json.dumps(frame, default=str)))
    assert seen == set(names)
