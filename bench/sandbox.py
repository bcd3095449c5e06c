"""How many signed orders a second both sandbox exchanges take, each in a request of its own."""

import asyncio
import base64
import json
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from coincurve import PrivateKey
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from bench.result import Result
from sandbox.exchanges import FundedUser, Sandbox
from sandbox.polymarket import signing
from sandbox.polymarket.signing import Domain, SignedOrder

SEED, PORT = 11, 18700
EACH = 300  # orders to each exchange
LINES = 8  # requests on their way at once
ROOT = Path(__file__).resolve().parent.parent
ZERO = "0x" + "00" * 32


def measure(folder: str) -> Result:
    server = subprocess.Popen(
        [sys.executable, "manage.py", "sandbox", "--seed", str(SEED), "--port", str(PORT)],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
    )
    try:
        rate = asyncio.run(_measure())
    finally:
        server.terminate()
        server.wait()
    return Result(
        name="signed orders accepted by both sandbox exchanges over HTTP",
        measured=rate,
        promised=300,
        unit="orders a second",
    )


async def _measure() -> float:
    user = Sandbox(seed=SEED, start=datetime.now(UTC)).users[0]  # one seed, the same keys
    async with httpx.AsyncClient(timeout=10) as client:
        await _wait(client)
        books = f"http://127.0.0.1:{PORT + 1}/trade-api/v2"
        listed = (await client.get(f"{books}/markets", params={"limit": 1000})).json()["markets"]
        games = (await client.get(f"http://127.0.0.1:{PORT}/markets")).json()
        ticker, token = listed[-1]["ticker"], json.loads(games[-1]["clobTokenIds"])[0]
        asked = _kalshi(user, ticker) + await _polymarket(client, user, token)
        queue = iter(asked)
        started = time.perf_counter()
        refusals = await asyncio.gather(*(_send(client, queue) for _ in range(LINES)))
        took = time.perf_counter() - started
    refused = [text for line in refusals for text in line]
    if refused:
        raise SystemExit(f"sandbox: {len(refused)} of {len(asked)} orders refused: {refused[:1]}")
    return len(asked) / took


async def _wait(client: httpx.AsyncClient) -> None:
    for _ in range(200):
        try:
            await client.get(f"http://127.0.0.1:{PORT}/ok")
            await client.get(f"http://127.0.0.1:{PORT + 1}/trade-api/v2/exchange/status")
            return
        except httpx.TransportError:
            await asyncio.sleep(0.1)
    raise SystemExit("sandbox: it did not start")


async def _send(client: httpx.AsyncClient, queue: Any) -> list[str]:
    answers = [await client.send(request) for request in queue]
    return [each.text for each in answers if each.status_code not in (200, 201)]


def _kalshi(user: FundedUser, ticker: str) -> list[httpx.Request]:
    key = serialization.load_pem_private_key(user.kalshi_key.encode(), None)
    assert isinstance(key, ed25519.Ed25519PrivateKey)
    path = "/trade-api/v2/portfolio/events/orders"
    made = []
    for number in range(EACH):
        stamp = str(round(time.time() * 1000))
        body = {
            "ticker": ticker,
            "client_order_id": f"bench-{number}",
            "side": "bid",
            "count": "1.00",
            "price": "0.01",
            "time_in_force": "good_till_canceled",
            "self_trade_prevention_type": "taker_at_cross",
        }
        headers = {
            "KALSHI-ACCESS-KEY": user.kalshi_key_id,
            "KALSHI-ACCESS-TIMESTAMP": stamp,
            "KALSHI-ACCESS-SIGNATURE": base64.b64encode(
                key.sign(f"{stamp}POST{path}".encode())
            ).decode(),
        }
        url = f"http://127.0.0.1:{PORT + 1}{path}"
        made.append(httpx.Request("POST", url, json=body, headers=headers))
    return made


async def _polymarket(
    client: httpx.AsyncClient, user: FundedUser, token: str
) -> list[httpx.Request]:
    url, key = f"http://127.0.0.1:{PORT}", PrivateKey(bytes.fromhex(user.wallet_key[2:]))
    stamp = str(int(time.time()))
    digest = signing.key_request_digest(address=user.wallet, timestamp=stamp, nonce=0)
    headers = {
        "POLY_ADDRESS": user.wallet,
        "POLY_TIMESTAMP": stamp,
        "POLY_NONCE": "0",
        "POLY_SIGNATURE": _signature(key, digest),
    }
    creds = (await client.post(f"{url}/auth/api-key", headers=headers)).json()
    return [_order(url, user, token, creds, number=number) for number in range(EACH)]


def _order(
    url: str, user: FundedUser, token: str, creds: dict[str, str], *, number: int
) -> httpx.Request:
    key = PrivateKey(bytes.fromhex(user.wallet_key[2:]))
    domain = Domain(contract=signing.STANDARD, version="2")
    signed = SignedOrder(
        salt=number + 1,
        maker=user.wallet,
        signer=user.wallet,
        token=int(token),
        maker_amount=50_000,
        taker_amount=5_000_000,
        side=0,
        signature_type=0,
        timestamp=round(time.time() * 1000),
        metadata=ZERO,
        builder=ZERO,
    )
    order = {
        "salt": signed.salt,
        "maker": signed.maker,
        "signer": signed.signer,
        "tokenId": token,
        "makerAmount": str(signed.maker_amount),
        "takerAmount": str(signed.taker_amount),
        "side": "BUY",
        "signatureType": 0,
        "timestamp": str(signed.timestamp),
        "expiration": "0",
        "metadata": ZERO,
        "builder": ZERO,
        "signature": _signature(key, signing.order_digest(signed, domain)),
    }
    body = json.dumps(
        {"order": order, "owner": creds["apiKey"], "orderType": "GTC", "deferExec": False},
        separators=(",", ":"),
    ).encode()
    stamp = str(int(time.time()))
    headers = {
        "POLY_ADDRESS": user.wallet,
        "POLY_TIMESTAMP": stamp,
        "POLY_API_KEY": creds["apiKey"],
        "POLY_PASSPHRASE": creds["passphrase"],
        "POLY_SIGNATURE": signing.request_signature(
            creds["secret"], timestamp=stamp, method="POST", path="/order", body=body
        ),
    }
    return httpx.Request("POST", f"{url}/order", content=body, headers=headers)


def _signature(key: PrivateKey, digest: bytes) -> str:
    raw = key.sign_recoverable(digest, hasher=None)
    return "0x" + (raw[:64] + bytes([raw[64] + 27])).hex()
