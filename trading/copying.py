"""FLOW 1, top to bottom: a whale's order becomes a decision and an order of every follower.

gather (portfolio) > decide (domain.entries, domain.exits) > store (proposals) > submit (orders).
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction

from trading import approvals, portfolio, proposals
from trading.domain.entries import decide_entries
from trading.domain.exits import decide_exit
from venues.types import Side
from whales.models import Signal


def copy_signal(
    *, signal_id: int, now: datetime, account_ids: Sequence[UUID] | None = None
) -> list[UUID]:
    """Decide for all accounts that follow the whale; returns the ids of their new orders.

    Safe to call twice, and from several workers at once: an account that has decided keeps its
    first answer. `account_ids` narrows the pass to some accounts.
    """
    with transaction.atomic():
        # Locks the accounts, so that two signals cannot both spend the same cash.
        gathered = portfolio.gather(signal_id=signal_id, now=now, account_ids=account_ids)
        if gathered.chance.side is Side.BUY:
            answers = decide_entries(gathered.chance, gathered.situations, now=now)
        else:
            answers = [decide_exit(gathered.chance, each) for each in gathered.situations]
        made = proposals.store(
            gathered=gathered,
            answers=answers,
            everybody=account_ids is None,
            now=now,
        )
    if any(row["auto_below"] for row in gathered.rows.values()):
        approvals.answer_by_rule(made, now=now)
    return made


def undecided(*, now: datetime) -> list[int]:
    """Return signals that are due and that a crash, or a lost message, left undecided."""
    return list(
        Signal.objects.filter(state=Signal.State.NEW, due_at__lte=now)
        .order_by("due_at", "pk")
        .values_list("pk", flat=True)
    )
