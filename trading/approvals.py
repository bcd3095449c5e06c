"""A person answers an order that asked: approve, decline, or let it expire.

The first answer wins; the second tap sees the first one's outcome.
"""

import hashlib
from dataclasses import replace
from datetime import datetime
from decimal import ROUND_FLOOR, Decimal
from uuid import UUID

from django.db import transaction

from accounts.models import User
from notifications.services import record
from trading import consent, orders, pair_approvals, portfolio, sending
from trading.domain.answers import Outcome
from trading.domain.entries import decide_entries, worst_cost
from trading.domain.exits import decide_exit
from trading.domain.order_state import OrderState
from trading.models import Approval, Order
from trading.proposals import SEND_WITHIN
from venues.money import CENT, ZERO
from venues.polymarket.fees import worst_cost_per_share
from venues.types import Side
from venues.words import dollars

NOT_AS_SHOWN = (
    "What you saw is not what would be sent any more. Nothing was sent. Read the new figures, "
    "approve again."
)


def digest_of(order: Order) -> str:
    """Return what names all that a person is shown of an order's money: other figures, another
    digest.
    """
    facts = (
        order.pk,
        order.mode,
        order.venue,
        order.side,
        order.outcome.token,
        f"{order.limit_price.normalize():f}",
        f"{order.shares.normalize():f}",
        f"{order.worst_cost.normalize():f}",
        order.expires_at.isoformat(),
    )
    return hashlib.sha256("|".join(str(each) for each in facts).encode()).hexdigest()


def approve_and_send(
    *,
    order_id: UUID,
    by: User,
    now: datetime,
    shown: str,
    note: str = "",
    most: Decimal | None = None,
) -> Outcome:
    """Approve an order as it was shown, and send it: what the pages and the admin do."""
    outcome = approve(order_id=order_id, by=by, now=now, note=note, shown=shown, most=most)
    # A pair is sent by whoever then drives its second leg.
    alone = Order.objects.filter(pk=order_id, pair_trade__isnull=True)
    if outcome.counted and alone.exists():
        sending.submit(order_ids=[order_id], now=now)
    return outcome


def approve(
    *,
    order_id: UUID,
    by: User,
    now: datetime,
    note: str = "",
    shown: str | None = None,
    most: Decimal | None = None,
) -> Outcome:
    """Approve an order, if everything that was shown still holds. Nothing is sent here.

    `shown` is the digest of what the person saw; `most` cuts a purchase to fewer dollars. A leg of
    a pair is approved with its pair, and never alone.
    """
    pair = Order.objects.values_list("pair_trade_id", flat=True).get(pk=order_id)
    if pair is not None:
        return pair_approvals.approve(trade_id=pair, by=by, now=now, note=note)
    with transaction.atomic():
        orders.lock_accounts([order_id])
        order = _waiting(order_id)
        if order is None:
            return _too_late(order_id)
        if now >= order.expires_at:
            _expire(order, now=now)
            return Outcome(counted=False, sentence="It expired; nothing was sent or reserved.")
        why = _not_as_shown(order, shown) or _cut(order, most)
        if why:
            return Outcome(counted=False, sentence=why)
        stale, immediate_cost = _asked_again(order, now=now)
        if stale:
            orders.move(
                order, OrderState.DENIED, sentence=stale, reason=stale, by=by.username, now=now
            )
            return Outcome(counted=False, sentence=f"Nothing was sent. {stale}")
        consent.keep(
            order,
            by=by,
            note=note,
            within=SEND_WITHIN,
            immediate_cost=immediate_cost,
            digest=shown or "",
            now=now,
        )
    return Outcome(counted=True, sentence=f"Approved: at most {dollars(order.worst_cost)}.")


def decline(*, order_id: UUID, by: User, now: datetime, note: str = "") -> Outcome:
    """Decline an order: final, and always possible while it waits. A leg takes its pair along."""
    pair = Order.objects.values_list("pair_trade_id", flat=True).get(pk=order_id)
    if pair is not None:
        return pair_approvals.decline(trade_id=pair, by=by, now=now, note=note)
    with transaction.atomic():
        orders.lock_accounts([order_id])
        order = _waiting(order_id)
        if order is None:
            return _too_late(order_id)
        Approval.objects.create(
            order=order, answer=Approval.Answer.DECLINED, by=by, note=note, at=now
        )
        why = f"Declined by {by.username}" + (f": {note}" if note else ".")
        orders.move(order, OrderState.DENIED, sentence=why, reason=why, by=by.username, now=now)
    return Outcome(counted=True, sentence=why)


def expire_approvals(*, now: datetime) -> int:
    """Deny orders that nobody answered in time; returns how many."""
    expired = 0
    for order_id in Order.objects.filter(
        state=OrderState.AWAITING_APPROVAL, expires_at__lte=now
    ).values_list("pk", flat=True):
        with transaction.atomic():
            orders.lock_accounts([order_id])
            order = _waiting(order_id)
            if order is not None:
                _expire(order, now=now)
                expired += 1
    return expired


def _not_as_shown(order: Order, shown: str | None) -> str:
    return NOT_AS_SHOWN if shown is not None and shown != digest_of(order) else ""


def _cut(order: Order, most: Decimal | None) -> str:
    """Make a purchase smaller, to cost at most so many dollars; returns why it cannot be."""
    if most is None or most == order.worst_cost:
        return ""
    if order.side == Side.SELL:
        return "A sale cannot be cut: decline it, and close less by hand."
    if not most.is_finite() or not 0 < most < order.worst_cost:
        return (
            f"A size may only be cut: to less than {dollars(order.worst_cost)}. Nothing was sent."
        )
    unit = worst_cost_per_share(limit_price=order.limit_price, rate=order.fee_rate)
    shares = (most / unit).quantize(CENT, rounding=ROUND_FLOOR)
    least = order.outcome.market.min_shares or CENT
    if shares < least:
        return (
            f"{dollars(most)} buys {shares.normalize():f} shares, and this market takes "
            f"{least.normalize():f} or more. Nothing was sent."
        )
    order.shares = shares
    order.worst_cost = worst_cost(limit=order.limit_price, shares=shares, fee_rate=order.fee_rate)
    return ""


def _waiting(order_id: UUID) -> Order | None:
    return (
        Order.objects.select_for_update(of=("self",))
        .select_related("decision", "outcome__market")
        .filter(pk=order_id, state=OrderState.AWAITING_APPROVAL)
        .first()
    )


def _too_late(order_id: UUID) -> Outcome:
    answer = Approval.objects.select_related("by").filter(order_id=order_id).first()
    if answer is None:
        state = Order.objects.values_list("state", flat=True).get(pk=order_id)
        return Outcome(counted=False, sentence=f"It is not waiting any more; it is {state}.")
    said = answer.answer.lower()
    return Outcome(
        counted=False,
        sentence=f"{answer.by} {said} this at {answer.at:%H:%M:%S} UTC; "
        "it is one order, and your answer changed nothing.",
    )


def _expire(order: Order, *, now: datetime) -> None:
    why = f"Nobody answered by {order.expires_at:%H:%M:%S} UTC."
    orders.move(order, OrderState.DENIED, sentence=why, reason=f"APPROVAL_EXPIRED: {why}", now=now)
    record(
        kind="approval_expired",
        account_id=order.account_id,
        level="WARN",
        sentence=f"An approval expired. {why} Nothing was sent, nothing is reserved.",
        payload={"order": str(order.pk)},
        at=now,
    )


def _asked_again(order: Order, *, now: datetime) -> tuple[str, Decimal]:
    """Ask every check again with fresh facts; the wait for a person does not count as age.

    Returns why the order is stale, or nothing, and what it will cost at once in fee and spread.
    """
    signal_id = order.decision.signal_id
    if signal_id is None:
        return "", ZERO
    gathered = portfolio.gather(
        signal_id=signal_id, now=now, account_ids=[order.account_id], again=True
    )
    if not gathered.situations:
        return "This account does not follow the whale any more.", ZERO
    latest = order.outcome.last_price or gathered.chance.ask
    chance = replace(gathered.chance, at=now, ask=latest)
    situation = gathered.situations[0]
    if chance.side is Side.SELL:
        answer = decide_exit(chance, situation)
        short = answer.intent is not None and answer.intent.shares < order.shares
        return (
            answer.sentence if answer.intent is None else "Fewer shares are left." * short
        ), ZERO
    fresh = replace(
        situation, seconds_since_copy=None, copies_today=max(situation.copies_today - 1, 0)
    )
    answer = decide_entries(chance, [fresh], now=now)[0]
    if answer.intent is None:
        return answer.sentence, ZERO
    if answer.intent.worst_cost < order.worst_cost:
        return (
            f"You were shown {dollars(order.worst_cost)}, and now only "
            f"{dollars(answer.intent.worst_cost)} fits your limits."
        ), ZERO
    return "", answer.intent.immediate_cost
