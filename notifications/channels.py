"""A person's channels: made, tried, wished for and taken away here alone."""

import secrets as random
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import uuid4

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from accounts.models import User
from accounts.names import plain_name
from accounts.vault import Sealed, rewrap, seal, unseal
from notifications import senders
from notifications.domain.planning import WORDS, Group, When, missing_critical
from notifications.models import Channel, Delivery
from notifications.senders import Message
from venues.secrets import Secret

MOST = 20  # channels of one person


class CannotChange(Exception):
    """Nothing was changed; the text says why."""


def add(
    *, user: User, kind: str, name: str, secrets: Mapping[str, str], now: datetime
) -> tuple[Channel, str]:
    """Add a channel; returns it with a webhook's signing secret, which is shown this once.

    Raises CannotChange, BadAddress, VaultClosed.
    """
    if kind not in Channel.Kind.values:
        raise CannotChange(f"{kind!r} is no kind of channel.")
    if Channel.objects.filter(user=user, removed_at__isnull=True).count() >= MOST:
        raise CannotChange(f"At most {MOST} channels. Remove one first.")
    try:
        plain_name(name)
    except ValidationError as why:
        raise CannotChange(f"Name: {' '.join(why.messages)}") from why
    kept = dict(secrets)
    if kind == Channel.Kind.WEBHOOK:
        kept["secret"] = random.token_urlsafe(32)
    senders.check(kind, kept)
    row = Channel(id=uuid4(), user=user, kind=kind, name=name.strip()[:60], created_at=now)
    sealed = seal({key: Secret(value) for key, value in kept.items()}, bound_to=row.bound_to)
    row.box, row.data_key = sealed.box, sealed.data_key
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError:
        raise CannotChange(f"You have a channel called {row.name}.") from None
    return row, kept.get("secret", "")


def secrets_of(channel: Channel) -> dict[str, Any]:
    """Return a channel's address. Raises VaultClosed."""
    sealed = Sealed(box=bytes(channel.box), data_key=bytes(channel.data_key))
    return unseal(sealed, bound_to=channel.bound_to)


def test(channel: Channel) -> None:
    """Send a word to a channel now. Raises NotDelivered, Gone, BadAddress, VaultClosed."""
    message = Message(
        title="PolyMix · a test",
        body=f"This is how {channel.name} will be told. No money moved.",
        url="",
        id=f"test-{uuid4()}",
        payload={"kind": "test"},
    )
    senders.send(channel.kind, secrets_of(channel), message)


def want(*, user: User, wishes: Mapping[str, Mapping[str, str]]) -> None:
    """Set when each channel wants each group, by the channels' ids. Raises CannotChange."""
    with transaction.atomic():
        rows = list(Channel.objects.select_for_update().filter(user=user, removed_at__isnull=True))
        for row in rows:
            given = wishes.get(str(row.pk), {})
            row.wants = row.wants | {
                str(Group(group)): str(When(when)) for group, when in given.items()
            }
        missing = missing_critical([row.wants for row in rows])
        if missing:
            names = " and ".join(WORDS[each] for each in missing)
            raise CannotChange(
                f"{names}: what is critical cannot be switched off on every channel at once."
            )
        Channel.objects.bulk_update(rows, ["wants"])


def remove(*, user: User, channel_id: Any, now: datetime) -> bool:
    """Remove a channel and what waits for it; tells whether it was there. Raises CannotChange."""
    with transaction.atomic():
        found = Channel.objects.select_for_update().filter(
            user=user, pk=channel_id, removed_at__isnull=True
        )
        row = found.first()
        if row is None:
            return False
        others = Channel.objects.filter(user=user, removed_at__isnull=True).exclude(pk=row.pk)
        if missing_critical(list(others.values_list("wants", flat=True))):
            raise CannotChange(
                "Nothing critical would reach you any more: let another channel have it first."
            )
        bury(row, why="removed", now=now)
    return True


def bury(channel: Channel, *, why: str, now: datetime) -> None:
    """Send nothing to a channel any more; its log stays."""
    Channel.objects.filter(pk=channel.pk).update(removed_at=now, last_error=why[:300])
    Delivery.objects.filter(channel=channel, state__in=["WAITING", "SENDING"]).update(
        state=Delivery.State.FAILED, error=why[:300]
    )


def rotate() -> int:
    """Wrap the keys of all channels by the first of CREDENTIAL_KEYS; returns how many."""
    rows = list(Channel.objects.all())
    for row in rows:
        row.data_key = rewrap(Sealed(box=bytes(row.box), data_key=bytes(row.data_key))).data_key
    Channel.objects.bulk_update(rows, ["data_key"])
    return len(rows)
