"""A small Kalshi: one game with its two markets, three members, and signed requests."""

import asyncio
import base64
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa

from sandbox.clock import Clock
from sandbox.kalshi.exchange import Exchange, Rules
from sandbox.kalshi.limits import PRIME, Buckets
from sandbox.kalshi.listing import Event, Market, Series
from sandbox.kalshi.server import ROOT, Kalshi, app
from sandbox.log import EventLog

START = datetime(2026, 10, 20, 22, tzinfo=UTC)
HOME, AWAY = "KXNBAGAME-26OCT20OKCSAS-SAS", "KXNBAGAME-26OCT20OKCSAS-OKC"
SHARD = 3
PrivateKey = rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def public_pem(key: PrivateKey) -> bytes:
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def signature(key: PrivateKey, text: str) -> str:
    if isinstance(key, rsa.RSAPrivateKey):
        salted = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=32)
        raw = key.sign(text.encode(), salted, hashes.SHA256())
    else:
        raw = key.sign(text.encode())
    return base64.b64encode(raw).decode()


def listed(start: datetime = START) -> list[Market]:
    series = Series(ticker="KXNBAGAME", title="NBA game", tags=("Basketball",), shard=SHARD)
    event = Event(
        ticker="KXNBAGAME-26OCT20OKCSAS",
        series=series,
        title="Oklahoma City at San Antonio",
        starts_at=start + timedelta(hours=2),
    )
    return [
        Market(
            ticker=ticker,
            event=event,
            yes=team,
            shard=SHARD,
            opens_at=start - timedelta(days=5),
            closes_at=start + timedelta(hours=50),
            expected_at=start + timedelta(hours=5),
            strike={"basketball_team": f"00000000-0000-4000-8000-{number:012}"},
        )
        for number, (ticker, team) in enumerate([(AWAY, "Oklahoma City"), (HOME, "San Antonio")])
    ]


@dataclass
class KalshiWorld:
    rules: Rules = field(default_factory=Rules)
    clock: Clock = field(default_factory=lambda: Clock(start=START, speed=0))

    def __post_init__(self) -> None:
        self.exchange = Exchange(EventLog(), rules=self.rules)
        for market in listed(self.clock.now()):
            self.exchange.list_market(market)
        self.kalshi = Kalshi(exchange=self.exchange, clock=self.clock, buckets=Buckets(PRIME))
        self.keys: dict[str, PrivateKey] = {}
        for name in ("alice", "bob"):
            self.join(name, RSA_KEY)
        self.app = app(self.kalshi)
        self.numbers = 0

    def join(self, name: str, key: PrivateKey, *, cash: str = "1000") -> None:
        self.exchange.open_member(name, cash={0: Decimal(100), SHARD: Decimal(cash)})
        self.kalshi.keys.add(key_id=f"key-{name}", user_id=name, public_pem=public_pem(key))
        self.keys[name] = key

    def headers(self, name: str, method: str, path: str, *, skew: float = 0) -> dict[str, str]:
        at = self.clock.now() + timedelta(seconds=skew)
        stamp = str(round(at.timestamp() * 1000))
        return {
            "KALSHI-ACCESS-KEY": f"key-{name}",
            "KALSHI-ACCESS-TIMESTAMP": stamp,
            "KALSHI-ACCESS-SIGNATURE": signature(self.keys[name], f"{stamp}{method}{path}"),
        }

    def call(self, name: str, method: str, path: str, body: Any = None, **query: Any) -> Any:
        content = json.dumps(body) if body is not None else None
        headers = self.headers(name, method, ROOT + path) if name else {}
        return self.send(method, path, headers, content=content, params=query or None)

    def send(self, method: str, path: str, headers: dict[str, str], **more: Any) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://sandbox") as client:
                return await client.request(method, ROOT + path, headers=headers, **more)

        return asyncio.run(ask())

    def order(self, name: str, side: str, price: str, count: str = "10.00", **more: Any) -> Any:
        self.numbers += 1
        body = {
            "ticker": HOME,
            "side": side,
            "price": price,
            "count": count,
            "time_in_force": "good_till_canceled",
            "self_trade_prevention_type": "taker_at_cross",
            "client_order_id": f"{name}-{self.numbers}",
        }
        return self.call(name, "POST", "/portfolio/events/orders", {**body, **more})

    def cash(self, name: str) -> Decimal:
        return self.exchange.members[name].cash[SHARD]

    def assert_books_balance(self) -> None:
        """Every dollar that members lost is a fee, or lies with the exchange for open pairs."""
        members = self.exchange.members.values()
        fees = sum((fill.fee for member in members for fill in member.fills), Decimal(0))
        cash = sum((sum(member.cash.values()) for member in members), Decimal(0))
        for ticker, market in self.exchange.markets.items():
            held = [m.positions[ticker].count for m in members if ticker in m.positions]
            assert sum(held, Decimal(0)) == 0  # a YES for every NO
            cash += sum((count for count in held if count > 0), Decimal(0))
            assert market.book.best is not None
        assert cash + fees == sum(1100 for _ in members)
