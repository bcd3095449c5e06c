"""Seal and open credentials: a data key for each one, wrapped by keys that can be rotated.

AES-256-GCM binds the ciphertext to its account, owner and venue, so one that is copied to another
row does not open. Without the right CREDENTIAL_KEYS nothing opens: there is no way around it.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

from venues.secrets import Secret

NONCE = 12  # bytes


class VaultClosed(Exception):
    """A credential cannot be sealed or opened; the text says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """What is stored: neither part is worth anything without CREDENTIAL_KEYS."""

    box: bytes  # nonce and ciphertext
    data_key: bytes  # wrapped


def seal(secrets: Mapping[str, Secret], *, bound_to: str) -> Sealed:
    """Encrypt secrets under a new data key. Raises VaultClosed."""
    data_key, nonce = AESGCM.generate_key(256), os.urandom(NONCE)
    box = nonce + AESGCM(data_key).encrypt(nonce, _plain(secrets), bound_to.encode())
    return Sealed(box=box, data_key=_keys().encrypt(data_key))


def _plain(secrets: Mapping[str, Secret]) -> bytes:
    return orjson.dumps({name: secret.reveal() for name, secret in secrets.items()})


def unseal(sealed: Sealed, *, bound_to: str) -> dict[str, Any]:
    """Return the secrets. Raises VaultClosed for a wrong key or a box of somebody else."""
    data_key = _unwrap(sealed.data_key)
    try:
        text = AESGCM(data_key).decrypt(sealed.box[:NONCE], sealed.box[NONCE:], bound_to.encode())
    except InvalidTag:
        raise VaultClosed(
            "This credential was sealed for another account, or was changed. Enter it again."
        ) from None
    found: dict[str, Any] = orjson.loads(text)
    return found


def seal_with(sealed: Sealed, text: bytes, *, bound_to: str) -> bytes:
    """Encrypt more under the data key of a credential."""
    nonce = os.urandom(NONCE)
    return nonce + AESGCM(_unwrap(sealed.data_key)).encrypt(nonce, text, bound_to.encode())


def rewrap(sealed: Sealed) -> Sealed:
    """Wrap a data key by the first of CREDENTIAL_KEYS; what is in the box stays as it is."""
    try:
        return Sealed(box=sealed.box, data_key=_keys().rotate(sealed.data_key))
    except InvalidToken:
        raise VaultClosed(_WRONG_KEYS) from None


def _unwrap(data_key: bytes) -> bytes:
    try:
        return _keys().decrypt(data_key)
    except InvalidToken:
        raise VaultClosed(_WRONG_KEYS) from None


_WRONG_KEYS = (
    "CREDENTIAL_KEYS does not open this credential. Put the key that it was stored with back into "
    "the list, or enter the credential again."
)


def _keys() -> MultiFernet:
    try:
        keys = [Fernet(key) for key in settings.CREDENTIAL_KEYS]
    except ValueError:
        raise VaultClosed(
            "CREDENTIAL_KEYS holds something that is no key. Make one: "
            "manage.py rotate_credentials --new-key"
        ) from None
    if not keys:
        raise VaultClosed(
            "CREDENTIAL_KEYS is empty, so nothing can be stored. Make a key: "
            "manage.py rotate_credentials --new-key"
        )
    return MultiFernet(keys)
