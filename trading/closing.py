"""Close a position by hand: an ordinary order, with a decision of its own."""

import hashlib
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Sum

from accounts.models import Account
from risk.domain.reasons import Reason
from risk.models import Reservation, RiskState
from trading import consent, pair_views
from trading.consent import Yes
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
    yes: Yes,
    key: str,
    now: datetime,
    exit_price: Decimal | None = None,
    reason: str = "",
) -> UUID:
    """Reserve a sale of everything this account can sell; returns the order's id.

    `exit_price` is the least to accept, USD per share. `key` makes the call idempotent: the second
    call with it returns the first one's order. A sale needs no second person. Raises CannotClose,
    also where the offer is not the one whose digest was said yes to.
    """
    account_id = Position.objects.values_list("account_id", flat=True).get(pk=position_id)
    with transaction.atomic():
        RiskState.objects.select_for_update().get(account_id=account_id)
        position = (
            Position.objects.select_for_update(of=("self",))
            .select_related("outcome__market", "account")
            .get(pk=position_id)
        )
        made = order_of(position, key)
        if Order.objects.filter(pk=made).exists():
            return made
        count, limit = check_offer(position, yes.digest, exit_price=exit_price)
        why = consent.refused(position.account, yes, now=now)
        if why:
            raise CannotClose(why)
        intent = Intent(side=Side.SELL, limit_price=limit, shares=count, worst_cost=ZERO)
        _store(position, intent, key=key, yes=yes, why=reason, now=now)
    return made


def check_offer(
    position: Position, shown: str, *, exit_price: Decimal | None
) -> tuple[Decimal, Decimal]:
    """Return what would be sold now, if it has the digest that was shown. Raises CannotClose."""
    count, limit = offer_of(position, exit_price=exit_price)
    if shown != digest_of(position, count, limit):
        raise CannotClose(
            f"What you saw is not what would be sold any more: now {shares(count)} at "
            f"{price(limit)} or better."
        )
    return count, limit


def order_of(position: Position, key: str) -> UUID:
    """Return the id that the sale of this position under this key has, or would have."""
    return order_id(account_id=position.account_id, source=_source(position, key))


def _source(position: Position, key: str) -> str:
    return f"close:{hashlib.sha256(f'{position.pk}:{key}'.encode()).hexdigest()}"


def digest_of(position: Position, count: Decimal, limit: Decimal) -> str:
    """Return what names a sale as a person is shown it."""
    facts = f"close|{position.pk}|{count.normalize():f}|{limit.normalize():f}"
    return hashlib.sha256(facts.encode()).hexdigest()


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
    position: Position, intent: Intent, *, key: str, yes: Yes, why: str, now: datetime
) -> None:
    account, outcome, by = position.account, position.outcome, yes.by.username
    source, made = _source(position, key), order_of(position, key)
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
            by=yes.by,
            note="closed by hand",
            digest=yes.digest,
            way=yes.proof.way if yes.proof else "",
            at=now,
        )


def _fee_rate(position: Position) -> Decimal:
    rate = position.outcome.market.fee_rate
    fallback: Decimal = settings.PAPER_FEE_RATE
    return fallback if rate is None else rate
