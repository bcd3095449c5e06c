"""Requests signed as Polymarket wants them, without I/O (reference: polymarket.md section 4)."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

import httpx
from coincurve import PrivateKey
from eth_utils.address import to_checksum_address

from venues.polymarket import eip712
from venues.secrets import NO_SECRET, Secret

Clock = Callable[[], datetime]


class BadKey(ValueError):
    """A private key, or an API secret, that cannot be one. The text does not quote it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """What Polymarket gave a wallet to sign its requests with."""

    key: str
    secret: Secret
    passphrase: Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Wallet:
    """Whose money it is, and whose signature moves it; both addresses are checksummed."""

    owner: str  # the address of the private key
    funder: str  # what holds the money: the same one, a proxy, a Safe or a deposit wallet
    signature_type: int  # 0 to 3, see polymarket.md 3.3

    @property
    def signer(self) -> str:
        """Return the address that orders name as their signer."""
        return self.funder if self.signature_type == eip712.DEPOSIT_WALLET else self.owner


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """All that is needed to trade for one wallet. Shows nothing of it."""

    wallet: Wallet
    private_key: Secret
    api: ApiKey
    relayer_key: Secret = NO_SECRET  # for wallets that are contracts, to move without gas


class SignedRequests(httpx.Auth):
    """Sign each request over the exact bytes of its body (L2)."""

    requires_request_body = True

    def __init__(self, *, address: str, api: ApiKey, now: Clock) -> None:
        self._address, self._api, self._now = address, api, now

    def auth_flow(self, request: httpx.Request) -> Iterator[httpx.Request]:  # type: ignore[override]  # a Generator there
        stamp = str(int(self._now().timestamp()))
        request.headers["POLY_ADDRESS"] = self._address
        request.headers["POLY_API_KEY"] = self._api.key
        request.headers["POLY_PASSPHRASE"] = self._api.passphrase.reveal()
        request.headers["POLY_TIMESTAMP"] = stamp
        request.headers["POLY_SIGNATURE"] = request_signature(
            self._api.secret.reveal(),
            timestamp=stamp,
            method=request.method,
            path=request.url.path,
            body=request.content,
        )
        yield request


def request_signature(secret: str, *, timestamp: str, method: str, path: str, body: bytes) -> str:
    """Return the HMAC of a request over its exact bytes; the path has no query.

    Raises BadKey for a secret that is not base64.
    """
    try:
        key = base64.urlsafe_b64decode(secret + "=" * (-len(secret) % 4))
    except (binascii.Error, ValueError):
        raise BadKey("the API secret is not base64") from None
    signed = f"{timestamp}{method}{path}".encode() + body
    return base64.urlsafe_b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def key_request_headers(private_key: Secret, *, now: datetime, nonce: int = 0) -> dict[str, str]:
    """Return the headers that ask for the API key of a private key's own address (L1)."""
    address, stamp = address_of(private_key), str(int(now.timestamp()))
    digest = eip712.key_request_digest(wallet=address, timestamp=stamp, nonce=nonce)
    return {
        "POLY_ADDRESS": address,
        "POLY_TIMESTAMP": stamp,
        "POLY_NONCE": str(nonce),
        "POLY_SIGNATURE": "0x" + sign(private_key, digest).hex(),
    }


def sign(private_key: Secret, digest: bytes) -> bytes:
    """Return 65 bytes: r, s and 27 or 28; the same ones for a digest every time (RFC 6979)."""
    made = _key(private_key).sign_recoverable(digest, hasher=None)
    return made[:64] + bytes([made[64] + 27])


def address_of(private_key: Secret) -> str:
    """Return the checksummed address of a private key. Raises BadKey."""
    public = _key(private_key).public_key.format(compressed=False)
    return str(to_checksum_address(eip712.keccak(public[1:])[12:]))


def _key(private_key: Secret) -> PrivateKey:
    try:
        raw = bytes.fromhex(private_key.reveal().strip().removeprefix("0x"))
        if len(raw) == 32:
            return PrivateKey(raw)
    except ValueError:
        pass
    raise BadKey("a private key is 64 hexadecimal digits")
