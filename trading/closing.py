"""Close a position by hand: an ordinary order, with a decision of its own."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Sum

from accounts.models import Account, User
from risk.domain.reasons import Reason
from risk.models import Reservation, RiskState
from trading import pair_views
from trading.domain.entries import MAX_LIMIT
from trading.domain.exits import MIN_LIMIT
from trading.domain.situation import Intent
from trading.models import Approval, Order, Position
from trading.proposals import Event, decision_id, order_fields, order_id, write
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
        count, limit = offer_of(position, exit_price=exit_price)
        intent = Intent(side=Side.SELL, limit_price=limit, shares=count, worst_cost=ZERO)
        _store(position, intent, made=made, source=source, by=by, why=reason, now=now)
    return made


def offer_of(position: Position, *, exit_price: Decimal | None = None) -> tuple[Decimal, Decimal]:
    """Return the shares that closing would sell now, and the least price. Raises CannotClose."""
    return _sellable(position), _limit(position, exit_price)


def _sellable(position: Position) -> Decimal:
    if position.closed_at is not None:
        raise CannotClose("This position is closed already.")
    going = Reservation.objects.filter(
        account_id=position.account_id,
        outcome_id=position.outcome_id,
        entry=False,
        state=Reservation.State.HELD,
    ).aggregate(total=Sum("shares"))["total"]
    paired = pair_views.held(position.account_id, position.outcome_id)
    count = position.confirmed_shares - (going or ZERO) - paired
    if count <= 0 and paired:
        raise CannotClose(
            "These shares are one side of a pair, and selling them would leave the other side "
            "open. They pay when the game is over."
        )
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
    position: Position, intent: Intent, *, made: UUID, source: str, by: str, why: str, now: datetime
) -> None:
    account, outcome = position.account, position.outcome
    count, limit = intent.shares, intent.limit_price
    decision = {
        "id": decision_id(account_id=account.pk, source=source),
        "account_id": account.pk,
        "accepted": True,
        "reason": Reason.CLOSED_BY_HAND.value,
        "sentence": (
            f"{by} closes this position: {shares(count)} at {price(limit)} or better, about "
            f"{dollars(count * limit)}." + (f" {why}" if why else "")
        ),
        "arithmetic": "",
        "size": ZERO,
        "inputs": {"exit_price": limit, "shares": count},
        "factors": {},
        "assumed": False,
        "mode": account.mode,
    }
    event = Event(
        source=source,
        outcome_id=outcome.pk,
        side=Side.SELL,
        venue=outcome.market.venue,
        fee_rate=_fee_rate(position),
        by=by,
    )
    write([decision | order_fields(intent, order=made)], event, now=now)
    if account.mode == Account.Mode.APPROVAL:
        # Whoever closes by hand has approved this very order.
        Approval.objects.create(
            order_id=made,
            answer=Approval.Answer.APPROVED,
            by=User.objects.get(username=by),
            note="closed by hand",
            at=now,
        )


def _fee_rate(position: Position) -> Decimal:
    rate = position.outcome.market.fee_rate
    fallback: Decimal = settings.PAPER_FEE_RATE
    return fallback if rate is None else rate
