"""The sandbox fails on command, and its books know what really happened."""

from decimal import Decimal

import httpx
import pytest

from sandbox import faults
from sandbox.failing import Faults
from sandbox.faults import BadScript
from sandbox.kalshi.server import ROOT
from sandbox.log import EventLog
from sandbox.oracle import Oracle
from sandbox.polymarket.exchange import Exchange as PolymarketExchange
from sandbox.serving import NotLoopback, check_loopback, serving
from tests.sandbox.kalshi_world import HOME, KalshiWorld

CREATE = "/portfolio/events/orders"


def script(tmp_path, text: str):
    path = tmp_path / "faults.yaml"
    path.write_text(text)
    return faults.read(path)


@pytest.fixture
def world() -> KalshiWorld:
    return KalshiWorld()


def oracle(world: KalshiWorld) -> Oracle:
    return Oracle(
        kalshi=world.exchange, polymarket=PolymarketExchange(EventLog()), log=world.exchange.log
    )


def post(world: KalshiWorld, url: str, client_id: str, timeout: float = 1.0) -> httpx.Response:
    body = {
        "ticker": HOME,
        "side": "bid",
        "price": "0.50",
        "count": "1.00",
        "time_in_force": "good_till_canceled",
        "self_trade_prevention_type": "taker_at_cross",
        "client_order_id": client_id,
    }
    headers = world.headers("alice", "POST", ROOT + CREATE)
    return httpx.post(url + ROOT + CREATE, json=body, headers=headers, timeout=timeout)


@pytest.mark.parametrize(
    ("do", "error", "accepted"),
    [
        ("accept_then_silence, seconds: 3", httpx.ReadTimeout, 1),
        ("accept_then_close", httpx.RemoteProtocolError, 1),
        ("close_after_body", httpx.RemoteProtocolError, 0),
    ],
)
def test_a_lost_answer_tells_the_client_nothing(world, tmp_path, do, error, accepted):
    rules = script(tmp_path, f"- {{venue: kalshi, endpoint: 'POST {CREATE}', nth: 1, do: {do}}}")
    with serving(Faults(world.app, rules, venue="kalshi")) as url:
        with pytest.raises(error):
            post(world, url, "once")
        again = post(world, url, "once")

    assert len(world.exchange.members["alice"].orders) == 1
    assert again.status_code == (409 if accepted else 201)  # evidence: it had landed, or not
    assert not oracle(world).doubled()


@pytest.mark.parametrize(
    ("do", "status", "start"),
    [
        ("status, status: 425", 425, '{"error"'),
        ("html", 503, "<html>"),
        ("truncated", 201, '{"order_id"'),
        ("malformed", 201, '{"order_id"'),
    ],
)
def test_an_answer_may_be_no_answer(world, tmp_path, do, status, start):
    rules = script(tmp_path, f"- {{venue: kalshi, endpoint: 'POST *', every: 1, do: {do}}}")
    with serving(Faults(world.app, rules, venue="kalshi")) as url:
        answer = post(world, url, "once")

    assert answer.status_code == status
    assert answer.text.startswith(start)
    if status == 201:
        with pytest.raises(ValueError, match=r"."):
            answer.json()


def test_faults_of_one_venue_and_endpoint_leave_the_rest_alone(world, tmp_path):
    rules = script(
        tmp_path,
        "- {venue: polymarket, endpoint: 'POST *', do: html}\n"
        f"- {{venue: kalshi, endpoint: 'DELETE {CREATE}/*', do: html}}\n",
    )
    with serving(Faults(world.app, rules, venue="kalshi")) as url:
        assert post(world, url, "once").status_code == 201


def test_a_share_of_the_calls_fails_the_same_way_for_the_same_seed(world, tmp_path):
    found = set()
    for _ in range(2):
        rules = script(tmp_path, "- {venue: kalshi, endpoint: '*', probability: 0.5, do: html}")
        wrapped = Faults(world.app, rules, venue="kalshi", seed=3)
        found.add(
            tuple(wrapped._rule_for({"method": "GET", "path": "/x"}) is None for _ in range(40))
        )

    assert len(found) == 1
    assert 5 < sum(next(iter(found))) < 35


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "not YAML"),
        ("venue: kalshi", "must hold a list"),
        ("- 5", "fault 1 is not a set"),
        ("- {venue: nyse, endpoint: '*', do: html}", "needs a venue"),
        ("- {venue: kalshi, endpoint: '*', do: explode}", "`do` is one of"),
        ("- {venue: kalshi, endpoint: '*', do: html, nth: -1}", "whole number over 0"),
        ("- {venue: kalshi, endpoint: '*', do: html, when: 3}", "there is no 'when'"),
    ],
)
def test_a_bad_script_is_refused_with_its_place(tmp_path, text, words):
    with pytest.raises(BadScript, match=words):
        script(tmp_path, text)


def test_the_oracle_tells_orders_balances_and_exposure(world):
    world.order("alice", "ask", "0.60")
    world.order("bob", "bid", "0.60", "4.00")
    judge = oracle(world)

    report = judge.report()

    assert {row["filled"] for row in report["orders"]} == {"4.00"}
    assert report["doubled"] == {}
    assert judge.exposure("bob") == Decimal("2.4")
    assert report["digest"] == world.exchange.log.digest()


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "example.org"])
def test_the_sandbox_listens_on_this_machine_only(host):
    with pytest.raises(NotLoopback, match="this machine only"):
        check_loopback(host)
