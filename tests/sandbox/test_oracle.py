"""The judge: what was risked, asked and filled, and whether a bot's own books tell it right."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import httpx
import pytest

from sandbox.exchanges import Sandbox
from sandbox.log import EventLog
from sandbox.oracle import Oracle
from sandbox.polymarket.exchange import Exchange as PolymarketExchange
from sandbox.polymarket.rows import Rules
from sandbox.serving import serving
from tests.sandbox.kalshi_world import KalshiWorld
from tests.sandbox.polymarket_world import YES, PolymarketWorld
from tests.sandbox.test_polymarket import buy, wait

START = datetime(2026, 11, 21, 18, tzinfo=UTC)


@pytest.fixture
def world() -> PolymarketWorld:
    return PolymarketWorld(speed=0)


def judge_of(world: PolymarketWorld) -> Oracle:
    from sandbox.kalshi.exchange import Exchange as KalshiExchange

    log = world.exchange.log
    return Oracle(kalshi=KalshiExchange(EventLog()), polymarket=world.exchange, log=log)


def mine(world: PolymarketWorld) -> str:
    return world.owner.lower()


def recorded(judge: Oracle, owner: str) -> list[tuple[str, str, Decimal]]:
    return [
        (fill.order_id, fill.trade_id, fill.shares) for fill in judge.fills() if fill.owner == owner
    ]


def everything(judge: Oracle) -> list[tuple[str, str, Decimal]]:
    return [(fill.order_id, fill.trade_id, fill.shares) for fill in judge.fills()]


def test_what_was_at_stake_is_sampled_at_every_accept(world):
    judge = judge_of(world)
    buy(world, "0.50", "10")
    buy(world, "0.40", "20")

    first, second = [each for each in judge.exposures if each.owner == mine(world)]
    fee = world.market.taker_fee
    price = Decimal("0.50")
    assert first.dollars == 5 + fee(price=price, shares=Decimal(10))
    assert second.dollars == first.dollars + 8 + fee(price=Decimal("0.40"), shares=Decimal(20))
    assert judge.judge(fills=everything(judge), limits={mine(world): Decimal(100)})["I6"] == []
    (words,) = judge.judge(fills=everything(judge), limits={mine(world): Decimal(10)})["I6"]
    assert "risked" in words


def test_a_limit_that_was_broken_for_one_moment_is_found_though_it_is_over(world):
    judge = judge_of(world)
    order = buy(world, "0.50", "100")
    world.exchange.cancel(order.key, order.order_id, now=world.clock.now())

    assert judge.exposure(mine(world)) == 0
    assert judge.judge(limits={mine(world): Decimal(20)})["I6"]


def test_true_books_are_found_true_and_wrong_ones_are_named(world):
    judge = judge_of(world)
    world.quote(YES, "0.55", "30")
    order = buy(world, "0.60", "10")
    wait(world, 20)
    true = everything(judge)
    (fill,) = [row for row in true if row[0] == order.order_id]

    assert not any(judge.judge(fills=true).values())
    missing = judge.judge(fills=[row for row in true if row is not fill])
    assert "is not recorded" in missing["I2"][0]
    twice = judge.judge(fills=[*true, fill])
    assert "recorded twice" in twice["I3"][0]
    invented = judge.judge(fills=[*true, (order.order_id, "no-such-trade", Decimal(5))])
    assert "truly 0" in invented["I3"][0]
    wrong_size = [(*row[:2], row[2] + 1) if row is fill else row for row in true]
    assert "truly 10" in judge.judge(fills=wrong_size)["I3"][0]


def test_a_fill_that_the_chain_lost_must_not_be_in_the_books():
    world = PolymarketWorld(speed=0, rules=Rules(fails=frozenset({1})))
    judge = judge_of(world)
    world.quote(YES, "0.55", "30")
    buy(world, "0.60", "10")
    before = everything(judge)
    wait(world, 20)

    assert judge.judge(fills=before)["I3"]  # it was matched, and then lost
    assert not any(judge.judge(fills=[]).values())


def test_an_intent_that_caused_two_orders_is_found(world):
    judge = judge_of(world)
    first, second = buy(world, "0.50", "10"), buy(world, "0.50", "10")
    intents = {"intent-1": [first.order_id, second.order_id], "intent-2": ["never-sent"]}

    assert judge.judge(intents=intents)["I1"] == ["intent intent-1 caused 2 orders"]


def test_members_of_kalshi_are_judged_too():
    world = KalshiWorld()
    judge = Oracle(
        kalshi=world.exchange, polymarket=PolymarketExchange(EventLog()), log=world.exchange.log
    )
    world.order("alice", "ask", "0.60", "10.00")
    world.order("bob", "bid", "0.60", "4.00")

    stakes = {each.owner: each.dollars for each in judge.exposures}
    assert stakes["alice"] >= 4  # ten contracts that may cost 40 cents each
    assert stakes["bob"] >= Decimal("2.4")
    assert {fill.owner for fill in judge.fills()} == {"alice", "bob"}
    assert len(recorded(judge, "bob")) == 1


@pytest.fixture
def court():
    made = Sandbox(seed=1, start=START, speed=0)
    made.world.advance(START + timedelta(seconds=30))
    apps = made.apps()
    with serving(apps["oracle"]) as oracle, serving(apps["polymarket"]) as polymarket:
        yield oracle, polymarket, made


def test_the_court_tells_of_calls_by_time_and_of_nobody_invented(court):
    oracle, polymarket, made = court
    httpx.post(f"{polymarket}/order", content=b"{}", headers={"POLY_API_KEY": "somebody"})
    httpx.get(f"{polymarket}/time")
    (call,) = httpx.get(f"{oracle}/oracle/posts").json()

    assert (call["venue"], call["method"], call["path"]) == ("polymarket", "POST", "/order")
    assert call["who"] == "somebody"
    assert len(call["body"]) == 64
    report = httpx.get(f"{oracle}/oracle").json()
    assert report["orders"] == []
    assert set(report["balances"]) == {
        name
        for user in made.users
        for name in (
            f"kalshi:{user.name}",
            f"polymarket:{user.wallet}",
            f"polymarket:{user.safe}",
        )
    }
    assert httpx.get(f"{oracle}/oracle/fills").json() == []
    assert httpx.get(f"{oracle}/oracle/exposures").json() == []


def test_the_court_judges_over_http_and_says_what_it_cannot_read(court):
    oracle, _, _ = court
    judged = httpx.post(f"{oracle}/oracle/judge", json={}).json()
    wrong = httpx.post(
        f"{oracle}/oracle/judge",
        json={"fills": [{"order_id": "o", "trade_id": "t", "shares": "5"}]},
    ).json()

    assert judged == {"holds": True, "I1": [], "I2": [], "I3": [], "I6": []}
    assert wrong["holds"] is False
    for body in (b"{", b"[]", b'{"fills": [{}]}', b'{"limits": {"a": "much"}}'):
        answer = httpx.post(f"{oracle}/oracle/judge", content=body)
        assert answer.status_code == 400
        assert "cannot be read" in answer.json()["error"]
