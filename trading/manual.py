"""What only a person can settle: an order or a pair in doubt, with a note and a factor."""

import hashlib
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from accounts.factors import Proof, unproved
from accounts.models import Account, User
from notifications.services import record
from trading import orders, pair_trades, pair_views
from trading.domain.answers import Outcome
from trading.domain.order_state import OrderState
from trading.domain.pair_state import PairState
from trading.models import Order, PairTrade

S = OrderState
DOUBTFUL = (S.UNKNOWN, S.MANUAL, S.SENDING, S.DELAYED)
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
    return unproved(account, by=by, digest=shown, proof=proof, now=now)


def pair_digest(trade: PairTrade) -> str:
    """Return what names a trade in doubt as its owner is shown it."""
    filled = trade.orders.order_by("created_at", "pk").values_list("pk", "state", "filled_shares")
    facts = "|".join(f"{pk}:{state}:{shares.normalize():f}" for pk, state, shares in filled)
    return hashlib.sha256(f"take over|{trade.pk}|{trade.state}|{facts}".encode()).hexdigest()


def take_over(
    *, trade_id: UUID, by: User, note: str, now: datetime, proof: Proof | None = None
) -> str:
    """Let a person take over what evidence could not settle; what is open stays an ordinary
    position. Returns why it did not count, or an empty string.
    """
    with transaction.atomic():
        trade = pair_trades.lock(trade_id)
        if trade.account.owner_id != by.pk:
            return "Only its owner takes a trade over."
        if not note:
            return "Say what you saw at both venues: it is kept with the trade."
        digest = pair_digest(trade)
        why = unproved(trade.account, by=by, digest=digest, proof=proof, now=now)
        if why:
            return why
        doubtful = trade.orders.filter(state__in=[*DOUBTFUL])
        if trade.state != PairState.MANUAL or doubtful.exists():
            return "It is not for a person to decide now: look at its orders."
        legs = pair_views.view(trade, now=now, is_stopped=False)
        trade.figures = {**trade.figures, "taken_over": True}
        trade.save(update_fields=["figures"])
        held = max(legs.held(first=True), legs.held(first=False))
        state = PairState.HEDGED if held > 0 else PairState.FLAT
        said = f"Taken over by {by}: {note}"
        pair_trades.finish(trade, state, said, by=by.username, now=now, is_told=False)
    return ""
