"""A person answers an order that asked: approve, decline, or let it expire.

The first answer wins; the second tap sees the first one's outcome.
"""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db import transaction

from accounts.models import User
from notifications.services import record
from trading import orders, pair_approvals, portfolio
from trading.domain.answers import Outcome
from trading.domain.entries import decide_entries
from trading.domain.exits import decide_exit
from trading.domain.order_state import OrderState
from trading.models import Approval, Order
from trading.proposals import SEND_WITHIN
from venues.money import ZERO
from venues.types import Side
from venues.words import dollars


def approve(*, order_id: UUID, by: User, now: datetime, note: str = "") -> Outcome:
    """Approve an order, if everything that was shown still holds. Nothing is sent here.

    A leg of a pair is approved with its pair, and never alone.
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
        stale, immediate_cost = _asked_again(order, now=now)
        if stale:
            orders.move(
                order, OrderState.DENIED, sentence=stale, reason=stale, by=by.username, now=now
            )
            return Outcome(counted=False, sentence=f"Nothing was sent. {stale}")
        Approval.objects.create(
            order=order, answer=Approval.Answer.APPROVED, by=by, note=note, at=now
        )
        orders.reserve(order, immediate_cost=immediate_cost, now=now)
        order.send_by = now + SEND_WITHIN
        orders.move(
            order,
            OrderState.RESERVED,
            sentence=f"Approved by {by.username}.",
            by=by.username,
            now=now,
            save=["send_by"],
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


def _waiting(order_id: UUID) -> Order | None:
    return (
        Order.objects.select_for_update(of=("self",))
        .select_related("decision", "outcome")
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
