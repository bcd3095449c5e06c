"""What only a person can settle: an order in doubt, decided with a note and a factor."""

import hashlib
from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet

from accounts.factors import NEEDED, NONE_YET, Proof, ways
from accounts.models import Account, User
from notifications.services import record
from trading import orders
from trading.domain.answers import Outcome
from trading.domain.order_state import OrderState
from trading.models import Order

ANSWERS = {
    OrderState.ABSENT: "It never arrived: what is held is free again.",
    OrderState.CANCELED: "It is over: booked fills stay, the rest is free again.",
}


def waiting_for(user: User) -> QuerySet[Order]:
    """Return orders in doubt on this person's own accounts, the oldest first."""
    rows = Order.objects.filter(state=OrderState.MANUAL, account__owner=user)
    return rows.select_related("account", "outcome__market").order_by("created_at", "pk")


def digest_of(order: Order) -> str:
    """Return what names an order as it is in doubt: other fills, another digest."""
    facts = (order.pk, order.state, order.filled_shares.normalize(), order.claimed_shares)
    return hashlib.sha256("|".join(str(each) for each in facts).encode()).hexdigest()


def settle(
    *,
    order_id: UUID,
    state: OrderState,
    note: str,
    shown: str,
    by: User,
    now: datetime,
    proof: Proof | None = None,
) -> Outcome:
    """Let a person say what became of an order; the note and the factor are kept with it."""
    order = Order.objects.select_related("account").get(pk=order_id)
    why = _refused(order, state, note=note, shown=shown, by=by, now=now, proof=proof)
    if why:
        return Outcome(counted=False, sentence=why)
    if not orders.decide_manual(
        order_id=order.pk, state=state, by=f"{by.username}: {note}"[:150], now=now
    ):
        return Outcome(
            counted=False,
            sentence="It is not in doubt any more, or it has fills and did arrive. Look again.",
        )
    record(
        kind="decided_by_hand",
        account_id=order.account_id,
        level="WARN",
        sentence=f"{by} decided an order in doubt: {state.value}. {note}",
        payload={"order": str(order.pk)},
        by=by.username,
        at=now,
    )
    return Outcome(counted=True, sentence=f"Decided: {ANSWERS[state]}")


def _refused(
    order: Order,
    state: OrderState,
    *,
    note: str,
    shown: str,
    by: User,
    now: datetime,
    proof: Proof | None,
) -> str:
    account: Account = order.account
    if account.owner_id != by.pk:
        return "Only its owner settles an order."
    if state not in ANSWERS:
        return "Say what is true: it never arrived, or it is over."
    if not note:
        return "Say what you saw at the venue: it is kept with the order."
    if shown != digest_of(order):
        return "It has changed since you were shown it. Nothing was decided; look again."
    if account.is_paper:
        return ""
    if proof is not None and proof.covers(user=by, digest=shown, now=now):
        return ""
    return NEEDED if ways(by) else NONE_YET
