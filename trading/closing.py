"""Close a position by hand: an ordinary order, with a decision of its own."""

from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Sum

from risk.domain.reasons import Reason
from risk.models import Reservation, RiskState
from trading.domain.copying import MAX_LIMIT, MIN_LIMIT
from trading.domain.order_state import OrderState
from trading.models import Decision, Order, OrderEvent, Position
from trading.proposals import decision_id, order_id
from venues import money
from venues.money import ZERO
from venues.types import Side
from venues.words import dollars, price, shares

MAX_DISCOUNT = Decimal("0.02")  # USD per share under the last price, when no price is given


class CannotClose(Exception):
    """The position cannot be sold now; the text says why."""


def close_position(
    *,
    position_id: UUID,
    by: str,
    key: str,
    now: datetime,
    exit_price: Decimal | None = None,
    reason: str = "",
) -> UUID:
    """Reserve a sale of everything this account can sell; returns the order's id.

    `exit_price` is the least to accept, USD per share. `key` makes the call idempotent: the second
    call with it returns the first one's order. Raises CannotClose.
    """
    account_id = Position.objects.values_list("account_id", flat=True).get(pk=position_id)
    source = f"close:{key}"
    with transaction.atomic():
        RiskState.objects.select_for_update().get(account_id=account_id)
        made = order_id(account_id=account_id, source=source)
        if Order.objects.filter(pk=made).exists():
            return made
        position = (
            Position.objects.select_for_update(of=("self",))
            .select_related("outcome__market", "account")
            .get(pk=position_id)
        )
        count = _sellable(position)
        limit = _limit(position, exit_price)
        _store(
            position, made=made, source=source, count=count, limit=limit, by=by, why=reason, now=now
        )
    return made


def _sellable(position: Position) -> Decimal:
    if position.closed_at is not None:
        raise CannotClose("This position is closed already.")
    going = Reservation.objects.filter(
        account_id=position.account_id,
        outcome_id=position.outcome_id,
        entry=False,
        state=Reservation.State.HELD,
    ).aggregate(total=Sum("shares"))["total"]
    count = position.confirmed_shares - (going or ZERO)
    if count <= 0:
        raise CannotClose("All of it is being sold already.")
    return count


def _limit(position: Position, exit_price: Decimal | None) -> Decimal:
    if exit_price is not None:
        if not exit_price.is_finite() or not 0 < exit_price <= MAX_LIMIT:
            raise CannotClose(f"Name a price of up to {MAX_LIMIT} a share, not {exit_price}.")
        return money.ceil_tick(exit_price)
    last = position.outcome.last_price
    if last is None:
        raise CannotClose("No price of this outcome is known; name the least you would accept.")
    return max(money.floor_tick(last - MAX_DISCOUNT), MIN_LIMIT)


def _store(
    position: Position,
    *,
    made: UUID,
    source: str,
    count: Decimal,
    limit: Decimal,
    by: str,
    why: str,
    now: datetime,
) -> None:
    account, outcome = position.account, position.outcome
    decision = Decision.objects.create(
        id=decision_id(account_id=account.pk, source=source),
        account=account,
        source=source,
        outcome=outcome,
        side=Side.SELL.value,
        accepted=True,
        reason=Reason.CLOSED_BY_HAND.value,
        sentence=(
            f"{by} closes this position: {shares(count)} at {price(limit)} or better, about "
            f"{dollars(count * limit)}." + (f" {why}" if why else "")
        ),
        inputs={"exit_price": str(limit), "shares": str(count)},
        mode=account.mode,
        at=now,
    )
    order = Order.objects.create(
        id=made,
        decision=decision,
        account=account,
        outcome=outcome,
        side=Side.SELL.value,
        state=OrderState.RESERVED.value,
        mode=account.mode,
        limit_price=limit,
        shares=count,
        worst_cost=ZERO,
        fee_rate=_fee_rate(position),
        venue="paper" if account.is_paper else outcome.market.venue,
        created_at=now,
        send_by=now + timedelta(seconds=30),
        expires_at=now,
    )
    OrderEvent.objects.create(
        order=order,
        sequence=1,
        old=OrderState.PROPOSED.value,
        new=OrderState.RESERVED.value,
        by=by,
        at=now,
    )
    Reservation.objects.create(
        order_id=made,
        account=account,
        outcome=outcome,
        entry=False,
        amount=ZERO,
        shares=count,
        at=now,
    )


def _fee_rate(position: Position) -> Decimal:
    rate = position.outcome.market.fee_rate
    fallback: Decimal = settings.PAPER_FEE_RATE
    return fallback if rate is None else rate
