"""Change an account's limits: lowered at once, raised with a factor where money is real."""

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from accounts.factors import Proof, digest_of_change, unproved
from accounts.models import User
from notifications.services import record
from risk.domain.presets import Limits
from risk.models import RiskProfile

NAMES = tuple(each.name for each in fields(Limits))
# Where more of it is the safer side; for all others less is.
SAFER_HIGH = {
    "min_whale_quality",
    "min_position_size",
    "min_liquidity",
    "min_confidence",
    "duplicate_seconds",
    "min_hours_to_close",
    "min_roi",
}


class CannotRaise(Exception):
    """The limits stay as they are; the text says why."""


def raised(profile: RiskProfile, wanted: Mapping[str, Any]) -> list[str]:
    """Return the names of limits that would let an account risk more."""
    found = []
    for name, value in wanted.items():
        # No limit at all is the most.
        old = getattr(profile, name)
        before, after = (Decimal("Infinity") if each is None else each for each in (old, value))
        if (after < before) if name in SAFER_HIGH else (after > before):
            found.append(name)
    return sorted(found)


def _check(row: RiskProfile) -> None:
    """Refuse limits that contradict each other, in words. Raises CannotRaise."""
    try:
        row.validate_constraints()
    except ValidationError as why:
        raise CannotRaise(f"{' '.join(why.messages)} Nothing was changed.") from why


def changed(profile: RiskProfile, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return what differs from the limits in force."""
    return {name: value for name, value in wanted.items() if getattr(profile, name) != value}


def digest_of(profile: RiskProfile, wanted: Mapping[str, Any]) -> str:
    """Return what names a change of limits as a person is shown it."""
    return digest_of_change("limits", profile.account_id, wanted)


def change(
    *,
    profile: RiskProfile,
    wanted: Mapping[str, Any],
    by: User,
    now: datetime,
    proof: Proof | None = None,
) -> RiskProfile:
    """Set limits by their names; returns them as they are now. Raises CannotRaise."""
    with transaction.atomic():
        row = RiskProfile.objects.select_for_update(of=("self",)).get(pk=profile.pk)
        new = changed(row, wanted)
        more = raised(row, new)
        digest = digest_of(row, new)
        why = more and unproved(row.account, by=by, digest=digest, proof=proof, now=now)
        if why:
            raise CannotRaise(why)
        for name, value in new.items():
            setattr(row, name, value)
        _check(row)
        if new:
            row.save(update_fields=list(new))
            record(
                kind="limits_changed",
                account_id=row.account_id,
                level="WARN" if more else "INFO",
                sentence=f"{by} changed {', '.join(sorted(new))}"
                + (f", and raised {', '.join(more)}." if more else "."),
                payload={name: str(value) for name, value in new.items()},
                by=by.username,
                at=now,
            )
    return row
