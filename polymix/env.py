"""Settings read from the environment; `.env.example` lists each with a line."""

import secrets
from decimal import Decimal
from pathlib import Path

import environ

from polymix import embedded

env = environ.Env()
environ.Env.read_env(embedded.ROOT / ".env")


def secret_key() -> str:
    """Return SECRET_KEY, or the one made for this installation on its first start."""
    given = env.str("SECRET_KEY", default="")
    if given:
        return str(given)
    path: Path = embedded.home() / "secret_key"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(64))
    return path.read_text()


def dollars(name: str, *, default: str) -> Decimal:
    return Decimal(env.str(name, default=default))
