"""A Kalshi client for tests: on the sandbox's world, or on whatever answers."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import httpx
from cryptography.hazmat.primitives import serialization

from tests.sandbox.kalshi_world import HOME, RSA_KEY, SHARD, KalshiWorld, PrivateKey
from venues.kalshi.auth import Keys, ServerClock, SigningKey
from venues.kalshi.calls import Calls
from venues.kalshi.client import KalshiClient
from venues.kalshi.parse import token_of
from venues.secrets import Secret
from venues.types import OrderKind, OrderRequest, PriceRange, Side, Terms

ROOT = "/trade-api/v2"
YES, NO = token_of(HOME, "yes"), token_of(HOME, "no")
CENTS = (PriceRange(start=Decimal(0), end=Decimal(1), step=Decimal("0.01")),)
TERMS = Terms(
    tick=Decimal("0.01"),
    min_shares=Decimal("0.01"),
    neg_risk=False,
    protocol="v2",
    ranges=CENTS,
    shard=SHARD,
)


def private_pem(key: PrivateKey) -> str:
    kind = (
        serialization.PrivateFormat.TraditionalOpenSSL
        if hasattr(key, "private_numbers")
        else serialization.PrivateFormat.PKCS8
    )
    return key.private_bytes(
        serialization.Encoding.PEM, kind, serialization.NoEncryption()
    ).decode()


SIGNING = SigningKey(Secret(private_pem(RSA_KEY)))


def keys(name: str = "alice") -> Keys:
    return Keys(key_id=f"key-{name}", account=name, signing=SIGNING)


def client(
    url: str,
    *,
    now: Callable[[], datetime],
    http: httpx.Client | None = None,
    name: str = "alice",
    clock: ServerClock | None = None,
    **options,
) -> KalshiClient:
    own, clock = keys(name), clock or ServerClock()
    calls = Calls(
        url + ROOT,
        http=http or httpx.Client(),
        now=now,
        clock=clock,
        keys=own,
        sleep=lambda seconds: None,
        **options,
    )
    return KalshiClient(keys=own, calls=calls, now=now)


def on(world: KalshiWorld, url: str, **options) -> KalshiClient:
    return client(url, now=world.clock.wall, **options)


def request(
    number: int = 1,
    *,
    limit: str = "0.50",
    shares: str = "20",
    at: datetime = datetime(2026, 10, 20, 22, tzinfo=UTC),
    token: str = YES,
    side: Side = Side.BUY,
    kind: OrderKind = OrderKind.GTD,
    **more,
) -> OrderRequest:
    import uuid

    return OrderRequest(
        **{
            "client_order_id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"kalshi {number}")),
            "token": token,
            "side": side,
            "limit_price": Decimal(limit),
            "shares": Decimal(shares),
            "sent_at": at,
            "expires_at": at + timedelta(hours=1),
            "kind": kind,
            "terms": TERMS,
            "fee_rate": Decimal("0.07"),
            "market": HOME,
            **more,
        }
    )
