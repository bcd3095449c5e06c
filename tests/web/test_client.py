"""The documentation's client works against a running server; the stream goes on where it broke."""

import asyncio
import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest
from asgiref.sync import sync_to_async

from accounts.models import Account
from api.v1 import events
from notifications.services import record
from tests.web.test_approvals import running
from tests.world import World, assert_invariants, trade
from trading.models import Order

PATH = Path(__file__).resolve().parents[2] / "docs/examples/client.py"


@pytest.fixture
def client_of_docs():
    spec = importlib.util.spec_from_file_location("client_of_docs", PATH)
    made = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = made
    spec.loader.exec_module(made)
    yield made
    del sys.modules[spec.name]


def test_the_documentations_client_reads_approves_and_declines(
    world: World, server, client_of_docs
):
    running(world)
    Account.objects.update(rehearsal=True)
    world.copy(world.signal(trade(at=world.now)))
    mine = client_of_docs.Client(server, "ana", "not-a-secret-2026")

    (account,) = mine.accounts()
    (order,) = mine.waiting()
    (decision,) = mine.decisions(account)
    said = mine.approve(order)
    again = mine.approve(order)

    assert (account.name, decision.reason) == ("Main", "COPIED")
    assert said.startswith("Approved: at most")
    assert "changed nothing" in again
    assert mine.waiting() == []
    assert Order.objects.get().state == "LIVE"
    with pytest.raises(client_of_docs.Problem) as refused:
        client_of_docs.Client(server, "ana", "wrong")
    assert refused.value.code
    assert_invariants()


def test_it_runs_as_a_program(world: World, server):
    running(world)
    world.buy()

    ran = subprocess.run(
        [sys.executable, str(PATH), server, "ana", "not-a-secret-2026", "--once"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ran.returncode == 0, ran.stderr
    assert "PAPER     Main" in ran.stdout
    assert "COPIED" in ran.stdout


async def heard(user_id: int, after: int | None, count: int) -> list[dict]:
    found, stream = [], events._told(user_id, after)
    async for chunk in stream:
        text = chunk.decode()
        if "data: " in text:
            found.append(json.loads(text.split("data: ")[1]))
        if len(found) == count:
            break
    await stream.aclose()
    return found


def test_the_stream_goes_on_after_the_last_event_that_was_heard(world: World):
    def tell(words: str) -> int:
        return record(
            kind="order_in_doubt", sentence=words, account_id=world.account.pk, at=world.now
        ).pk

    first = tell("one")
    tell("two")

    async def run():
        later = asyncio.create_task(heard(world.owner.pk, first, 2))
        await asyncio.sleep(0.3)
        await sync_to_async(tell)("three")
        return await asyncio.wait_for(later, 20)

    told = asyncio.run(run())

    assert [each["sentence"] for each in told] == ["two", "three"]


def test_the_stream_is_for_whoever_signed_in(world: World, client):
    answer = client.get("/api/v1/events/stream/")

    assert answer.status_code == 401
    assert answer["Content-Type"] == "application/problem+json"
