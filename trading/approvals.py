"""A person answers an order that asked: approve, decline, or let it expire.

The first answer wins; the second tap sees the first one's outcome.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from decimal import ROUND_FLOOR, Decimal
from uuid import UUID

from django.db import transaction
from django.db.models import F, QuerySet

from accounts.models import Account, User
from notifications.services import record
from trading import asks, consent, orders, pair_approvals, portfolio, sending
from trading.consent import NOT_AS_SHOWN, Yes
from trading.domain.answers import Outcome
from trading.domain.entries import decide_entries, worst_cost
from trading.domain.exits import decide_exit
from trading.domain.order_state import OrderState
from trading.domain.pair_state import Role
from trading.domain.situation import Intent
from trading.models import Approval, Order
from trading.proposals import SEND_WITHIN
from venues.money import CENT, ZERO
from venues.polymarket.fees import worst_cost_per_share
from venues.types import Side
from venues.words import dollars
from venues.words import price as cents

NEAR = Decimal("0.99")  # what fits nearly as much is sent unasked: it costs less than was agreed


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
            or _unread(order, seen_now)
            or _drifted(order, yes, price)
            or _cut(order, most)
            or consent.needs_second(order, yes, cost=order.worst_cost, now=now)
        )
        if why:
            # A cut that came with the first of two answers stays: the second person sees it.
            order.save(update_fields=["shares", "worst_cost"])
            return Outcome(counted=False, sentence=why)
        stale, immediate_cost, fits = _asked_again(order, price, now=now)
        if fits is not None and fits.worst_cost < NEAR * order.worst_cost:
            return Outcome(counted=False, sentence=_made_smaller(order, fits))
        if fits is not None:  # a little less than what was said yes to
            order.shares, order.worst_cost = fits.shares, fits.worst_cost
            immediate_cost = fits.immediate_cost
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


def _unread(order: Order, seen_now: asks.Now) -> str:
    """Return why nothing new may be risked with real money: a gate that cannot see refuses."""
    if order.account.is_paper or order.side == Side.SELL or seen_now.is_book:
        return ""
    return "The book could not be read, so nothing new is risked. Nothing was sent; try again."


def _drifted(order: Order, yes: Yes, price: Decimal | None) -> str:
    """Return what to say where the price left the band around the one that was shown."""
    what = "ask" if order.side == Side.BUY else "bid"
    if yes.seen is None and price is not None and not yes.standing and not order.account.is_paper:
        return (
            f"The {what} is {cents(price)} now, and your yes names none that you saw. Nothing was "
            "sent. Read the figures, approve again."
        )
    if yes.seen is None or price is None or abs(price - yes.seen) <= order.account.drift_band:
        return ""
    return (
        f"The {what} went from {cents(yes.seen)} to {cents(price)} while you were reading. "
        "Nothing was sent. Read the new figures, approve again."
    )


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


def _made_smaller(order: Order, fits: Intent) -> str:
    """Let a waiting order be what fits now, and ask again; returns what to say."""
    shown = order.worst_cost
    order.shares, order.worst_cost = fits.shares, fits.worst_cost
    order.save(update_fields=["shares", "worst_cost"])
    return (
        f"You were shown {dollars(shown)}, and now {dollars(fits.worst_cost)} fits your limits. "
        "Nothing was sent. Read the new figures, approve again."
    )


def _asked_again(
    order: Order, price: Decimal | None, *, now: datetime
) -> tuple[str, Decimal, Intent | None]:
    """Ask every check again with fresh facts; the wait for a person does not count as age.

    Returns why the order is stale, or nothing; what it will cost at once in fee and spread; and
    what fits instead, where that is less.
    """
    signal_id = order.decision.signal_id
    if signal_id is None:
        return "", ZERO, None
    gathered = portfolio.gather(
        signal_id=signal_id, now=now, account_ids=[order.account_id], again=True
    )
    if not gathered.situations:
        return "This account does not follow the whale any more.", ZERO, None
    chance = replace(gathered.chance, at=now, ask=price or gathered.chance.ask)
    situation = gathered.situations[0]
    if chance.side is Side.SELL:
        answer = decide_exit(chance, situation)
        short = answer.intent is not None and answer.intent.shares < order.shares
        return (
            (answer.sentence if answer.intent is None else "Fewer shares are left." * short),
            ZERO,
            None,
        )
    fresh = replace(
        situation, seconds_since_copy=None, copies_today=max(situation.copies_today - 1, 0)
    )
    answer = decide_entries(chance, [fresh], now=now)[0]
    if answer.intent is None:
        return answer.sentence, ZERO, None
    if answer.intent.worst_cost < order.worst_cost:
        return "", ZERO, answer.intent
    return "", answer.intent.immediate_cost, None
