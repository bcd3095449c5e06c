"""Change what an account trades pairs within, and tell of it: loosened bounds are a warning."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction

from accounts.factors import Proof, digest_of_change, unproved
from accounts.models import Account, User
from notifications.services import record
from risk.models import PairProfile, RiskProfile

STANDARD = ("NBA", "NHL")  # leagues whose standard shape may be traded unasked; the NFL can tie
LIMITS = ("bet_amount", "min_roi", "max_daily_pairs")  # of pairs, kept with all other limits
# Where more of it is the safer side; for all others less is.
SAFER_HIGH = {
    "min_lifetime",
    "reserve_nba",
    "reserve_nfl",
    "reserve_nhl",
    "depth_multiple",
    "quiet_seconds",
    "min_roi",
}


class NeverUnasked(Exception):
    """The pairs of this league always ask; the text says why."""


class CannotLoosen(Exception):
    """The bounds stay as they are; the text says why."""


def accept_standard(*, account: Account, league: str, by: User, now: datetime) -> bool:
    """Trade standard pairs of a league unasked from now on; tells whether that is new.

    Raises NeverUnasked; safe to repeat.
    """
    if league not in STANDARD:
        raise NeverUnasked(f"An {league} pair always asks: it can tie. Nothing was changed.")
    if not account.is_paper:
        raise NeverUnasked(
            "With real money this is set under pair settings, which asks for your passkey or code. "
            "Nothing was changed."
        )
    with transaction.atomic():
        row = PairProfile.objects.select_for_update().get(account=account)
        if league in row.accept_standard:
            return False
        row.accept_standard = sorted({*row.accept_standard, league})
        row.save(update_fields=["accept_standard"])
        record(
            kind="standard_accepted",
            account_id=account.pk,
            level="WARN",
            sentence=f"{by} lets {account.name} trade standard {league} pairs unasked.",
            payload={"added": [league]},
            by=by.username,
            at=now,
        )
    return True


def loosened(account: Account, wanted: Mapping[str, Any]) -> list[str]:
    """Return the names of bounds that would let an account risk more."""
    before = _before(
        PairProfile.objects.get(account=account), RiskProfile.objects.get(account=account), wanted
    )
    return [name for name in wanted if _loosens(name, before[name], wanted[name])]


def digest_of(account: Account, wanted: Mapping[str, Any]) -> str:
    """Return what names a change of bounds as a person is shown it."""
    return digest_of_change("pairs", account.pk, wanted)


def _before(bounds: PairProfile, limits: RiskProfile, wanted: Mapping[str, Any]) -> dict[str, Any]:
    return {name: getattr(limits if name in LIMITS else bounds, name) for name in sorted(wanted)}


def change(
    *,
    account: Account,
    wanted: Mapping[str, Any],
    by: User,
    now: datetime,
    proof: Proof | None = None,
) -> list[str]:
    """Set bounds by their names; returns those that were loosened. Raises CannotLoosen."""
    with transaction.atomic():
        bounds = PairProfile.objects.select_for_update().get(account=account)
        limits = RiskProfile.objects.select_for_update().get(account=account)
        before = _before(bounds, limits, wanted)
        new = {name: wanted[name] for name in before if _differs(before[name], wanted[name])}
        more = [name for name in new if _loosens(name, before[name], new[name])]
        digest = digest_of(account, wanted)
        why = more and unproved(account, by=by, digest=digest, proof=proof, now=now)
        if why:
            raise CannotLoosen(why)
        for row, mine in ((bounds, set(new) - set(LIMITS)), (limits, set(new) & set(LIMITS))):
            for name in mine:
                setattr(row, name, new[name])
            if mine:
                row.save(update_fields=sorted(mine))
        if new:
            _tell(account, before, new, more, by=by, now=now)
    return more


def _differs(old: Any, new: Any) -> bool:
    return sorted(old) != sorted(new) if isinstance(old, list) else bool(old != new)


def _loosens(name: str, old: Any, new: Any) -> bool:
    """Tell whether a change of a bound lets an account risk more."""
    if name == "excluded":
        return not set(old) <= set(new)
    if isinstance(old, list):
        return not set(new) <= set(old)
    return bool(new < old if name in SAFER_HIGH else new > old)


def _tell(
    account: Account,
    before: Mapping[str, Any],
    new: Mapping[str, Any],
    more: list[str],
    *,
    by: User,
    now: datetime,
) -> None:
    added = sorted(set(new.get("accept_standard", ())) - set(before.get("accept_standard", ())))
    sentence = f"{by} changed {', '.join(new)} of the pairs of {account.name}"
    sentence += f", and loosened {', '.join(more)}." if more else "."
    if added:
        sentence += f" Standard {' and '.join(added)} pairs are traded unasked from now on."
    record(
        kind="pair_settings",
        account_id=account.pk,
        level="WARN" if more else "INFO",
        sentence=sentence,
        payload={
            "changed": {name: [_plain(before[name]), _plain(value)] for name, value in new.items()},
            "added": added,
            "loosened": more,
        },
        by=by.username,
        at=now,
    )


def _plain(value: Any) -> Any:
    return f"{value.normalize():f}" if isinstance(value, Decimal) else value
