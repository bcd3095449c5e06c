"""Which whales an account follows. The only writer of Follow beside the demo's set-up."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from accounts.models import Account
from notifications.services import record
from venues.polymarket.parse import address
from venues.reading import BadMessage
from whales.models import Follow, Whale


class CannotFollow(Exception):
    """A wallet that cannot be followed; the text says why."""


def read_wallet(text: str) -> str:
    """Return an address as it is stored. Raises CannotFollow."""
    try:
        return address(text.strip())
    except BadMessage:
        raise CannotFollow(
            "A wallet is an address like 0x and 40 hexadecimal digits, from a profile page."
        ) from None


def follow(*, account: Account, wallet: str, by: str, now: datetime) -> Follow:
    """Follow a wallet from now on. Safe to repeat. Raises CannotFollow."""
    found = read_wallet(wallet)
    whale, _ = Whale.objects.get_or_create(address=found)
    if whale.own:
        raise CannotFollow("This wallet trades from this server: following it would be a loop.")
    with transaction.atomic():
        row, made = Follow.objects.get_or_create(
            account=account, whale=whale, defaults={"since": now}
        )
        if not made and row.paused:
            row.paused = False
            row.save(update_fields=["paused"])
            made = True
        if made:
            _tell(account.pk, f"{by} follows {whale} now.", by=by, now=now)
    return row


def unfollow(*, account: Account, whale_id: int, by: str, now: datetime) -> bool:
    """Stop copying a wallet. Its sales of what was copied are still copied while it is held."""
    with transaction.atomic():
        gone = Follow.objects.filter(account=account, whale_id=whale_id, paused=False)
        changed = bool(gone.update(paused=True))
        if changed:
            whale = Whale.objects.get(pk=whale_id)
            _tell(account.pk, f"{by} does not follow {whale} any more.", by=by, now=now)
    return changed


def _tell(account_id: UUID, sentence: str, *, by: str, now: datetime) -> None:
    record(kind="follow_changed", account_id=account_id, sentence=sentence, by=by, at=now)
