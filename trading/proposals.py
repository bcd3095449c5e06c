"""Store what a pass decided: one statement for all its accounts.

Decision, Order, its first event, its Reservation and the new RiskState are written together or
not at all; an account that has decided already keeps its first answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid5

import orjson
from django.conf import settings

from markets.queries import rows
from risk.services import record_trips
from trading.domain.order_state import OrderState
from trading.domain.situation import Answer, Chance, Intent, Situation
from trading.portfolio import Gathered
from venues.money import ZERO
from venues.types import Side
from venues.words import dollars, price, shares

SEND_WITHIN = timedelta(seconds=30)  # from the decision to the wire

STORE = """
WITH rows AS (
  SELECT * FROM jsonb_to_recordset(%(rows)s::jsonb) AS r(
    id uuid, account_id uuid, accepted boolean, reason text, sentence text, arithmetic text,
    size numeric, confidence float8, inputs jsonb, factors jsonb, assumed boolean, mode text,
    order_id uuid, state text, limit_price numeric, shares numeric, worst_cost numeric,
    held numeric, held_shares numeric, immediate_cost numeric, equity numeric, high_water numeric,
    asked text)
), decided AS (
  INSERT INTO trading_decision (id, account_id, source, signal_id, whale_id, outcome_id, side,
         accepted, reason, sentence, arithmetic, size, confidence, inputs, factors, assumed, mode,
         at)
  SELECT id, account_id, %(source)s, %(signal)s, %(whale)s, %(outcome)s, %(side)s,
         accepted, reason, sentence, arithmetic, size, confidence, inputs, factors, assumed, mode,
         %(now)s
    FROM rows
  ON CONFLICT (account_id, source) DO NOTHING
  RETURNING id
), fresh AS (
  SELECT rows.* FROM rows JOIN decided USING (id)
), ordered AS (
  INSERT INTO trading_order (id, decision_id, account_id, whale_id, outcome_id, side, state, mode,
         limit_price, shares, worst_cost, fee_rate, filled_shares, filled_cost, fees, venue,
         venue_order_id, reason, created_at, send_by, expires_at)
  SELECT order_id, id, account_id, %(whale)s, %(outcome)s, %(side)s, state, mode,
         limit_price, shares, worst_cost, %(fee_rate)s, 0, 0, 0,
         CASE mode WHEN 'PAPER' THEN 'paper' ELSE %(venue)s END,
         '', '', %(now)s, %(send_by)s, %(expires_at)s
    FROM fresh WHERE order_id IS NOT NULL
  RETURNING id, state
), told AS (
  INSERT INTO trading_orderevent (order_id, sequence, old, new, sentence, evidence, by, at)
  SELECT id, 1, 'PROPOSED', state, '', '{}'::jsonb, %(by)s, %(now)s FROM ordered
), reserved AS (
  INSERT INTO risk_reservation (order_id, account_id, outcome_id, entry, amount, shares,
         immediate_cost, state, at)
  SELECT order_id, account_id, %(outcome)s, %(side)s = 'BUY', held, held_shares, immediate_cost,
         'HELD', %(now)s
    FROM fresh WHERE state = 'RESERVED'
), told_people AS (
  INSERT INTO notifications_event (account_id, kind, level, sentence, payload, by, seen_by, at)
  SELECT account_id, 'approval_asked', 'WARN',
         asked,
         jsonb_build_object('order', order_id, 'mode', mode),
         '', '', %(now)s
    FROM fresh WHERE asked IS NOT NULL
), risked AS (
  UPDATE risk_riskstate rs
     SET reserved = rs.reserved + CASE fresh.state WHEN 'RESERVED' THEN fresh.held ELSE 0 END,
         day_copies = rs.day_copies
           + (fresh.accepted AND %(side)s = 'BUY' AND %(signal)s IS NOT NULL
              AND %(now)s >= rs.day)::int,
         equity = coalesce(fresh.equity, rs.equity),
         high_water = coalesce(fresh.high_water, rs.high_water)
    FROM fresh WHERE fresh.account_id = rs.account_id
), done AS (
  UPDATE whales_signal SET state = 'DECIDED' WHERE id = %(signal)s AND %(everybody)s
)
SELECT order_id FROM fresh WHERE order_id IS NOT NULL ORDER BY account_id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What was decided on, the same for all accounts of a pass."""

    source: str
    outcome_id: int
    side: Side
    venue: str
    fee_rate: Decimal
    signal_id: int | None = None
    whale_id: int | None = None
    by: str = ""  # the person who decided, if it was one


def decision_id(*, account_id: UUID, source: str) -> UUID:
    """Return the id that this account's decision on this event has, whoever makes it."""
    return uuid5(account_id, source)


def order_id(*, account_id: UUID, source: str) -> UUID:
    return uuid5(account_id, f"{source}:order")


def store(
    *,
    gathered: Gathered,
    answers: Sequence[Answer],
    everybody: bool,
    now: datetime,
) -> list[UUID]:
    """Store the answers; returns the ids of the new orders.

    `everybody` says that no follower is left, which makes the signal decided.
    """
    chance = gathered.chance
    event = Event(
        source=chance.source,
        outcome_id=chance.outcome_id,
        side=chance.side,
        venue=chance.venue,
        fee_rate=chance.fee_rate,
        signal_id=chance.signal_id,
        whale_id=chance.whale_id,
    )
    proposed = [
        _row(each, answer, gathered, now=now)
        for each, answer in zip(gathered.situations, answers, strict=True)
    ]
    made = write(proposed, event, everybody=everybody, now=now)
    for each, answer in zip(gathered.situations, answers, strict=True):
        if answer.trips:
            record_trips(
                account_id=each.account_id, trips=answer.trips, losses=each.losses, now=now
            )
    return made


def write(
    proposed: Sequence[dict[str, Any]], event: Event, *, now: datetime, everybody: bool = False
) -> list[UUID]:
    """Write decisions with the orders they make; the caller holds the accounts' RiskState."""
    made = rows(
        STORE,
        {
            "rows": orjson.dumps(proposed, default=str).decode(),
            "source": event.source,
            "signal": event.signal_id,
            "whale": event.whale_id,
            "outcome": event.outcome_id,
            "side": event.side.value,
            "fee_rate": event.fee_rate,
            "venue": event.venue,
            "by": event.by,
            "everybody": everybody,
            "now": now,
            "send_by": now + SEND_WITHIN,
            "expires_at": now + timedelta(minutes=settings.APPROVAL_MINUTES),
        },
    )
    return [row["order_id"] for row in made]


def _row(each: Situation, answer: Answer, gathered: Gathered, *, now: datetime) -> dict[str, Any]:
    account, source = gathered.rows[each.account_id], gathered.chance.source
    waits = account["mode"] == "APPROVAL" or account["rehearsal"]
    row: dict[str, Any] = {
        "id": decision_id(account_id=each.account_id, source=source),
        "account_id": each.account_id,
        "accepted": answer.intent is not None,
        "reason": answer.reason.value,
        "sentence": answer.sentence,
        "arithmetic": answer.arithmetic,
        "size": answer.size,
        "confidence": answer.confidence,
        "inputs": answer.inputs,
        "factors": answer.factors,
        "assumed": answer.assumed,
        "mode": account["mode"],
        "equity": each.equity,
        "high_water": each.high_water,
    }
    if answer.intent is not None:
        state = OrderState.AWAITING_APPROVAL if waits else OrderState.RESERVED
        order = order_id(account_id=each.account_id, source=source)
        row |= order_fields(answer.intent, order=order, state=state)
        if waits:
            row["asked"] = _question(answer.intent, gathered.chance, now=now)
    return row


def _question(intent: Intent, chance: Chance, *, now: datetime) -> str:
    """Return what reaches a phone: the amount first, and until when."""
    until = f"until {now + timedelta(minutes=settings.APPROVAL_MINUTES):%H:%M} UTC"
    if intent.side is Side.SELL:
        what = (
            f"Sell {shares(intent.shares)}? {chance.market} at {price(intent.limit_price)} or more"
        )
        return f"{what}, {until}"
    what = (
        f"Approve {dollars(intent.worst_cost)}? {chance.market} up to {price(intent.limit_price)}"
    )
    return f"{what}, {until}"


def order_fields(
    intent: Intent, *, order: UUID, state: OrderState = OrderState.RESERVED
) -> dict[str, Any]:
    """Return the part of a row that makes an order."""
    return {
        "order_id": order,
        "state": state.value,
        "limit_price": intent.limit_price,
        "shares": intent.shares,
        "worst_cost": intent.worst_cost,
        "held": intent.worst_cost,
        "held_shares": intent.shares if intent.side is Side.SELL else ZERO,
        "immediate_cost": intent.immediate_cost,
    }
