"""A person's yes to an order: proved where money is real, kept, and its money held from then on."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from accounts.factors import Proof, unproved
from accounts.models import Account, User
from notifications.services import record
from trading import orders
from trading.domain.order_state import OrderState
from trading.models import Approval, Order
from venues.words import dollars

NOT_AS_SHOWN = (
    "What you saw is not what would be sent any more. Nothing was sent. Read the new figures, "
    "approve again."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Yes:
    """Who says yes to what: the digest that was shown, and the fresh factor for it."""

    by: User
    digest: str = ""
    note: str = ""
    seen: Decimal | None = None  # the price that was on the page, USD per share
    proof: Proof | None = None
    standing: bool = False  # given once for all orders under an amount, with a factor then


def refused(account: Account, yes: Yes, *, now: datetime) -> str:
    """Return why this person's yes does not count for this account, or an empty string."""
    if not Account.objects.answerable_by(yes.by).filter(pk=account.pk).exists():
        return "You may not answer for this account."
    if yes.standing:
        return ""
    return unproved(account, by=yes.by, digest=yes.digest, proof=yes.proof, now=now)


def needs_second(order: Order, yes: Yes, *, cost: Decimal, now: datetime) -> str:
    """Keep the first of two answers where the account asks for two; returns whom it waits for.

    An empty string says that this yes is enough. Safe to call twice: a person counts once.
    """
    account = order.account
    if account.second_above is None or cost <= account.second_above:
        return ""
    row, made = Approval.objects.get_or_create(
        order=order,
        defaults={
            "answer": Approval.Answer.ONCE,
            "by": yes.by,
            "note": yes.note,
            "digest": yes.digest,
            "way": yes.proof.way if yes.proof else "",
            "at": now,
        },
    )
    if not made and row.by_id != yes.by.pk:
        return ""
    if made:
        record(
            kind="approval_second",
            account_id=order.account_id,
            level="WARN",
            sentence=f"{yes.by} said yes to {dollars(cost)}; a second person is needed.",
            payload={"order": str(order.pk)},
            by=yes.by.username,
            at=now,
        )
    return (
        f"Over {dollars(account.second_above)} needs a second person; you already said yes. "
        "Nothing was sent."
    )


def keep(
    order: Order,
    *,
    yes: Yes,
    within: timedelta,
    immediate_cost: Decimal,
    now: datetime,
    with_what: str = "",
) -> None:
    """Keep a yes to a locked order, hold its money, and let it be sent `within` a time.

    `immediate_cost` is what fee and spread take at once, USD; the caller holds the RiskState.
    """
    first = Approval.objects.filter(order=order).first()
    Approval.objects.update_or_create(
        order=order,
        defaults={
            "answer": Approval.Answer.APPROVED,
            "by": yes.by,
            "first": first.by if first else None,
            "note": yes.note or (first.note if first else ""),
            "digest": yes.digest,
            "way": "standing" if yes.standing else yes.proof.way if yes.proof else "",
            "at": now,
        },
    )
    orders.reserve(order, immediate_cost=immediate_cost, now=now)
    order.send_by = now + within
    both = f" and {first.by.username}" if first else ""
    orders.move(
        order,
        OrderState.RESERVED,
        sentence=f"Approved by {yes.by.username}{both}{with_what}.",
        by=yes.by.username,
        now=now,
        save=["send_by", "shares", "worst_cost"],  # a person may have cut it
    )
