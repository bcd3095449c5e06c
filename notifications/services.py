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
