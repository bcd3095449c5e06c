"""The chain: logs of what was filled, contract calls, and transactions that nobody signed."""

import asyncio
import json
from decimal import Decimal

import httpx
import pytest
import websockets
from eth_abi.abi import decode
from polymarket._internal.actions.relayer.calls import ctf_redeem_positions_call
from polymarket.environments import PRODUCTION

from sandbox.polymarket.node import ORDER_FILLED
from sandbox.polymarket.rows import Rules
from sandbox.serving import serving
from tests.sandbox.polymarket_world import KEY, OTHER, YES, PolymarketWorld
from tests.sandbox.test_polymarket import buy, wait

TOPIC = "0xd543adfd945773f1a62f74f0ee55a5e3b9b1a28262980ba90b1a89f2ea84d8ee"


@pytest.fixture
def world() -> PolymarketWorld:
    return PolymarketWorld(speed=0)


def rpc(url: str, method: str, *params):
    body = {"jsonrpc": "2.0", "id": 7, "method": method, "params": list(params)}
    return httpx.post(f"{url}/rpc", json=body).json()


def padded(address: str) -> str:
    return "0x" + "0" * 24 + address[2:].lower()


def test_the_event_is_the_one_that_everybody_filters_by():
    assert "0x" + ORDER_FILLED.hex() == TOPIC


def test_a_fill_is_logged_once_for_each_order_with_its_owner_as_maker(world):
    world.quote(YES, "0.55", "30")
    taker = buy(world, "0.60", "10")
    with serving(world.app) as url:
        before = rpc(url, "eth_getLogs", {"fromBlock": "0x0", "toBlock": "0x1"})
        wait(world, 3)
        span = {"fromBlock": hex(int(world.clock.now().timestamp()) // 2 - 100)}
        logs = rpc(url, "eth_getLogs", {**span, "topics": [TOPIC]})["result"]
        mine = rpc(url, "eth_getLogs", {**span, "topics": [TOPIC, None, padded(world.owner)]})
        others = rpc(url, "eth_getLogs", {**span, "address": "0x" + "12" * 20})

    assert before["result"] == []
    assert len(logs) == 2
    (log,) = mine["result"]
    assert others["result"] == []
    assert log["topics"][1] == taker.order_id
    assert log["topics"][3] == padded(world.market.domain.contract)  # the taker's own event
    side, token, gave, got, fee, _, _ = decode(
        ["uint8", "uint256", "uint256", "uint256", "uint256", "bytes32", "bytes32"],
        bytes.fromhex(log["data"][2:]),
    )
    assert (side, str(token), gave, got) == (0, YES, 5_500_000, 10_000_000)
    assert fee == int(world.market.taker_fee(price=Decimal("0.55"), shares=Decimal(10)) * 10**6)
    assert log["transactionHash"] == world.exchange.trades[0].transaction


def test_a_match_that_the_chain_lost_was_never_logged():
    world = PolymarketWorld(speed=0, rules=Rules(fails=frozenset({1})))
    world.quote(YES, "0.55", "30")
    buy(world, "0.60", "10")
    wait(world, 20)

    assert list(world.node.logs(0, 2**40)) == []


def test_logs_are_told_by_subscription():
    world = PolymarketWorld(speed=20)

    async def listen(url: str) -> list[dict]:
        async with websockets.connect(url.replace("http", "ws") + "/rpc") as socket:
            asked = {"topics": [TOPIC, None, padded(world.owner)]}
            call = {"jsonrpc": "2.0", "id": 1, "method": "eth_subscribe", "params": ["logs", asked]}
            await socket.send(json.dumps(call))
            name = json.loads(await socket.recv())["result"]
            await socket.send('{"jsonrpc": "2.0", "id": 2, "method": "eth_chainId", "params": []}')
            chain = json.loads(await socket.recv())
            world.quote(YES, "0.55", "30")
            buy(world, "0.60", "10")
            await asyncio.sleep(0.3)
            world.exchange.tick(now=world.clock.now())
            told = json.loads(await asyncio.wait_for(socket.recv(), 5))
            return [name, chain["result"], told]

    with serving(world.app) as url:
        name, chain, told = asyncio.run(listen(url))

    assert chain == "0x89"
    assert told["params"]["subscription"] == name
    assert told["params"]["result"]["topics"][2] == padded(world.owner)


@pytest.mark.parametrize(
    ("method", "params", "code"),
    [
        ("eth_nonsense", [], -32601),
        ("eth_getLogs", [], -32602),
        ("eth_getLogs", [{"fromBlock": "zz"}], -32602),
        ("eth_getLogs", [{"fromBlock": "0x0"}], -32602),  # a span without end
        ("eth_call", [{"to": "0x1", "data": "0x12345678"}], 3),
        ("eth_call", [{"to": "0x1"}], -32602),
        ("eth_sendRawTransaction", ["0x00"], -32602),
    ],
)
def test_what_cannot_be_answered_says_so(world, method, params, code):
    with serving(world.app) as url:
        answer = rpc(url, method, *params)

    assert answer["id"] == 7
    assert answer["error"]["code"] == code


@pytest.mark.parametrize("body", [b"{", b"5", b"[5]", b'{"method": "eth_chainId", "params": 5}'])
def test_garbage_is_answered_too(world, body):
    with serving(world.app) as url:
        answer = httpx.post(f"{url}/rpc", content=body)

    found = answer.json()
    assert answer.status_code == 200
    assert (found[0] if isinstance(found, list) else found)["error"]["code"] < 0


def signed(world: PolymarketWorld, key: str, **changed) -> dict:
    """Return a redemption of a deposit wallet as the official client builds it."""
    from eth_account import Account
    from polymarket._internal.actions.relayer.signing.deposit_wallet import (
        sign_deposit_wallet_batch,
    )

    call = ctf_redeem_positions_call(
        ctf=PRODUCTION._config.collateral_adapter,
        collateral=PRODUCTION._config.collateral_token,
        condition_id=world.market.condition,
    )
    deadline = str(int(world.clock.now().timestamp()) + 600)
    signature = sign_deposit_wallet_batch(
        Account.from_key(key),
        wallet=DEPOSIT,
        calls=[call],
        nonce=changed.get("nonce", "0"),
        deadline=deadline,
        chain_id=137,
    )
    row = {
        "type": "WALLET",
        "from": world.owner,
        "to": "0x" + "00" * 20,
        "nonce": changed.get("nonce", "0"),
        "signature": signature,
        "metadata": "",
        "depositWalletParams": {
            "depositWallet": DEPOSIT,
            "deadline": changed.get("deadline", deadline),
            "calls": [{"target": str(call.to), "value": "0", "data": call.data}],
        },
    }
    return row | changed.get("row", {})


DEPOSIT = "0x" + "77" * 20


@pytest.fixture
def rich(world) -> PolymarketWorld:
    wallet = world.exchange.open_wallet(
        DEPOSIT, owner=world.owner, signature_type=3, cash=Decimal(0)
    )
    wallet.shares[YES] = Decimal(100)
    world.exchange.resolve(world.market.condition, (Decimal(1), Decimal(0)), now=world.clock.now())
    world.exchange.relayer_keys[world.owner.lower()] = "right"
    return world


def submit(world: PolymarketWorld, url: str, row: dict, *, key: str = "right") -> httpx.Response:
    headers = {"RELAYER_API_KEY": key, "RELAYER_API_KEY_ADDRESS": world.owner}
    return httpx.post(f"{url}/submit", json=row, headers=headers)


def test_a_signed_redemption_pays_after_a_block_and_only_once(rich):
    with serving(rich.app) as url:
        first = submit(rich, url, signed(rich, KEY))
        busy = submit(rich, url, signed(rich, KEY, nonce="1"))
        paid_at_once = rich.exchange.wallets[DEPOSIT].cash
        wait(rich, 5)
        path = f"{url}/v1/account/transactions/{first.json()['transactionID']}"
        state = httpx.get(path).json()["state"]
        again = submit(rich, url, signed(rich, KEY, nonce="1"))
        wait(rich, 5)
        httpx.get(path)

    assert first.json()["state"] == "STATE_NEW"
    assert "busy" in busy.json()["error"]
    assert paid_at_once == 0
    assert state == "STATE_CONFIRMED"
    assert again.status_code == 200
    assert rich.exchange.wallets[DEPOSIT].cash == 100  # redeeming twice gives nothing more


@pytest.mark.parametrize(
    ("build", "key", "status", "words"),
    [
        (lambda world: signed(world, KEY), "wrong", 401, "authorization"),
        (lambda world: signed(world, OTHER), "right", 401, "invalid signature"),
        (lambda world: signed(world, KEY, nonce="5"), "right", 400, "does not match on-chain"),
        (lambda world: signed(world, KEY, nonce="x"), "right", 400, "whole number"),
        (lambda world: signed(world, KEY, deadline="5"), "right", 400, "deadline"),
        (lambda world: signed(world, KEY, row={"type": "SAFE"}), "right", 400, "no SAFE wallet"),
        (lambda world: signed(world, KEY, row={"signature": "0x12"}), "right", 400, "invalid"),
        (
            lambda world: signed(world, KEY, row={"depositWalletParams": 5}),
            "right",
            400,
            "invalid payload",
        ),
        (lambda world: {}, "right", 400, "wallet of"),
        (lambda world: [], "right", 400, "invalid payload"),
    ],
)
def test_what_the_owner_did_not_sign_is_not_done(rich, build, key, status, words):
    try:
        row = build(rich)
    except ValueError:
        row = signed(rich, KEY, row={"nonce": "x"})
    with serving(rich.app) as url:
        answer = submit(rich, url, row, key=key)
        wait(rich, 5)
        rich.node.advance(rich.clock.now())

    assert answer.status_code == status
    assert words in answer.json()["error"]
    assert rich.exchange.wallets[DEPOSIT].cash == 0


def test_an_unresolved_market_is_not_redeemed(world):
    world.exchange.open_wallet(DEPOSIT, owner=world.owner, signature_type=3, cash=Decimal(0))
    world.exchange.relayer_keys[world.owner.lower()] = "right"
    with serving(world.app) as url:
        sent = submit(world, url, signed(world, KEY)).json()
        wait(world, 5)
        path = f"{url}/v1/account/transactions/{sent['transactionID']}"
        found = httpx.get(path).json()

    assert found["state"] == "STATE_FAILED"
    assert "not resolved" in found["error_msg"]
