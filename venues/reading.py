"""Fields of a venue's JSON, one by one: what is needed and missing is quoted, never guessed."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any


class BadMessage(ValueError):
    """A message that lacks, or garbles, what we need; the text quotes it."""


def number(value: Any, name: str) -> Decimal:
    if isinstance(value, bool) or value is None:
        raise BadMessage(f"{name} {value!r} is not a number")
    try:
        parsed = value if isinstance(value, Decimal) else Decimal(str(value).strip())
    except InvalidOperation:
        raise BadMessage(f"{name} {str(value)[:40]!r} is not a number") from None
    if not parsed.is_finite():
        raise BadMessage(f"{name} {parsed} is not a number")
    return parsed


def text(row: Mapping[str, Any], key: str, *, most: int) -> str:
    found = clean(row.get(key), most=most + 1)
    if not found:
        raise BadMessage(f"{key} is missing")
    if len(found) > most:
        raise BadMessage(f"{key} is over {most} characters")
    return found


def clean(value: Any, *, most: int) -> str:
    """Return text that PostgreSQL stores: no NUL, no lone surrogate, not too long."""
    if value is None or isinstance(value, (dict, list)):
        return ""
    kept = str(value).replace("\x00", "").encode("utf-8", "replace").decode()
    return kept.strip()[:most]


def optional(row: Mapping[str, Any], key: str) -> Decimal | None:
    """Return a number that may be missing, null or empty."""
    value = row.get(key)
    return None if value in (None, "") else number(value, key)


def moment(value: Any, name: str) -> datetime:
    """Return a time written as `2026-10-08T02:00:00Z`."""
    found = moment_or_none(value)
    if found is None:
        raise BadMessage(f"{name} {str(value)[:40]!r} is no time")
    return found


def moment_or_none(value: Any) -> datetime | None:
    """Return a time; None for one that is missing, or the zero that stands for never."""
    try:
        at = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    at = at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    return at if at.year > 1 else None


def texts(value: Any, name: str) -> tuple[str, ...]:
    """Read a list, which comes as JSON inside of text. Raises BadMessage."""
    try:
        found = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        raise BadMessage(f"{name} {str(value)[:60]!r} is no list") from None
    if not isinstance(found, list):
        raise BadMessage(f"{name} {str(value)[:60]!r} is no list")
    return tuple(str(each) for each in found)
