"""A person answers an order that asked: approve, decline, or let it expire.

The first answer wins; the second tap sees the first one's outcome.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db import transaction
from django.db.models import F, QuerySet

from accounts.models import Account, User
from notifications.services import record
from trading import approval_checks, asks, consent, orders, pair_approvals, sending
from trading.consent import NOT_AS_SHOWN, Yes
from trading.domain.answers import Outcome
from trading.domain.order_state import OrderState
from trading.domain.pair_state import Role
from trading.models import Approval, Order
from trading.proposals import SEND_WITHIN
from venues.types import Side
from venues.words import dollars


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
    *, order_id: UUID, yes: Yes, now: datetime, most: Decimal | None = None
) -> Outcome:
    """Approve an order as it was shown, and send it: what pages, admin and API do."""
    outcome = approve(order_id=order_id, yes=yes, now=now, most=most)
    # A pair is sent by whoever then drives its second leg.
    alone = Order.objects.filter(pk=order_id, pair_trade__isnull=True)
    if outcome.counted and alone.exists():
        sending.submit(order_ids=[order_id], now=now)
    return outcome


def approve(
    *,
    order_id: UUID,
    yes: Yes,
    now: datetime,
    most: Decimal | None = None,
) -> Outcome:
    """Approve an order, if everything that was shown still holds. Nothing is sent here.

    `most` cuts a purchase to fewer dollars. A leg of a pair is approved with its pair, never alone.
    """
    pair = Order.objects.values_list("pair_trade_id", flat=True).get(pk=order_id)
    if pair is not None:
        return pair_approvals.approve(trade_id=pair, yes=yes, now=now)
    seen_now = _price_now(order_id)  # no network inside the transaction
    price = seen_now.price
    with transaction.atomic():
        orders.lock_accounts([order_id])
        order = _waiting(order_id)
        if order is None:
            return _too_late(order_id)
        if now >= order.expires_at:
            _expire(order, now=now)
            return Outcome(counted=False, sentence="It expired; nothing was sent or reserved.")
        why = (
            consent.refused(order.account, yes, now=now)
            or (NOT_AS_SHOWN if yes.digest != digest_of(order) else "")
            or approval_checks.unread(order, seen_now)
            or approval_checks.drifted(order, yes, price)
            or approval_checks.cut(order, most)
            or consent.needs_second(order, yes, cost=order.worst_cost, now=now)
        )
        if why:
            # A cut that came with the first of two answers stays: the second person sees it.
            order.save(update_fields=["shares", "worst_cost"])
            return Outcome(counted=False, sentence=why)
        stale, immediate_cost, fits = approval_checks.asked_again(order, price, now=now)
        if fits is not None and not approval_checks.is_near(order, fits):
            return Outcome(counted=False, sentence=approval_checks.made_smaller(order, fits))
        if fits is not None:  # a little less than what was said yes to
            order.shares, order.worst_cost = fits.shares, fits.worst_cost
        if stale:
            orders.move(
                order, OrderState.DENIED, sentence=stale, reason=stale, by=yes.by.username, now=now
            )
            return Outcome(counted=False, sentence=f"Nothing was sent. {stale}")
        consent.keep(order, yes=yes, within=SEND_WITHIN, immediate_cost=immediate_cost, now=now)
    return Outcome(counted=True, sentence=f"Approved: at most {dollars(order.worst_cost)}.")


def waiting_for(user: User) -> QuerySet[Order]:
    """Return the orders that this person may answer now; a pair asks once."""
    mine = Account.objects.answerable_by(user)
    waiting = Order.objects.filter(state=OrderState.AWAITING_APPROVAL, account__in=mine)
    return waiting.exclude(role=Role.HEDGE)


def answer_by_rule(order_ids: Sequence[UUID], *, now: datetime) -> int:
    """Say yes for accounts whose owner gave a standing one for orders under an amount."""
    waiting = Order.objects.filter(
        pk__in=order_ids,
        state=OrderState.AWAITING_APPROVAL,
        pair_trade__isnull=True,
        worst_cost__lt=F("account__auto_below"),
        account__auto_by__is_active=True,
    ).select_related("account__auto_by", "outcome")
    done = 0
    for order in waiting:
        account = order.account
        assert account.auto_by is not None  # a constraint
        yes = Yes(
            by=account.auto_by,
            digest=digest_of(order),
            note=f"below {dollars(account.auto_below)}, as {account.auto_by} set "
            f"on {account.auto_at:%-d %b %Y}",
            standing=True,
        )
        done += approve(order_id=order.pk, yes=yes, now=now).counted
    return done


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
        if not Account.objects.answerable_by(by).filter(pk=order.account_id).exists():
            return Outcome(counted=False, sentence="You may not answer for this account.")
        Approval.objects.update_or_create(
            order=order,
            defaults={"answer": Approval.Answer.DECLINED, "by": by, "note": note, "at": now},
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


def _price_now(order_id: UUID) -> asks.Now:
    order = Order.objects.select_related("outcome__market").get(pk=order_id)
    return asks.price_now(order.outcome, Side(order.side))


def _waiting(order_id: UUID) -> Order | None:
    return (
        Order.objects.select_for_update(of=("self",))
        .select_related("account", "decision", "outcome__market")
        .filter(pk=order_id, state=OrderState.AWAITING_APPROVAL)
        .first()
    )


def _too_late(order_id: UUID) -> Outcome:
    answer = Approval.objects.select_related("by").filter(order_id=order_id).first()
    if answer is None or answer.answer == Approval.Answer.ONCE:
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
