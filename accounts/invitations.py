"""Who may join: one link, one person, for a few days. Only the hash of a link is kept."""

import hashlib
import secrets
from datetime import datetime, timedelta

from django.db import transaction

from accounts.models import Invitation, User

LASTS = timedelta(days=7)


class NoInvitation(Exception):
    """The link is unknown, used or too old. Nothing was made; ask whoever sent it for another."""


def invite(
    *, by: str, note: str, now: datetime, lasts: timedelta = LASTS
) -> tuple[Invitation, str]:
    """Make an invitation and return it with its token, which is shown this once."""
    token = secrets.token_urlsafe(24)
    row = Invitation.objects.create(
        token_hash=_hash(token), by=by, note=note, made_at=now, expires_at=now + lasts
    )
    return row, token


def is_good(token: str, *, now: datetime) -> bool:
    """Tell whether a token still lets a person join."""
    return Invitation.objects.open(now=now).filter(token_hash=_hash(token)).exists()


def accept(*, token: str, user: User, now: datetime) -> None:
    """Use up the invitation for a new user; two people with one link: the first has it.

    Raises NoInvitation; call it in the transaction that makes the user.
    """
    with transaction.atomic():
        row = Invitation.objects.open(now=now).filter(token_hash=_hash(token))
        if row.update(used_at=now, used_by=user) != 1:
            raise NoInvitation("This invitation was used already, or is too old.")


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
