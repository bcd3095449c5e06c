"""Recording of events."""

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from accounts.models import Account, User
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


def see(*, event_ids: Collection[int], user: User, now: datetime) -> int:
    """Keep that a person has seen alerts of accounts he answers for; returns how many were new."""
    mine = Account.objects.answerable_by(user)
    unseen = Event.objects.filter(pk__in=event_ids, account__in=mine, seen_at__isnull=True)
    return unseen.update(seen_at=now, seen_by=user.username)


def unseen_alerts(user: User) -> QuerySet[Event]:
    """Return critical alerts that nobody has seen yet, the oldest first."""
    mine = Account.objects.answerable_by(user)
    found = Event.objects.filter(level=Event.Level.ACT, seen_at__isnull=True, account__in=mine)
    return found.select_related("account").order_by("pk")
