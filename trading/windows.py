"""The loss windows of an account: they roll before money moves, and are judged after it moved."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from markets.queries import by_account, rows
from risk.domain import breakers
from risk.models import RiskProfile, RiskState
from risk.services import record_trips
from trading import exposure
from venues.money import ZERO

# Equity of the moment a window began: today's positions are those of that moment, because every
# change of a position rolls the windows first; only their prices are looked up in the past.
_WORTH_AT = """
(SELECT coalesce(sum(coalesce(p.shares * past.price, p.cost)), 0)
   FROM trading_position p
   LEFT JOIN LATERAL (SELECT t.price FROM whales_whaletrade t
                       WHERE t.outcome_id = p.outcome_id AND t.at < %({start})s
                       ORDER BY t.at DESC, t.id DESC LIMIT 1) past ON true
  WHERE p.account_id = rs.account_id AND p.closed_at IS NULL)
"""
COLUMNS = [field.column for field in RiskState._meta.concrete_fields]
ROLL = f"""
WITH old AS (
  SELECT rs.account_id,
         rs.cash + {_WORTH_AT.format(start="hour")} AS hour_equity,
         CASE WHEN rs.day IS DISTINCT FROM %(day)s
              THEN rs.cash + {_WORTH_AT.format(start="day")} ELSE rs.day_equity END AS day_equity
    FROM risk_riskstate rs
   WHERE rs.account_id = ANY(%(accounts)s) AND (rs.hour IS NULL OR rs.hour < %(hour)s)
), rolled AS (
  UPDATE risk_riskstate rs
     SET hour = %(hour)s, hour_equity = old.hour_equity - rs.apart, hour_realised = 0,
         hour_forgiven = 0,
         day_equity = old.day_equity - CASE WHEN rs.day IS DISTINCT FROM %(day)s
                                            THEN rs.apart ELSE 0 END,
         day_realised = CASE WHEN rs.day = %(day)s THEN rs.day_realised ELSE 0 END,
         day_forgiven = CASE WHEN rs.day = %(day)s THEN rs.day_forgiven ELSE 0 END,
         day_copies = CASE WHEN rs.day = %(day)s THEN rs.day_copies ELSE 0 END,
         day = %(day)s,
         equity = old.hour_equity,
         high_water = greatest(rs.high_water, old.hour_equity)
    FROM old WHERE old.account_id = rs.account_id
  RETURNING {", ".join(f"rs.{name}" for name in COLUMNS)}
), drawn AS (
  INSERT INTO trading_equitypoint (account_id, at, equity, cash, high_water)
  SELECT account_id, %(hour)s, equity, cash, high_water FROM rolled
  ON CONFLICT DO NOTHING
)
SELECT * FROM rolled
"""
DRAW = """
INSERT INTO trading_equitypoint (account_id, at, equity, cash, high_water)
VALUES (%(account)s, %(at)s, %(equity)s, %(cash)s, %(high_water)s)
ON CONFLICT (account_id, at) DO UPDATE
   SET equity = excluded.equity, cash = excluded.cash, high_water = excluded.high_water
"""


def roll_all(account_ids: Iterable[UUID], *, now: datetime) -> dict[UUID, dict[str, Any]]:
    """Begin the UTC day and hour of `now` for locked accounts that are still in an older one.

    Returns the new rows of those that were.
    """
    return by_account(
        ROLL,
        {
            "accounts": list(account_ids),
            "day": breakers.day_start(now),
            "hour": breakers.hour_start(now),
        },
    )


def roll(risk: RiskState, *, now: datetime) -> None:
    """Begin the windows of `now` on a locked row, before anything of the account changes."""
    if risk.hour is not None and risk.hour >= breakers.hour_start(now):
        return
    rolled = roll_all([risk.account_id], now=now)[risk.account_id]
    for name, value in rolled.items():
        setattr(risk, name, value)


def after_money_moved(risk: RiskState, *, now: datetime) -> None:
    """Bring a locked RiskState up to date, save it, and trip what must trip. Safe to repeat."""
    worth = exposure.worth_of([risk.account_id], now=now).get(risk.account_id, ZERO)
    risk.equity = risk.cash + worth
    risk.high_water = max(risk.high_water, risk.equity)
    risk.is_strained = risk.is_strained and risk.cash < risk.reserved
    risk.save()
    rows(
        DRAW,
        {
            "account": risk.account_id,
            "at": now,
            "equity": risk.equity,
            "cash": risk.cash,
            "high_water": risk.high_water,
        },
    )
    losses = breakers.losses_from(vars(risk), now=now, equity=risk.equity)
    limits = RiskProfile.objects.get(pk=risk.account_id).limits()
    record_trips(
        account_id=risk.account_id,
        trips=breakers.trips(losses, limits),
        losses=losses,
        now=now,
    )
