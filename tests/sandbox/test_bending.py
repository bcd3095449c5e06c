"""Faults beyond a lost answer: spoiled answers, websockets that lie, exchanges that bend."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import httpx
import pytest
import websockets

from sandbox import faults
from sandbox.clock import Clock, Skewed
from sandbox.exchanges import Sandbox
from sandbox.failing import Faults
from sandbox.faults import BadScript, Chosen
from sandbox.kalshi.exchange import Rules as KalshiRules
from sandbox.polymarket.rows import Refused, Rules
from sandbox.polymarket.stream import MarketSession
from sandbox.serving import serving
from tests.sandbox.kalshi_world import KalshiWorld
from tests.sandbox.polymarket_world import YES, PolymarketWorld
from tests.sandbox.test_polymarket import buy, wait

START = datetime(2026, 11, 21, 18, tzinfo=UTC)


def script(tmp_path, text: str):
    path = tmp_path / "faults.yaml"
    path.write_text(text)
    return faults.read(path)


def served(world: PolymarketWorld, rules):
    return serving(Faults(world.app, rules, venue="polymarket"))


@pytest.mark.parametrize(
    ("named", "gone"), [("", "market"), (", field: asks", "asks"), (", field: price", "price")]
)
def test_a_field_may_be_missing(tmp_path, named, gone):
    world = PolymarketWorld()
    world.quote(YES, "0.55", "30")
    rules = script(
        tmp_path, f"- {{venue: polymarket, endpoint: 'GET /book', do: missing_field{named}}}"
    )
    with served(world, rules) as url:
        body = httpx.get(f"{url}/book", params={"token_id": YES}).json()

    assert f'"{gone}"' not in json.dumps(body)
    assert "asset_id" in body


def test_an_old_answer_comes_again_and_a_new_one_after_it(tmp_path):
    world = PolymarketWorld()
    rules = script(
        tmp_path, "- {venue: polymarket, endpoint: 'GET /book', nth: 3, do: stale, seconds: 0}"
    )
    seen = []
    with served(world, rules) as url:
        for _ in range(4):
            seen.append(len(httpx.get(f"{url}/book", params={"token_id": YES}).json()["asks"]))
            world.quote(YES, f"0.{60 + len(seen)}", "10")

    assert seen == [0, 1, 1, 3]  # the third answer is the second one


def test_faults_hold_for_a_span_of_time_only(tmp_path):
    clock = Clock(start=START, speed=0)
    rules = script(
        tmp_path,
        "- {venue: polymarket, endpoint: '*', do: status, status: 425, from: 10, until: 20}",
    )
    world = PolymarketWorld()
    codes = []
    app = Faults(world.app, rules, venue="polymarket", clock=clock)
    with serving(app) as url:
        for _ in range(3):
            codes.append(httpx.get(f"{url}/time").status_code)
            clock.move(timedelta(seconds=10))

    assert codes == [200, 425, 200]


@pytest.mark.parametrize(
    ("do", "told"),
    [
        ("duplicate_frame", ["1", "2", "3", "3", "4"]),
        ("drop_frame", ["1", "2", "4"]),
        ("swap_frames", ["1", "2", "4", "3"]),
        ("stale_frame", ["1", "2", "3", "1", "4"]),
        ("stall, seconds: 60", ["1", "2"]),
    ],
)
def test_frames_are_repeated_lost_swapped_old_or_no_longer_sent(tmp_path, do, told):
    rules = script(
        tmp_path, f"- {{venue: polymarket, endpoint: 'WS /ws/market', nth: 3, do: {do}}}"
    )
    sent: list[str] = []

    async def speaking(scope, receive, send):
        await send({"type": "websocket.accept"})
        for number in range(1, 5):
            await send({"type": "websocket.send", "text": str(number)})

    async def hear(message):
        sent.append(message.get("text", message["type"]))

    app = Faults(speaking, rules, venue="polymarket")
    asyncio.run(app({"type": "websocket", "path": "/ws/market"}, None, hear))

    assert sent == ["websocket.accept", *told]


def test_a_websocket_lies_over_the_wire_too(tmp_path):
    world = PolymarketWorld()
    rules = script(
        tmp_path, "- {venue: polymarket, endpoint: 'WS /ws/market', nth: 1, do: duplicate_frame}"
    )

    async def listen(url: str) -> list[str]:
        async with websockets.connect(url.replace("http", "ws") + "/ws/market") as socket:
            await socket.send(json.dumps({"type": "market", "assets_ids": [YES]}))
            return [await socket.recv() for _ in range(2)]

    with served(world, rules) as url:
        first, second = asyncio.run(listen(url))

    assert first == second


def test_the_chosen_are_the_same_whenever_they_are_asked(tmp_path):
    (rule,) = script(tmp_path, "- {venue: polymarket, do: trade_failed, probability: 0.3}")
    chosen = Chosen(rules=[rule], seed=7)
    first = [number in chosen for number in range(1, 200)]

    assert first == [number in chosen for number in range(1, 200)]
    assert 30 < sum(first) < 90
    assert 1 not in Chosen()


def test_a_script_bends_both_exchanges(tmp_path):
    rules = script(
        tmp_path,
        """
- {venue: kalshi, do: dedup_open_only}
- {venue: kalshi, do: read_lag, seconds: 2}
- {venue: kalshi, do: clock_skew, seconds: -7}
- {venue: kalshi, do: pause, from: 5, until: 10}
- {venue: polymarket, do: pause, from: 5, until: 10}
- {venue: polymarket, do: tick_size, from: 20, tick: 0.001}
- {venue: polymarket, do: trade_retried, nth: 1}
- {venue: polymarket, do: trade_failed, nth: 2}
- {venue: polymarket, do: delayed_match, nth: 1, seconds: 3}
- {venue: polymarket, do: partial_fill, nth: 4}
""",
    )
    made = Sandbox(seed=1, start=START, speed=0, rules=rules)
    kalshi, polymarket = made.kalshi.exchange, made.polymarket.exchange

    assert kalshi.rules.dedup == "open_only"
    assert kalshi.rules.read_lag == timedelta(seconds=2)
    assert made.kalshi.clock.now() == START - timedelta(seconds=7)
    assert made.polymarket.clock.now() == START
    assert 1 in polymarket.rules.retries
    assert 2 in polymarket.rules.fails
    assert 1 in polymarket.rules.delayed
    assert 4 in polymarket.rules.partial
    paused = []
    for second in (0, 5, 9, 10, 20):
        made.world.advance(START + timedelta(seconds=second))
        paused.append((bool(kalshi.paused), polymarket.paused))
    assert paused == [(False, False), (True, True), (True, True), (False, False), (False, False)]
    ticks = {game.polymarket.tick for game in made.world.games}
    assert ticks == {Decimal("0.001")}


def test_a_paused_order_book_takes_nothing_new_and_lets_go():
    world = PolymarketWorld(speed=0)
    rests = buy(world, "0.50", "10")
    world.exchange.paused = True

    with pytest.raises(Refused, match="cancel-only") as refusal:
        buy(world, "0.50", "10")
    assert refusal.value.status == 503
    assert world.exchange.cancel(rests.key, rests.order_id, now=world.clock.now()) == ""


def test_a_thin_book_gives_half_and_a_held_match_waits():
    world = PolymarketWorld(
        speed=0,
        rules=Rules(partial=frozenset({1}), delayed=frozenset({2}), delay=timedelta(seconds=3)),
    )
    world.maker.invented = True
    world.quote(YES, "0.55", "100")
    thin = buy(world, "0.60", "40")
    assert (thin.matched, thin.status) == (20, "LIVE")
    assert not world.market.ladder(YES)[1]  # the other half was taken by somebody faster
    world.exchange.cancel(thin.key, thin.order_id, now=world.clock.now())
    world.quote(YES, "0.56", "100")
    held = buy(world, "0.60", "40")

    assert (held.status, held.matched) == ("DELAYED", 0)
    wait(world, 3)
    assert (held.status, held.matched) == ("MATCHED", 40)


def test_a_thin_book_on_kalshi_gives_half():
    world = KalshiWorld(rules=KalshiRules(partial=frozenset({2})))
    world.order("alice", "ask", "0.60", "10.00")
    world.order("bob", "bid", "0.60", "10.00")

    filled = {
        member.user_id: order.filled
        for member in world.exchange.members.values()
        for order in member.orders.values()
    }
    assert filled == {"alice": 5, "bob": 5}


def test_a_price_near_the_edge_is_quoted_finer_and_told():
    world = PolymarketWorld(speed=0)
    session = MarketSession(world.exchange)
    session.command({"assets_ids": [YES], "custom_feature_enabled": True}, now=world.clock.now())
    world.quote(YES, "0.97", "30")
    buy(world, "0.97", "10")
    frames = session.happened(now=world.clock.now())
    world.exchange.resolve(world.market.condition, (Decimal(1), Decimal(0)), now=world.clock.now())
    frames += session.happened(now=world.clock.now())

    kinds = [frame["event_type"] for frame in frames]
    (tick,) = [frame for frame in frames if frame["event_type"] == "tick_size_change"]
    assert (tick["old_tick_size"], tick["new_tick_size"]) == ("0.01", "0.001")
    assert kinds.count("market_resolved") == 1


def test_a_wrong_clock_moves_with_the_right_one():
    clock = Clock(start=START, speed=0)
    wrong = Skewed(clock, timedelta(seconds=-30))
    wrong.move(timedelta(seconds=10))

    assert wrong.now() == START - timedelta(seconds=20)
    assert clock.now() == START + timedelta(seconds=10)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- {venue: kalshi, do: trade_failed}", "trade_failed is of polymarket"),
        ("- {venue: polymarket, do: read_lag}", "read_lag is of kalshi"),
        ("- {venue: kalshi, endpoint: '*', do: pause}", "without an endpoint"),
        ("- {venue: kalshi, endpoint: 'GET /x', do: drop_frame}", "needs an endpoint like"),
        ("- {venue: kalshi, do: html}", "needs an endpoint"),
        ("- {venue: kalshi, endpoint: '*', do: html, probability: often}", "is a number"),
        ("- {venue: kalshi, endpoint: '*', do: html, nth: true}", "is a number"),
    ],
)
def test_a_rule_in_the_wrong_place_is_refused(tmp_path, text, words):
    with pytest.raises(BadScript, match=words):
        script(tmp_path, text)
