"""Signing a request to Kalshi with a key that was parsed once, against parsing it each time."""

from datetime import UTC, datetime
from statistics import median

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from bench.result import Result, seconds
from venues.kalshi.auth import Keys, SigningKey, signed_headers
from venues.secrets import Secret

ROUNDS = 60
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
BITS = 2048  # as Kalshi's own keys


def measure_signing(folder: str) -> Result:
    pem = Secret(
        rsa.generate_private_key(public_exponent=65537, key_size=BITS)
        .private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
        .decode()
    )
    kept = SigningKey(pem)
    ours, theirs = [], []
    for _ in range(ROUNDS):
        ours.append(seconds(lambda: _sign(kept)))
        theirs.append(seconds(lambda: _sign(SigningKey(pem))))
    return Result(
        name="signing a request to Kalshi with the kept key against parsing it each time",
        measured=median(theirs) / median(ours),
        promised=20,
        unit="times faster",
    )


def _sign(signing: SigningKey) -> None:
    keys = Keys(key_id="bench", account="bench", signing=signing)
    signed_headers(keys, method="POST", path="/trade-api/v2/portfolio/events/orders", now=NOW)
