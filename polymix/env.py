"""Settings read from the environment; `.env.example` lists each with a line."""

import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from pathlib import Path

import environ
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from polymix import embedded

env = environ.Env()
environ.Env.read_env(embedded.ROOT / ".env")


def secret_key() -> str:
    """Return SECRET_KEY, or the one made for this installation on its first start."""
    given = env.str("SECRET_KEY", default="")
    if given:
        return str(given)
    return _kept("secret_key", lambda: secrets.token_urlsafe(64))


def credential_keys() -> list[str]:
    """Return CREDENTIAL_KEYS, newest first; without any, one is made once and kept."""
    given: list[str] = [key.strip() for key in env.list("CREDENTIAL_KEYS", default=[])]
    if given:
        return given
    return [_kept("credential_key", lambda: Fernet.generate_key().decode())]


def vapid_key() -> str:
    """Return the key by which push services know this server, as PEM; one is made once and kept."""
    given = env.str("VAPID_PRIVATE_KEY", default="").replace("\\n", "\n")
    return given or _kept("vapid_key.pem", _new_vapid_key)


def _new_vapid_key() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def _kept(name: str, make: Callable[[], str]) -> str:
    """Return a secret of this installation; whoever comes first makes it, whole or not at all."""
    path: Path = embedded.home() / name
    if not path.exists():
        fresh = path.with_name(f"{name}.{os.getpid()}")
        fresh.touch(mode=0o600)
        fresh.write_text(make())
        with suppress(FileExistsError):
            os.link(fresh, path)
        fresh.unlink()
    return path.read_text().strip()


def hashes(name: str, *, default: dict[str, str]) -> dict[str, tuple[str, ...]]:
    """Return first digits of hashes by key, as `NBA=0a1b+2c3d,NHL=4e5f` gives them."""
    found: dict[str, str] = env.dict(name, default=default)
    return {key: tuple(filter(None, value.split("+"))) for key, value in found.items()}


def dollars(name: str, *, default: str) -> Decimal:
    return Decimal(env.str(name, default=default))
