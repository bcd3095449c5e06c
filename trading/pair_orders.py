"""The orders of a pair trade: both legs held from the beginning, and what closes an open side."""

from datetime import datetime, timedelta
from uuid import UUID

from accounts.models import Account
from markets.models import Outcome
from risk.domain.reasons import Reason
from trading import orders
from trading.domain.entries import worst_cost
from trading.domain.legs import Place
from trading.domain.order_state import OrderState
from trading.domain.pair_state import Role
from trading.domain.pairing import PairIntent
from trading.domain.situation import Intent
from trading.models import Approval, Order, PairTrade
from trading.pair_views import terms_of
from trading.proposals import Event, decision_id, order_fields, order_id, write
from venues.money import ZERO
from venues.types import OrderKind, Side
from venues.words import price, shares

SEND_FIRST = timedelta(seconds=3)  # from the books to the wire; later nobody believes them
SEND_NEXT = timedelta(seconds=10)
REASONS = {Role.FIRST: Reason.PAIR_TRADED, Role.HEDGE: Reason.PAIR_HEDGED}


def write_legs(trade: PairTrade, planned: PairIntent, *, state: OrderState, now: datetime) -> None:
    """Write both legs with the money for the worst of each; the second one waits for the first."""
    first, second = planned.held
    _order(
        trade,
        Role.FIRST,
        Intent(
            side=Side.BUY,
            limit_price=planned.quote.first.limit,
            shares=planned.quote.shares,
            worst_cost=first,
            immediate_cost=planned.in_flight,
        ),
        kind=planned.kind,
        state=state,
        send_by=now + SEND_FIRST,
        now=now,
    )
    _order(
        trade,
        Role.HEDGE,
        Intent(
            side=Side.BUY,
            limit_price=planned.last_hedge,
            shares=planned.quote.shares,
            worst_cost=second,
        ),
        state=state,
        waits=True,
        send_by=now + SEND_NEXT,
        now=now,
    )


def place(trade: PairTrade, step: Place, *, now: datetime) -> UUID:
    """Let the waiting hedge go for exactly what is needed, or write another order."""
    waiting = trade.orders.filter(
        role=step.role.value, waits=True, state=OrderState.RESERVED
    ).first()
    if waiting is not None and step.role is Role.HEDGE:
        orders.let_go(
            order_id=waiting.pk,
            shares=min(step.shares, waiting.shares),
            limit=min(step.limit, waiting.limit_price),
            send_by=now + SEND_NEXT,
        )
        return waiting.pk
    rate = terms_of(trade, first=step.role.is_first).rate
    buys = step.role.side is Side.BUY
    cost = worst_cost(limit=step.limit, shares=step.shares, fee_rate=rate) if buys else ZERO
    intent = Intent(
        side=step.role.side, limit_price=step.limit, shares=step.shares, worst_cost=cost
    )
    made = _order(
        trade, step.role, intent, state=OrderState.RESERVED, send_by=now + SEND_NEXT, now=now
    )
    if trade.mode == Account.Mode.APPROVAL:
        _approved_with_its_pair(trade, made, now=now)
    return made


def _approved_with_its_pair(trade: PairTrade, made: UUID, *, now: datetime) -> None:
    """Whoever approved the pair approved, with it, what closes it within the bounds shown."""
    for given in Approval.objects.filter(order__pair_trade=trade, order__role=Role.FIRST.value):
        Approval.objects.create(
            order_id=made,
            answer=given.answer,
            by=given.by,
            note="approved with its pair",
            at=now,
        )


def _order(
    trade: PairTrade,
    role: Role,
    intent: Intent,
    *,
    state: OrderState,
    send_by: datetime,
    now: datetime,
    kind: OrderKind = OrderKind.FAK,
    waits: bool = False,
) -> UUID:
    """Write an order of a pair with a decision of its own."""
    outcome = trade.first if role.is_first else trade.second
    number = trade.orders.filter(role=role.value).count() + 1
    source = f"pair:{trade.pk}:{role.value.lower()}:{number}"
    made = order_id(account_id=trade.account_id, source=source)
    event = Event(
        source=source,
        outcome_id=outcome.pk,
        side=intent.side,
        venue=outcome.market.venue,
        fee_rate=outcome.market.fee_rate or ZERO,
    )
    decision = _decision(trade, role, outcome, intent, source=source)
    write([decision | order_fields(intent, order=made, state=state)], event, now=now)
    Order.objects.filter(pk=made).update(
        pair_trade=trade, role=role.value, kind=kind.value, waits=waits, send_by=send_by
    )
    return made


def _decision(
    trade: PairTrade, role: Role, outcome: Outcome, intent: Intent, *, source: str
) -> dict[str, object]:
    verb = "Buys" if intent.side is Side.BUY else "Sells"
    return {
        "id": decision_id(account_id=trade.account_id, source=source),
        "account_id": trade.account_id,
        "accepted": True,
        "reason": REASONS.get(role, Reason.PAIR_UNWOUND).value,
        "sentence": (
            f"{verb} {shares(intent.shares)} of {outcome.name} at {price(intent.limit_price)} or "
            f"better, for the pair {trade.game.key}."
        ),
        "arithmetic": "",
        "size": intent.worst_cost,
        "inputs": {"pair_trade": str(trade.pk), "role": role.value},
        "factors": {},
        "assumed": False,
        "mode": trade.mode,
    }
