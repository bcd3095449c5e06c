"""A person's yes to an order: kept, and its money held from then on."""

from datetime import datetime, timedelta
from decimal import Decimal

from accounts.models import User
from trading import orders
from trading.domain.order_state import OrderState
from trading.models import Approval, Order


def keep(
    order: Order,
    *,
    by: User,
    note: str,
    within: timedelta,
    immediate_cost: Decimal,
    now: datetime,
    digest: str = "",
    with_what: str = "",
) -> None:
    """Keep a yes to a locked order, hold its money, and let it be sent `within` a time.

    `immediate_cost` is what fee and spread take at once, USD; the caller holds the RiskState.
    """
    Approval.objects.create(
        order=order, answer=Approval.Answer.APPROVED, by=by, note=note, digest=digest, at=now
    )
    orders.reserve(order, immediate_cost=immediate_cost, now=now)
    order.send_by = now + within
    orders.move(
        order,
        OrderState.RESERVED,
        sentence=f"Approved by {by.username}{with_what}.",
        by=by.username,
        now=now,
        save=["send_by", "shares", "worst_cost"],  # a person may have cut it
    )
