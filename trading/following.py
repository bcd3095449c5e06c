"""Change how a whale is copied: tighter at once, looser with a factor where money is real."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction

from accounts.factors import Proof, digest_of_change, unproved
from accounts.models import Account, User
from notifications.services import record
from risk.models import RiskProfile
from whales import follows
from whales.models import Follow

OVERRIDES = (
    "size_factor",
    "max_trade",
    "max_price_drift",
    "min_whale_quality",
    "categories",
    "copy_exits",
)
PAUSED = "paused"
SMALLEST = Decimal("0.0001")  # part of the size; to copy nothing, pause the follow


class CannotLoosen(Exception):
    """The follow stays as it is; the text says why."""


def new_digest(account: Account, wallet: str) -> str:
    """Return what names that an account begins, or goes on, to copy a wallet, by its address."""
    return hashlib.sha256(f"follow|{account.pk}|{wallet}".encode()).hexdigest()


def begin(
    *, account: Account, wallet: str, by: User, now: datetime, proof: Proof | None = None
) -> Follow:
    """Follow a wallet from now on; real money asks for a factor. Safe to repeat.

    Raises CannotFollow, CannotLoosen.
    """
    digest = new_digest(account, follows.read_wallet(wallet))
    why = unproved(account, by=by, digest=digest, proof=proof, now=now)
    if why:
        raise CannotLoosen(why)
    return follows.follow(account=account, wallet=wallet, by=by.username, now=now)


def changed(follow: Follow, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return what differs from how the whale is copied now."""
    return {name: value for name, value in wanted.items() if getattr(follow, name) != value}


def loosened(follow: Follow, wanted: Mapping[str, Any]) -> list[str]:
    """Return the names of overrides that would let more be copied, or held for longer."""
    profile = RiskProfile.objects.get(account_id=follow.account_id)
    inherited = {
        "size_factor": Decimal(1),
        "max_trade": Decimal("Infinity"),
        "max_price_drift": profile.max_price_drift,
        "min_whale_quality": profile.min_whale_quality,
    }

    def looser(name: str, old: Any, new: Any) -> bool:
        if name in ("copy_exits", PAUSED):
            return bool(old) and not new
        if name == "categories":
            return bool(old) and (not new or not set(new) <= set(old))
        before, after = (inherited[name] if each is None else each for each in (old, new))
        return bool(after < before if name == "min_whale_quality" else after > before)

    return sorted(
        name
        for name, new in wanted.items()
        if name in (*OVERRIDES, PAUSED) and looser(name, getattr(follow, name), new)
    )


def digest_of(follow: Follow, wanted: Mapping[str, Any]) -> str:
    """Return what names a change of a follow as a person is shown it."""
    return digest_of_change("follow", follow.pk, wanted)


def _plain(value: Any) -> str:
    return f"{value.normalize():f}" if isinstance(value, Decimal) else str(value)


def change(
    *,
    follow: Follow,
    wanted: Mapping[str, Any],
    by: User,
    now: datetime,
    proof: Proof | None = None,
) -> Follow:
    """Set overrides and pause by the names of their fields; they hold from the next trade on.

    Raises CannotLoosen.
    """
    with transaction.atomic():
        row = Follow.objects.select_for_update(of=("self",)).get(pk=follow.pk)
        new = changed(row, wanted)
        more = loosened(row, new)
        digest = digest_of(row, new)
        why = more and unproved(row.account, by=by, digest=digest, proof=proof, now=now)
        if why:
            raise CannotLoosen(why)
        for name, value in new.items():
            setattr(row, name, value)
        if new:
            row.save(update_fields=list(new))
            record(
                kind="follow_changed",
                account_id=row.account_id,
                level="WARN" if more else "INFO",
                sentence=f"{by} changed how {row.whale} is copied: {_words(new)}.",
                payload={"whale": row.whale.address, "looser": more},
                by=by.username,
                at=now,
            )
    return row


def _words(new: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{name.replace('_', ' ')} {'as the limits say' if value in (None, []) else _plain(value)}"
        for name, value in new.items()
    )
