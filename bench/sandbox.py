"""How many signed orders a second both sandbox exchanges take, each in a request of its own."""

import asyncio
import base64
import json
import subprocess
import sys
import time
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from bench.result import Result
from sandbox.exchanges import FundedUser, Sandbox
from venues.polymarket.auth import ApiKey, Keys, SignedRequests, key_request_headers
from venues.polymarket.signing import signed_order
from venues.polymarket.wallets import wallet_of
from venues.secrets import Secret
from venues.types import OrderKind, OrderRequest, Side, Terms

SEED, PORT = 11, 18700
EACH = 300  # orders to each exchange
LINES = 8  # requests on their way at once
ROOT = Path(__file__).resolve().parent.parent
TERMS = Terms(tick=Decimal("0.01"), min_shares=Decimal(5), neg_risk=False, protocol="v1")


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
    url = f"http://127.0.0.1:{PORT}"
    headers = key_request_headers(Secret(user.wallet_key), now=datetime.now(UTC))
    creds = (await client.post(f"{url}/auth/api-key", headers=headers)).json()
    return [_order(url, user, token, creds, number=number) for number in range(EACH)]


def _order(
    url: str, user: FundedUser, token: str, creds: dict[str, str], *, number: int
) -> httpx.Request:
    """Return one order as our own adapter sends it."""
    now = datetime.now(UTC)
    keys = Keys(
        wallet=wallet_of(user.wallet, user.wallet),
        private_key=Secret(user.wallet_key),
        api=ApiKey(
            key=creds["apiKey"],
            secret=Secret(creds["secret"]),
            passphrase=Secret(creds["passphrase"]),
        ),
    )
    asked = OrderRequest(
        client_order_id=f"bench-{number}",
        token=token,
        side=Side.BUY,
        limit_price=Decimal("0.01"),
        shares=Decimal(5),
        sent_at=now,
        expires_at=now,
        kind=OrderKind.GTC,
    )
    body = signed_order(asked, keys=keys, terms=TERMS).body
    request = httpx.Request("POST", f"{url}/order", content=body)
    signed = SignedRequests(address=keys.wallet.owner, api=keys.api, now=lambda: now)
    return next(signed.auth_flow(request))
