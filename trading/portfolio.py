"""Read side: the situation that a decision is made on, for all its accounts at once.

A constant number of queries, whatever the number of accounts. Everything here runs under the locks
of the accounts' RiskState rows, taken in id order by `LOCK`.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.conf import settings

from markets.models import Market
from markets.queries import by_account, rows
from risk import stops
from risk.domain import breakers
from risk.domain.breakers import Trip
from risk.domain.presets import DEFAULT, Limits
from risk.domain.reasons import Refusal
from trading import exposure, windows
from trading.domain.situation import Chance, Situation, WhaleFigures
from venues.money import ZERO
from venues.types import Side
from whales.models import WhaleScore

LIMIT_NAMES = tuple(each.name for each in fields(Limits))
COUNTS = {name for name in LIMIT_NAMES if not isinstance(getattr(DEFAULT, name), Decimal)}

# The limits of an account come as one text: most accounts share them, and none changes them often.
LOCK = f"""
SELECT rs.account_id, rs.cash, rs.reserved, rs.committed, rs.consecutive_losses, rs.high_water,
       rs.equity, rs.apart, rs.day, rs.day_equity, rs.day_realised, rs.day_forgiven, rs.day_copies,
       rs.hour, rs.hour_equity, rs.hour_realised, rs.hour_forgiven,
       a.mode, a.rehearsal, a.auto_below, f.paused, f.copy_exits, f.size_factor, f.max_trade,
       f.max_price_drift AS follow_drift, f.min_whale_quality AS follow_quality,
       CASE WHEN a.mode <> 'PAPER' AND EXISTS (
              SELECT FROM risk_purse pu
               WHERE pu.account_id = rs.account_id AND pu.venue <> %(venue)s) THEN
         (SELECT sum(pu.cash) FROM risk_purse pu
           WHERE pu.account_id = rs.account_id AND pu.venue <> %(venue)s)
         - coalesce((SELECT sum(r.amount)
                       FROM risk_reservation r JOIN markets_outcome o ON o.id = r.outcome_id
                       JOIN markets_market m ON m.id = o.market_id
                      WHERE r.account_id = rs.account_id AND r.state = 'HELD'
                        AND m.venue <> %(venue)s), 0) END AS elsewhere,
       f.categories::text, coalesce(f.assumed, 'null')::text AS assumed,
       concat_ws(',', {", ".join(f"coalesce(p.{name}::text, '')" for name in LIMIT_NAMES)})
         AS limits
  FROM risk_riskstate rs
  JOIN accounts_account a ON a.id = rs.account_id
  JOIN risk_riskprofile p ON p.account_id = rs.account_id
  JOIN whales_follow f ON f.account_id = rs.account_id AND f.whale_id = %(whale)s
 WHERE (%(accounts)s::uuid[] IS NULL OR rs.account_id = ANY(%(accounts)s::uuid[]))
   AND (%(again)s OR NOT EXISTS (SELECT 1 FROM trading_decision d
                    WHERE d.account_id = rs.account_id AND d.source = %(source)s))
 ORDER BY rs.account_id
   FOR UPDATE OF rs
"""

CHANCES = """
SELECT s.id AS signal_id, s.due_at, s.source, s.side, s.price, s.shares, s.at, s.sold_fraction,
       s.facts::text, s.whale_id, w.address AS whale, w.own AS own_wallet, s.outcome_id,
       m.id AS market_id, m.venue, m.title AS market, m.category, m.status, m.fee_rate, m.closes_at
  FROM whales_signal s
  JOIN whales_whale w ON w.id = s.whale_id
  JOIN markets_outcome o ON o.id = s.outcome_id JOIN markets_market m ON m.id = o.market_id
 WHERE s.id = ANY(%(signals)s)
"""

# What each account holds, and whether anything stops anybody: only then is it worth asking what.
AROUND = f"""
SELECT a.id AS account_id, u.worth, u.in_flight_cost, u.market_exposure, u.category_exposure,
       u.positions, {{more}},
       EXISTS (SELECT FROM risk_breakertrip t
                WHERE t.account_id = a.id AND t.reset_at IS NULL
                  AND (t.kind = 'STREAK' OR t.window_start >= %(day)s)) AS tripped,
       EXISTS (SELECT FROM risk_killswitch) OR EXISTS (
         SELECT FROM notifications_event e
          WHERE e.account_id = a.id AND e.level = 'ACT' AND e.seen_at IS NULL) AS stopped
  FROM unnest(%(accounts)s::uuid[]) AS a(id)
  LEFT JOIN ({exposure.USAGE}) u ON u.account_id = a.id
"""
AROUND_ENTRY = AROUND.format(
    more="""
       (SELECT max(d.at) FROM trading_decision d
         WHERE d.account_id = a.id AND d.accepted AND d.side = 'BUY' AND d.at >= %(since)s
           AND d.whale_id = %(whale)s AND d.outcome_id = %(outcome)s) AS copied_at"""
)
# What may be sold: confirmed, bought from this whale, and not on its way out already.
AROUND_EXIT = AROUND.format(
    more="""
       (SELECT least(
                 p.confirmed_shares - coalesce((
                   SELECT sum(r.shares) FROM risk_reservation r
                    WHERE r.account_id = p.account_id AND r.outcome_id = p.outcome_id
                      AND r.state = 'HELD' AND NOT r.entry), 0),
                 coalesce((
                   SELECT sum(CASE w.side WHEN 'BUY' THEN f.shares ELSE -f.shares END)
                     FROM trading_order w JOIN trading_fill f ON f.order_id = w.id
                    WHERE w.account_id = p.account_id AND w.outcome_id = p.outcome_id
                      AND w.whale_id = %(whale)s AND f.at >= p.opened_at
                      AND f.settlement <> 'FAILED'), 0)
                 - coalesce((
                   SELECT sum(r.shares)
                     FROM risk_reservation r JOIN trading_order w ON w.id = r.order_id
                    WHERE r.account_id = p.account_id AND r.outcome_id = p.outcome_id
                      AND w.whale_id = %(whale)s AND r.state = 'HELD' AND NOT r.entry), 0))
          FROM trading_position p
         WHERE p.closed_at IS NULL AND p.outcome_id = %(outcome)s
           AND p.account_id = a.id) AS sellable"""
)

Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """Everything one pass reads: what was asked, about whom, and the locked rows themselves."""

    chance: Chance
    situations: list[Situation]
    rows: dict[UUID, Row] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What was read beside the locked rows."""

    accounts: dict[UUID, Row]
    trips: dict[UUID, tuple[Trip, ...]]
    switches: stops.Stops
    refusals: dict[str, Refusal | None]  # by mode
    earned: WhaleFigures | None


def gather(
    *,
    signal_id: int,
    now: datetime,
    account_ids: Sequence[UUID] | None = None,
    again: bool = False,
) -> Gathered:
    """Lock the accounts that follow the whale and have not decided yet, and read their state.

    `again` takes those that have decided too: an approval asks everything a second time.
    """
    chance = read_chance(signal_id, now=now)
    asked = {"whale": chance.whale_id, "accounts": account_ids, "source": chance.source}
    locked = rows(LOCK, {**asked, "venue": chance.venue, "again": again})
    if not locked:
        return Gathered(chance=chance, situations=[])
    _roll(locked, now=now)
    around = _around(chance, locked, now=now)
    return Gathered(
        chance=chance,
        situations=[_situation(row, chance, around, now=now) for row in locked],
        rows={row["account_id"]: row for row in locked},
    )


def read_chance(signal_id: int, *, now: datetime) -> Chance:
    """Read a whale's order with its market, and the facts that were known of it then."""
    return chance_of(rows(CHANCES, {"signals": [signal_id]})[0], now=now)


def chance_of(row: Row, *, now: datetime) -> Chance:
    """Make a chance of a row of CHANCES, as it looks at `now`."""
    row = {name: value for name, value in row.items() if name != "due_at"}
    facts, closes_at = json.loads(row.pop("facts")), row.pop("closes_at")
    hours = float(facts.get("hours", 0))
    status, rate = row.pop("status"), row.pop("fee_rate")
    return Chance(
        **{**row, "side": Side(row["side"])},
        market_open=status == Market.Status.OPEN,
        fee_rate=settings.PAPER_FEE_RATE if rate is None else rate,
        ask=Decimal(facts["ask"]) if "ask" in facts else None,
        spread=Decimal(facts.get("spread", "0")),
        liquidity=Decimal(facts.get("liquidity", "0")),
        volatility=float(facts.get("volatility", 0)),
        hours=hours if closes_at is None else (closes_at - now) / timedelta(hours=1),
    )


def _roll(locked: Sequence[Row], *, now: datetime) -> None:
    hour = breakers.hour_start(now)
    stale = [row["account_id"] for row in locked if row["hour"] is None or row["hour"] < hour]
    if stale:
        rolled = windows.roll_all(stale, now=now)
        for row in locked:
            row.update(rolled.get(row["account_id"], {}))


def _around(chance: Chance, locked: Sequence[Row], *, now: datetime) -> Around:
    ids = [row["account_id"] for row in locked]
    longest = max(_limits(row["limits"]).duplicate_seconds for row in locked)
    asked = {
        "accounts": ids,
        "whale": chance.whale_id,
        "outcome": chance.outcome_id,
        "market": chance.market_id,
        "category": chance.category,
        "since": now - timedelta(seconds=longest),
        "day": breakers.day_start(now),
        "now": now,
    }
    accounts = by_account(AROUND_ENTRY if chance.side is Side.BUY else AROUND_EXIT, asked)
    tripped = [account_id for account_id, row in accounts.items() if row["tripped"]]
    stopped = any(row["stopped"] for row in accounts.values())
    earned = None
    if any(assumed_figures(row["assumed"]) is None for row in locked):
        earned = earned_figures(chance.whale_id, as_of=chance.at)
    return Around(
        accounts=accounts,
        trips=stops.open_trips(tripped, now=now) if tripped else {},
        switches=stops.read_stops() if stopped else stops.Stops(switches=()),
        refusals={mode: stops.mode_refusal(mode) for mode in {row["mode"] for row in locked}},
        earned=earned,
    )


def earned_figures(whale_id: int, *, as_of: datetime) -> WhaleFigures | None:
    """Return the latest score that was known at `as_of`, or None for an unproven whale."""
    score = (
        WhaleScore.objects.filter(whale_id=whale_id, as_of__lte=as_of).order_by("-as_of").first()
    )
    if score is None:
        return None
    return figures_of(score)


def figures_of(score: WhaleScore) -> WhaleFigures:
    """Return what sizing reads of a score."""
    return WhaleFigures(
        quality=score.score,
        sharpe=score.sharpe,
        win_rate=score.win_rate,
        consistency=score.consistency,
        recent_roi=score.recent_roi,
        assumed=False,
    )


def _situation(row: Row, chance: Chance, around: Around, *, now: datetime) -> Situation:
    account_id: UUID = row["account_id"]
    own = around.accounts[account_id]
    equity = row["cash"] + (own["worth"] or ZERO)
    copied_at = own.get("copied_at")
    who: dict[str, Any] = {"account_id": account_id, "whale": chance.whale, "venue": chance.venue}
    return Situation(
        account_id=account_id,
        limits=_limits(row["limits"], row["follow_drift"], row["follow_quality"]),
        stopped=around.switches.words(**who, entries=True),
        stopped_all=around.switches.words(**who, entries=False),
        mode_refusal=around.refusals[row["mode"]],
        follow_paused=row["paused"],
        copy_exits=row["copy_exits"],
        categories=_categories(row["categories"]),
        size_factor=Decimal(1) if row["size_factor"] is None else row["size_factor"],
        max_trade=row["max_trade"],
        figures=assumed_figures(row["assumed"]) or around.earned,
        seconds_since_copy=(now - copied_at).total_seconds() if copied_at else None,
        copies_today=row["day_copies"],
        open_trips=around.trips.get(account_id, ()),
        # What lies free at another venue cannot pay here.
        cash=row["cash"] - (row["elsewhere"] or ZERO),
        reserved=row["reserved"],
        equity=equity,
        high_water=max(row["high_water"], equity),
        positions=own["positions"] or 0,
        exposure=row["committed"] + row["reserved"],
        market_exposure=own["market_exposure"] or ZERO,
        category_exposure=own["category_exposure"] or ZERO,
        losses=breakers.losses_from(
            row, now=now, equity=equity, in_flight_cost=own["in_flight_cost"] or ZERO
        ),
        sellable=own.get("sellable") or ZERO,
    )


# Rows repeat from pass to pass, so what they say is understood once. Keyed by the whole text.


@lru_cache(maxsize=10_000)
def _limits(text: str, drift: Decimal | None = None, quality: Decimal | None = None) -> Limits:
    """Read the limits of an account, with the overrides of its follow."""
    values: dict[str, Any] = {}
    for name, value in zip(LIMIT_NAMES, text.split(","), strict=True):
        if not value:
            values[name] = None
        else:
            values[name] = int(value) if name in COUNTS else Decimal(value)
    if drift is not None:
        values["max_price_drift"] = drift
    if quality is not None:
        values["min_whale_quality"] = quality
    return Limits(**values)


@lru_cache(maxsize=10_000)
def _categories(text: str) -> tuple[str, ...]:
    return tuple(json.loads(text))


@lru_cache(maxsize=10_000)
def assumed_figures(assumed: str) -> WhaleFigures | None:
    """Read the figures that a follow assumes of its whale, if it does."""
    figures = json.loads(assumed)
    if not figures:
        return None
    return WhaleFigures(
        quality=float(figures["q"]),
        sharpe=float(figures["s"]),
        win_rate=float(figures["w"]),
        consistency=float(figures["c"]),
        recent_roi=float(figures["r"]),
        assumed=True,
    )
