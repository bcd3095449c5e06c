"""Recording of events."""

from datetime import datetime
from typing import Any
from uuid import UUID

from notifications.models import Event


def record(
    *,
    kind: str,
    sentence: str,
    at: datetime,
    account_id: UUID | None = None,
    level: str = Event.Level.INFO,
    payload: dict[str, Any] | None = None,
    by: str = "",
) -> Event:
    """Record an event; call it inside the transaction that makes the sentence true."""
    return Event.objects.create(
        kind=kind,
        sentence=sentence,
        at=at,
        account_id=account_id,
        level=level,
        payload=payload or {},
        by=by,
    )


def record_once(*, about: str, kind: str, **rest: Any) -> bool:
    """Record an event unless one of its kind is about the same thing; tells whether it was new.

    `about` names the key of the payload that says what it is about.
    """
    told = Event.objects.filter(kind=kind, **{f"payload__{about}": rest["payload"][about]})
    if told.exists():
        return False
    record(kind=kind, **rest)
    return True
