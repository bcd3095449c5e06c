"""A client that is generated from Kalshi's OpenAPI file finds no answer outside of it."""

from typing import Any
from urllib.parse import urlsplit

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.specs.openapi.checks import content_type_conformance, status_code_conformance

from sandbox.kalshi import life
from sandbox.kalshi.limits import Buckets, Tier
from sandbox.kalshi.milestones import milestone_id
from sandbox.kalshi.server import ROOT
from sandbox.serving import serving
from tests.sandbox.kalshi_world import AWAY, HOME, SHARD, KalshiWorld
from tests.sandbox.openapi import assert_conforms

SPEC = "fixtures/kalshi/spec/openapi-3.34.0.yaml"
CASES = 15  # of each operation
ENDLESS = 10**9
EVENT, SERIES = HOME.rpartition("-")[0], "KXNBAGAME"
CHECKS = [status_code_conformance, content_type_conformance]
# Answers that were recorded from the real exchange and that its file does not know.
RECORDED = {"POST /portfolio/events/orders": {404}}
# Bodies that would be taken; what is drawn from the file alone seldom is.
AMENDED = {"ticker": HOME, "side": "bid", "price": "0.41", "count": "60.00"}
PLACED = {
    **AMENDED,
    "count": "2.00",
    "time_in_force": "good_till_canceled",
    "self_trade_prevention_type": "taker_at_cross",
}
GOOD = {
    "POST /portfolio/events/orders": PLACED,
    "POST /portfolio/events/orders/batched": {"orders": [PLACED, PLACED]},
    "POST /portfolio/events/orders/{order_id}/amend": AMENDED,
    "POST /portfolio/events/orders/{order_id}/decrease": {"reduce_by": "1.00"},
    "POST /portfolio/intra_exchange_instance_transfer": {
        "source": "event_contract",
        "destination": "event_contract",
        "amount": 10_000,
        "source_exchange_shard": SHARD,
        "destination_exchange_shard": 0,
    },
}
WRITES = {
    "POST /portfolio/events/orders",
    "POST /portfolio/events/orders/batched",
    "DELETE /portfolio/events/orders",
    "DELETE /portfolio/events/orders/batched",
    "DELETE /portfolio/events/orders/{order_id}",
    "POST /portfolio/events/orders/{order_id}/amend",
    "POST /portfolio/events/orders/{order_id}/decrease",
    "POST /portfolio/intra_exchange_instance_transfer",
}
READS = {
    "GET /exchange/status",
    "GET /exchange/schedule",
    "GET /exchange/user_data_timestamp",
    "GET /series",
    "GET /series/{series_ticker}",
    "GET /series/fee_changes",
    "GET /events",
    "GET /events/{event_ticker}",
    "GET /events/fee_changes",
    "GET /markets",
    "GET /markets/{ticker}",
    "GET /markets/{ticker}/orderbook",
    "GET /markets/orderbooks",
    "GET /markets/trades",
    "GET /milestones",
    "GET /milestones/{milestone_id}",
    "GET /structured_targets",
    "GET /structured_targets/{structured_target_id}",
    "GET /portfolio/orders",
    "GET /portfolio/orders/{order_id}",
    "GET /portfolio/fills",
    "GET /portfolio/positions",
    "GET /portfolio/balance",
    "GET /portfolio/settlements",
    "GET /account/limits",
    "GET /account/endpoint_costs",
}


@pytest.fixture(scope="module")
def operations(request) -> dict[str, Any]:
    shared = request.config.rootpath.parent / "shared"
    if not shared.is_dir():
        pytest.skip("the folder shared/ is not beside the project")
    schema = schemathesis.openapi.from_path(shared / SPEC)
    return {each.label: each for found in schema.get_all_operations() for each in [found.ok()]}


@pytest.fixture
def lived() -> KalshiWorld:
    """A world with orders, fills and an end, and buckets that never run dry."""
    world = KalshiWorld()
    endless = Tier(
        name="endless",
        read=ENDLESS,
        write=ENDLESS,
        read_capacity=ENDLESS,
        write_capacity=ENDLESS,
    )
    world.kalshi.buckets = Buckets(endless)
    world.order("alice", "ask", "0.60", "50.00")
    world.order("alice", "bid", "0.40", "50.00")
    world.order("bob", "bid", "0.60", "4.00")
    life.settle(world.exchange, AWAY, value=1, now=world.clock.now())
    return world


def known(world: KalshiWorld) -> dict[str, list[Any]]:
    """Return values that exist, by the name under which a call may use them."""
    orders = sorted(
        world.exchange.members["alice"].orders.values(),
        key=lambda order: (order.status != "resting", order.side != "bid", order.order_id),
    )
    return {
        "ticker": [HOME, AWAY],
        "event_ticker": [EVENT],
        "series_ticker": [SERIES],
        "order_id": [order.order_id for order in orders],
        "milestone_id": [milestone_id(world.exchange.events[EVENT])],
        "structured_target_id": list(world.exchange.markets[HOME].strike.values()),
        "limit": [10],
        "cursor": [""],
        "subaccount": [0],
        "time_in_force": ["good_till_canceled", "immediate_or_cancel", "fill_or_kill"],
        "tickers": [[HOME]],
        "side": ["bid", "ask"],
        "price": ["0.45", "0.60", "0.995"],
        "count": ["1.00", "3.50", "100000.00"],
        "reduce_by": ["1.00"],
        "exchange_index": [SHARD],
        "source_exchange_shard": [SHARD],
        "destination_exchange_shard": [0],
    }


def realistic(found: Any, values: dict[str, list[Any]], draw: Any) -> Any:
    """Put values that exist in the place of half of those that are made up."""
    if isinstance(found, list):
        return [realistic(each, values, draw) for each in found]
    if not isinstance(found, dict):
        return found
    return {
        name: draw(st.sampled_from(values[name]))
        if name in values and draw(st.booleans())
        else realistic(value, values, draw)
        for name, value in found.items()
    }


@pytest.mark.parametrize("label", sorted(READS | WRITES))
def test_no_answer_is_outside_of_the_file(operations, lived, shared, label):
    operation = operations[label]

    @settings(
        max_examples=CASES,
        deadline=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(), data=st.data())
    def ask(case: Any, data: Any) -> None:
        values = known(lived)
        for part in ("path_parameters", "query", "body"):
            setattr(case, part, realistic(getattr(case, part), values, data.draw))
        if label in GOOD and data.draw(st.booleans()):
            case.body = GOOD[label]
            case.path_parameters = {name: values[name][0] for name in case.path_parameters}
            case.query = {}
        path = urlsplit(f"{ROOT}{case.formatted_path}").path
        headers = lived.headers("alice", case.method, path)
        answer = case.call(base_url=f"{url}{ROOT}", headers=headers)
        if answer.status_code not in RECORDED.get(label, ()):
            case.validate_response(answer, checks=CHECKS)
        codes.add(answer.status_code)
        assert answer.status_code < 500
        if answer.status_code < 400 and answer.content:
            assert_conforms(shared / SPEC, case.method, Told(answer, path))

    codes: set[int] = set()
    with serving(lived.app) as url:
        ask()
    assert any(code < 300 for code in codes), codes  # not only refusals were looked at
    lived.assert_books_balance()


class Told:
    """An answer as the other checks take it."""

    def __init__(self, answer: Any, path: str) -> None:
        self.status_code, self.text = answer.status_code, answer.text
        self.json = answer.json
        self.request = self
        self.url = self
        self.path = path
