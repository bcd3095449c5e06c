"""How an account trades: its mode, and its stop lifted. What adds risk asks for a factor."""

import hashlib
from datetime import datetime

from django.conf import settings
from django.db import transaction

from accounts.factors import Proof, unproved
from accounts.models import Account, User
from notifications.services import record
from risk.models import KillSwitch
from risk.services import start_again


class CannotChange(Exception):
    """Nothing was changed; the text says why."""


def adds_risk(account: Account, mode: str) -> bool:
    """Tell whether orders would go out more easily than now."""
    return account.mode == Account.Mode.APPROVAL and mode == Account.Mode.LIVE


def digest_of(account: Account, mode: str) -> str:
    return hashlib.sha256(f"mode|{account.pk}|{account.mode}|{mode}".encode()).hexdigest()


def change(
    *, account: Account, mode: str, by: User, now: datetime, proof: Proof | None = None
) -> Account:
    """Change between APPROVAL and LIVE; orders keep the mode they were born in.

    Paper money never becomes real, nor real money paper: open another account. Raises CannotChange;
    safe to repeat.
    """
    with transaction.atomic():
        row = Account.objects.select_for_update().get(pk=account.pk)
        if row.mode == mode:
            return row
        if row.is_paper or mode == Account.Mode.PAPER:
            raise CannotChange(
                "Paper money never becomes real, nor real money paper. Open another account."
            )
        if adds_risk(row, mode):
            if not settings.LIVE_TRADING:
                raise CannotChange("Live trading is off on this server.")
            _check(row, by, digest_of(row, mode), proof, now=now)
        old, row.mode = row.mode, mode
        row.save(update_fields=["mode"])
        record(
            kind="mode_changed",
            account_id=row.pk,
            level="WARN",
            sentence=f"{by} changed {row.name} from {old} to {mode}.",
            by=by.username,
            at=now,
        )
    return row


def start_digest(account: Account) -> str:
    """Return what names the stop that would be lifted, or an empty string."""
    row = KillSwitch.objects.filter(scope=KillSwitch.Scope.ACCOUNT, key=str(account.pk)).first()
    return row.digest if row else ""


def start(
    *, account: Account, by: User, now: datetime, shown: str, proof: Proof | None = None
) -> str:
    """Lift an account's own stop, the one that was `shown`; returns what happened.

    Raises CannotChange; safe to repeat.
    """
    if account.archived_at is not None:
        raise CannotChange("This account is kept to read; a fresh one took its place.")
    digest, scope = start_digest(account), KillSwitch.Scope.ACCOUNT
    if not digest:
        return "It was not stopped."
    if digest != shown:
        raise CannotChange("What stops it now is not what you were shown. Look again.")
    _check(account, by, digest, proof, now=now)
    if start_again(scope=scope, key=str(account.pk), by=by.username, now=now, shown=digest):
        return "Buying is allowed again."
    raise CannotChange("Somebody stopped or started it meanwhile. Look again.")


def _check(account: Account, by: User, digest: str, proof: Proof | None, *, now: datetime) -> None:
    why = unproved(account, by=by, digest=digest, proof=proof, now=now)
    if why:
        raise CannotChange(why)
