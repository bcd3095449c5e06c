"""Who sent a request: an API key and a signature over time, method and path."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa

from sandbox.clock import milliseconds
from sandbox.kalshi.refusals import Refusal, nested

PublicKey = rsa.RSAPublicKey | ed25519.Ed25519PublicKey
WINDOW = timedelta(seconds=10)  # 5 s are accepted and 30 s refused; the exact limit is not known


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    key_id: str
    user_id: str
    public: PublicKey


class Keys:
    """API keys by id."""

    def __init__(self, *, window: timedelta = WINDOW) -> None:
        self._keys: dict[str, ApiKey] = {}
        self._window = window

    def add(self, *, key_id: str, user_id: str, public_pem: bytes) -> None:
        """Register a key. Raises ValueError for anything but RSA and Ed25519."""
        public = serialization.load_pem_public_key(public_pem)
        if not isinstance(public, rsa.RSAPublicKey | ed25519.Ed25519PublicKey):
            raise ValueError("Kalshi keys are RSA or Ed25519")
        self._keys[key_id] = ApiKey(key_id=key_id, user_id=user_id, public=public)

    def of_user(self, user_id: str) -> list[str]:
        """Return the ids of a user's keys."""
        return [key.key_id for key in self._keys.values() if key.user_id == user_id]

    def user_of(
        self, headers: Mapping[str, str], *, method: str, path: str, times: Sequence[datetime]
    ) -> str:
        """Return the user who signed a request for this path, query left out, at one of some
        times. Raises Refusal.
        """
        signature = headers.get("kalshi-access-signature")
        if not signature:
            raise nested(401, "signature_is_missing_from_headers", service="")
        key = self._keys.get(headers.get("kalshi-access-key", ""))
        if key is None:
            raise _failed("NOT_FOUND")
        stamp = headers.get("kalshi-access-timestamp", "")
        known = stamp.isascii() and stamp.isdecimal() and len(stamp) < 20
        window = self._window / timedelta(milliseconds=1)
        if not known or all(abs(milliseconds(at) - int(stamp)) > window for at in times):
            raise nested(401, "header_timestamp_expired", service="")
        if not _verified(key.public, signature, f"{stamp}{method.upper()}{path}".encode()):
            raise _failed("INCORRECT_API_KEY_SIGNATURE")
        return key.user_id


def _failed(details: str) -> Refusal:
    code = "authentication_error"
    return Refusal(401, {"error": {"code": code, "message": code, "details": details}})


def _verified(key: PublicKey, signature: str, signed: bytes) -> bool:
    try:
        raw = base64.b64decode(signature, validate=True)
        if isinstance(key, rsa.RSAPublicKey):
            salted = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=32)
            key.verify(raw, signed, salted, hashes.SHA256())
        else:
            key.verify(raw, signed)
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True
