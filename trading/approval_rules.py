"""When an account's orders ask, and whom: changed here alone, with a factor to loosen it."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from django.db import transaction

from accounts.factors import Proof, unproved
from accounts.models import Account, User
from notifications.services import record
from venues.money import ZERO
from venues.words import dollars, price


class CannotChange(Exception):
    """The rules stay as they are; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Below what an order needs no answer, above what it needs two, and who may give them."""

    auto_below: Decimal  # USD; 0: each order asks
    second_above: Decimal | None  # USD; None: one person is always enough
    drift_band: Decimal  # USD per share
    approvers: tuple[str, ...] = ()  # names, sorted; the owner is always one

    def digest(self, account: Account) -> str:
        """Return what names these rules for this account."""
        facts = (account.pk, self.auto_below, self.second_above, self.drift_band, self.approvers)
        return hashlib.sha256("|".join(str(each) for each in facts).encode()).hexdigest()


def rules_of(account: Account) -> Rules:
    names = account.approvers.order_by("username").values_list("username", flat=True)
    return Rules(
        auto_below=account.auto_below,
        second_above=account.second_above,
        drift_band=account.drift_band,
        approvers=tuple(names),
    )


def loosened(old: Rules, new: Rules) -> list[str]:
    """Return in words what a change makes easier; empty for one that only makes it harder."""
    said = []
    if new.auto_below > old.auto_below:
        said.append(f"Orders under {dollars(new.auto_below)} are sent without an answer.")
    if old.second_above is not None and new.second_above is None:
        said.append("One person is enough for every order.")
    elif old.second_above is not None and new.second_above and new.second_above > old.second_above:
        said.append(f"One person is enough up to {dollars(new.second_above)}.")
    if new.drift_band > old.drift_band:
        said.append(f"The price may move {price(new.drift_band)} before you are asked again.")
    more = sorted(set(new.approvers) - set(old.approvers))
    if more:
        said.append(f"{', '.join(more)} may answer too.")
    return said


def change(
    *, account: Account, rules: Rules, by: User, now: datetime, proof: Proof | None = None
) -> list[str]:
    """Set the rules; returns what they loosen. Raises CannotChange; safe to repeat."""
    people = _people(account, rules.approvers)
    if rules.second_above is not None and not people:
        raise CannotChange("Two yeses need a second person: name somebody who may answer too.")
    if rules.second_above is not None and rules.auto_below > rules.second_above:
        raise CannotChange(
            f"What needs two people cannot go out unasked: at most {dollars(rules.second_above)}."
        )
    with transaction.atomic():
        row = Account.objects.select_for_update().get(pk=account.pk)
        # A standing yes of somebody who is gone counts no more: it is given anew, or not at all.
        old, is_gone = rules_of(row), row.auto_by is not None and not row.auto_by.is_active
        old = replace(old, auto_below=ZERO) if is_gone else old
        raised = rules.auto_below > old.auto_below
        more = loosened(old, rules)
        why = more and unproved(row, by=by, digest=rules.digest(row), proof=proof, now=now)
        if why:
            raise CannotChange(why)
        row.auto_below, row.second_above = rules.auto_below, rules.second_above
        row.drift_band = rules.drift_band
        if raised:  # whoever says less has not said yes to what stays
            row.auto_by, row.auto_at = by, now
        elif not rules.auto_below:
            row.auto_by, row.auto_at = None, None
        row.save(update_fields=["auto_below", "auto_by", "auto_at", "second_above", "drift_band"])
        row.approvers.set(people)
        record(
            kind="approval_rules",
            account_id=row.pk,
            level="WARN" if more else "INFO",
            sentence=f"{by} changed when orders ask. " + " ".join(more),
            by=by.username,
            at=now,
        )
    return more


def _people(account: Account, names: Sequence[str]) -> list[User]:
    people = list(User.objects.filter(username__in=names, is_active=True))
    missing = sorted(set(names) - {each.username for each in people})
    if missing:
        raise CannotChange(f"Nobody here is called {', '.join(missing)}.")
    return [each for each in people if each.pk != account.owner_id]
