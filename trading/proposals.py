"""Store what a pass decided: one statement for all its accounts.

Decision, Order, its first event, its Reservation and the new RiskState are written together or
not at all; an account that has decided already keeps its first answer.
"""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid5

from django.conf import settings
from django.db import connection

from risk.domain.breakers import Trip
from risk.services import record_trips
from trading.domain.copying import Answer, Intent, Situation
from trading.domain.order_state import OrderState
from trading.portfolio import Gathered
from venues.words import dollars
from whales.models import Signal

STORE = """
WITH rows AS (
  SELECT * FROM jsonb_to_recordset(%(rows)s::jsonb) AS r(
    id uuid, account_id uuid, accepted boolean, reason text, sentence text, arithmetic text,
    size numeric, confidence float8, inputs jsonb, factors jsonb, assumed boolean, mode text,
    order_id uuid, state text, limit_price numeric, shares numeric, worst_cost numeric,
    held numeric, held_shares numeric, immediate_cost numeric, equity numeric, high_water numeric)
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
  SELECT id, 1, 'PROPOSED', state, '', '{}'::jsonb, '', %(now)s FROM ordered
), reserved AS (
  INSERT INTO risk_reservation (order_id, account_id, outcome_id, entry, amount, shares,
         immediate_cost, state, at)
  SELECT order_id, account_id, %(outcome)s, %(side)s = 'BUY', held, held_shares, immediate_cost,
         'HELD', %(now)s
    FROM fresh WHERE state = 'RESERVED'
), risked AS (
  UPDATE risk_riskstate rs
     SET reserved = rs.reserved + CASE fresh.state WHEN 'RESERVED' THEN fresh.held ELSE 0 END,
         equity = fresh.equity, high_water = fresh.high_water
    FROM fresh WHERE fresh.account_id = rs.account_id
), done AS (
  UPDATE whales_signal SET state = 'DECIDED' WHERE id = %(signal)s AND %(everybody)s
)
SELECT order_id FROM fresh WHERE order_id IS NOT NULL ORDER BY account_id
"""


def decision_id(*, account_id: UUID, source: str) -> UUID:
    """Return the id that this account's decision on this event has, whoever makes it."""
    return uuid5(account_id, source)


def order_id(*, account_id: UUID, source: str) -> UUID:
    return uuid5(account_id, f"{source}:order")


def store(
    *,
    signal: Signal,
    gathered: Gathered,
    answers: Sequence[Answer],
    everybody: bool,
    now: datetime,
) -> list[UUID]:
    """Store the answers; returns the ids of the new orders.

    `everybody` says that no follower is left, which makes the signal decided.
    """
    rows = [
        _row(signal, each, answer, gathered)
        for each, answer in zip(gathered.situations, answers, strict=True)
    ]
    parameters: dict[str, Any] = {
        "everybody": everybody,
        "rows": json.dumps(rows, default=str),
        "source": signal.source,
        "signal": signal.pk,
        "whale": signal.whale_id,
        "outcome": signal.outcome_id,
        "side": signal.side,
        "fee_rate": gathered.chance.fee_rate,
        "venue": signal.outcome.market.venue,
        "now": now,
        "send_by": now + timedelta(seconds=30),
        "expires_at": now + timedelta(minutes=settings.APPROVAL_MINUTES),
    }
    with connection.cursor() as cursor:
        cursor.execute(STORE, parameters)
        made = [row[0] for row in cursor.fetchall()]
    for each, answer in zip(gathered.situations, answers, strict=True):
        if answer.trips:
            _trip(each, answer.trips, now=now)
    return made


def _row(signal: Signal, each: Situation, answer: Answer, gathered: Gathered) -> dict[str, Any]:
    account = gathered.rows[each.account_id]
    waits = account["mode"] == "APPROVAL" or account["rehearsal"]
    row: dict[str, Any] = {
        "id": decision_id(account_id=each.account_id, source=signal.source),
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
        row |= _order_fields(signal, each, answer.intent, state)
    return row


def _order_fields(
    signal: Signal, each: Situation, intent: Intent, state: OrderState
) -> dict[str, Any]:
    return {
        "order_id": order_id(account_id=each.account_id, source=signal.source),
        "state": state.value,
        "limit_price": intent.limit_price,
        "shares": intent.shares,
        "worst_cost": intent.worst_cost,
        "held": intent.worst_cost,
        "held_shares": intent.shares if intent.side.value == "SELL" else Decimal(0),
        "immediate_cost": intent.immediate_cost,
    }


def _trip(each: Situation, trips: Sequence[Trip], *, now: datetime) -> None:
    record_trips(
        account_id=each.account_id,
        trips=trips,
        numbers={
            "equity": dollars(each.equity),
            "equity_at_day_start": dollars(each.losses.day.equity_at_start),
            "equity_at_hour_start": dollars(each.losses.hour.equity_at_start),
            "realised_today": dollars(each.losses.day.realised),
            "realised_this_hour": dollars(each.losses.hour.realised),
            "losses_in_a_row": str(each.losses.streak),
        },
        now=now,
    )
