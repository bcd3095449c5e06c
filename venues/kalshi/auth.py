"""Requests signed as Kalshi wants them, without I/O (reference: kalshi.md section 2).

A key is parsed once and kept: parsing takes many times as long as signing (`make bench`).
"""

import base64
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa

from venues.errors import NotSent
from venues.secrets import Secret

Clock = Callable[[], datetime]

MOST_SKEW = timedelta(seconds=2)  # 5 s are accepted and 30 s refused; the limit is not documented
KNOWN_FOR = timedelta(seconds=60)  # after which the clock is compared again
SMALLEST = 2048  # bits of an RSA key
SALTED = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=hashes.SHA256.digest_size)
PEM = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----(.*?)-----END \1-----", re.DOTALL)


class BadKey(ValueError):
    """A private key that cannot be one. The text does not quote it."""


class ClockOff(NotSent):
    """This machine's clock is too far from the exchange's for a signature."""


class SigningKey:
    """A private key that was parsed once. Shows nothing of itself."""

    def __init__(self, pem: Secret) -> None:
        """Raises BadKey for what is neither an RSA nor an Ed25519 key."""
        self._key = _parsed(normal_pem(pem.reveal()))

    @property
    def kind(self) -> str:
        return "RSA" if isinstance(self._key, rsa.RSAPrivateKey) else "Ed25519"

    def sign(self, text: bytes) -> str:
        """Return a signature as base64: RSA-PSS with SHA-256, or Ed25519."""
        if isinstance(self._key, rsa.RSAPrivateKey):
            made = self._key.sign(text, SALTED, hashes.SHA256())
        else:
            made = self._key.sign(text)
        return base64.b64encode(made).decode()

    def __repr__(self) -> str:
        return "SigningKey(...)"

    def __reduce__(self) -> Any:
        raise TypeError("a key is not pickled")


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """All that is needed to trade for one Kalshi account."""

    key_id: str
    account: str  # what tells this Kalshi account from others, whichever key it uses
    signing: SigningKey


class ServerClock:
    """How far this machine's clock is from the exchange's, by the Date of its answers.

    A Date has whole seconds and an answer takes its time, so only what both cannot explain counts.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._skew = timedelta(0)
        self._at: datetime | None = None
        self._proved: list[tuple[datetime, timedelta]] = []

    def hear(self, headers: Mapping[str, str], *, sent: datetime, received: datetime) -> None:
        """Learn from one answer; one without a Date, or an old one, teaches nothing."""
        if headers.get("age", "0") != "0":
            return  # somebody on the way has kept it
        try:
            told = parsedate_to_datetime(headers["date"])
        except (KeyError, ValueError, TypeError):
            return
        ahead, behind = sent - (told + timedelta(seconds=1)), told - received
        with self._lock:
            # Each answer proves a least difference; the largest of the last ones is the nearest.
            # A clock that was put right makes what it said before worthless.
            was_put_back = self._at is not None and received < self._at
            kept = [] if was_put_back else self._proved
            self._proved = [each for each in kept if received - each[0] < KNOWN_FOR]
            self._proved.append((received, max(ahead, behind, timedelta(0))))
            self._skew, self._at = max(skew for _, skew in self._proved), received

    def is_known(self, *, now: datetime) -> bool:
        return self._at is not None and abs(now - self._at) < KNOWN_FOR

    @property
    def skew(self) -> timedelta:
        """Return by how much the clocks differ at least, as far as was heard."""
        return self._skew

    def check(self) -> None:
        """Raise ClockOff while signatures would carry a wrong time."""
        if self._skew > MOST_SKEW:
            raise ClockOff(
                f"This server's clock is {self._skew.total_seconds():.1f} s off Kalshi's; signing "
                f"stops at {MOST_SKEW.total_seconds():.0f} s. Switch time synchronisation on."
            )


class SignedRequests(httpx.Auth):
    """Sign each request at the moment in which it leaves. The body is not signed."""

    def __init__(self, *, keys: Keys, now: Clock, clock: ServerClock) -> None:
        self._keys, self._now, self._clock = keys, now, clock

    def auth_flow(self, request: httpx.Request) -> Iterator[httpx.Request]:  # type: ignore[override]  # a Generator there
        self._clock.check()
        request.headers.update(
            signed_headers(
                self._keys, method=request.method, path=request.url.path, now=self._now()
            )
        )
        yield request


def signed_headers(keys: Keys, *, method: str, path: str, now: datetime) -> dict[str, str]:
    """Return the three headers of a request; the path has no query."""
    stamp = str(int(now.timestamp() * 1000))
    return {
        "KALSHI-ACCESS-KEY": keys.key_id,
        "KALSHI-ACCESS-TIMESTAMP": stamp,
        "KALSHI-ACCESS-SIGNATURE": keys.signing.sign(f"{stamp}{method.upper()}{path}".encode()),
    }


def normal_pem(pasted: str) -> str:
    """Return a PEM as it was before it was pasted: with real newlines, whatever became of them.

    Raises BadKey for what has no begin and end.
    """
    plain = pasted.replace("\\\\", "\\").replace("\\r", "").replace("\\n", "\n")
    found = PEM.search(plain)
    if found is None:
        raise BadKey(
            "This is no private key: it begins with -----BEGIN ... PRIVATE KEY----- and ends with "
            "-----END ... PRIVATE KEY-----. Paste the whole file that Kalshi let you download."
        )
    label, body = found.group(1), "".join(found.group(2).split())
    if "PRIVATE" not in label:
        raise BadKey(f"This is a {label}, not the private key. Kalshi shows that one only once.")
    lines = [body[start : start + 64] for start in range(0, len(body), 64)]
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""])


def _parsed(pem: str) -> rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey:
    try:
        key = serialization.load_pem_private_key(pem.encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise BadKey(
            "This private key cannot be read: it is incomplete, has a passphrase, or was changed. "
            "Paste the whole file that Kalshi let you download."
        ) from None
    if isinstance(key, rsa.RSAPrivateKey):
        if key.key_size < SMALLEST:
            raise BadKey(f"Kalshi's RSA keys have {SMALLEST} bits or more, this one fewer.")
        return key
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key
    raise BadKey("Kalshi's keys are RSA or Ed25519; this one is neither.")
