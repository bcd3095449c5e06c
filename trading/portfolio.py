"""Read side: the situation that a decision is made on, for all its accounts at once.

A constant number of queries, whatever the number of accounts. Everything here runs under the locks
of the accounts' RiskState rows, taken in id order by `lock`.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from decimal import Decimal
from operator import itemgetter
from typing import Any
from uuid import UUID

from django.conf import settings

from markets.models import Market
from markets.queries import MARK_SQL, rows
from risk.domain import breakers
from risk.domain.breakers import BreakerKind, Losses, Trip, Window
from risk.domain.presets import Limits
from risk.domain.reasons import Reason, Refusal
from risk.models import KillSwitch, RiskState
from trading.domain.copying import Chance, Situation, WhaleFigures
from venues.money import ZERO
from venues.types import Side
from venues.words import moment
from whales.models import Signal, WhaleScore

LIMIT_NAMES = tuple(each.name for each in fields(Limits))
limit_values = itemgetter(*LIMIT_NAMES)

LOCK = f"""
SELECT rs.*, a.mode, a.rehearsal, a.name,
       f.paused, f.copy_exits, f.size_factor, f.max_trade, f.max_price_drift AS follow_drift,
       f.min_whale_quality AS follow_quality, f.categories, f.assumed,
       {", ".join(f"p.{name}" for name in LIMIT_NAMES)}
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
     SET hour = %(hour)s, hour_equity = old.hour_equity, hour_realised = 0, hour_forgiven = 0,
         day_equity = old.day_equity,
         day_realised = CASE WHEN rs.day = %(day)s THEN rs.day_realised ELSE 0 END,
         day_forgiven = CASE WHEN rs.day = %(day)s THEN rs.day_forgiven ELSE 0 END,
         day = %(day)s,
         equity = old.hour_equity,
         high_water = greatest(rs.high_water, old.hour_equity)
    FROM old WHERE old.account_id = rs.account_id
  RETURNING rs.*
), drawn AS (
  INSERT INTO trading_equitypoint (account_id, at, equity, cash, high_water)
  SELECT account_id, %(hour)s, equity, cash, high_water FROM rolled
  ON CONFLICT DO NOTHING
)
SELECT * FROM rolled
"""

USAGE = f"""
WITH held AS (
  SELECT p.account_id, p.outcome_id, o.market_id, m.category, p.cost AS used,
         coalesce(p.shares * {MARK_SQL}, p.cost) AS worth, 0 AS in_flight
    FROM trading_position p
    JOIN markets_outcome o ON o.id = p.outcome_id
    JOIN markets_market m ON m.id = o.market_id
   WHERE p.closed_at IS NULL AND p.account_id = ANY(%(accounts)s)
  UNION ALL
  SELECT r.account_id, r.outcome_id, o.market_id, m.category, r.amount, 0, r.immediate_cost
    FROM risk_reservation r
    JOIN markets_outcome o ON o.id = r.outcome_id
    JOIN markets_market m ON m.id = o.market_id
   WHERE r.state = 'HELD' AND r.entry AND r.account_id = ANY(%(accounts)s)
)
SELECT account_id, sum(worth) AS worth, sum(used) AS exposure, sum(in_flight) AS in_flight_cost,
       coalesce(sum(used) FILTER (WHERE market_id = %(market)s), 0) AS market_exposure,
       coalesce(sum(used) FILTER (WHERE category = %(category)s), 0) AS category_exposure,
       count(DISTINCT outcome_id) AS positions
  FROM held GROUP BY account_id
"""

COPIES = """
SELECT account_id, count(*) FILTER (WHERE at >= %(day)s) AS today,
       max(at) FILTER (WHERE whale_id = %(whale)s AND outcome_id = %(outcome)s) AS last_at
  FROM trading_decision
 WHERE account_id = ANY(%(accounts)s) AND accepted AND side = 'BUY' AND at >= %(since)s
 GROUP BY account_id
"""

SELLABLE = """
SELECT p.account_id,
       least(p.confirmed_shares - coalesce(going.shares, 0),
             coalesce(bought.shares, 0) - coalesce(mine.shares, 0)) AS shares
  FROM trading_position p
  LEFT JOIN LATERAL (
       SELECT sum(CASE o.side WHEN 'BUY' THEN f.shares ELSE -f.shares END) AS shares
         FROM trading_order o JOIN trading_fill f ON f.order_id = o.id
        WHERE o.account_id = p.account_id AND o.outcome_id = p.outcome_id
          AND o.whale_id = %(whale)s AND f.at >= p.opened_at) bought ON true
  LEFT JOIN LATERAL (
       SELECT sum(r.shares) AS shares FROM risk_reservation r
        WHERE r.account_id = p.account_id AND r.outcome_id = p.outcome_id
          AND r.state = 'HELD' AND NOT r.entry) going ON true
  LEFT JOIN LATERAL (
       SELECT sum(r.shares) AS shares
         FROM risk_reservation r JOIN trading_order o ON o.id = r.order_id
        WHERE r.account_id = p.account_id AND r.outcome_id = p.outcome_id
          AND o.whale_id = %(whale)s AND r.state = 'HELD' AND NOT r.entry) mine ON true
 WHERE p.closed_at IS NULL AND p.outcome_id = %(outcome)s AND p.account_id = ANY(%(accounts)s)
"""

OPEN_TRIPS = """
SELECT account_id, kind, window_start, measured, "limit" FROM risk_breakertrip
 WHERE reset_at IS NULL AND account_id = ANY(%(accounts)s) ORDER BY at
"""

STOPS = "SELECT * FROM risk_killswitch ORDER BY id"

Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stops:
    """Kill switches in force, read once."""

    switches: tuple[KillSwitch, ...]

    def words(self, *, account_id: UUID, whale: str, venue: str, entries: bool) -> str:
        """Return who stopped what, or an empty string when this may go on."""
        if not self.switches:
            return ""
        keys = {
            KillSwitch.Scope.SERVER: "",
            KillSwitch.Scope.VENUE: venue,
            KillSwitch.Scope.ACCOUNT: str(account_id),
            KillSwitch.Scope.WHALE: whale,
        }
        for switch in self.switches:
            applies = switch.key == keys[KillSwitch.Scope(switch.scope)]
            if applies and (entries or switch.level == KillSwitch.Level.ALL):
                what = "Everything" if switch.level == KillSwitch.Level.ALL else "Buying"
                where = {"SERVER": "on this server", "ACCOUNT": "for this account"}.get(
                    switch.scope, f"for {switch.key}"
                )
                return f"{what} is stopped {where} by {switch.by} since {moment(switch.at)}."
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """Everything one pass reads: what was asked, about whom, and the locked rows themselves."""

    chance: Chance
    situations: list[Situation]
    rows: dict[UUID, Row] = field(default_factory=dict)


def gather(
    *,
    signal: Signal,
    now: datetime,
    account_ids: Sequence[UUID] | None = None,
    again: bool = False,
) -> Gathered:
    """Lock the accounts that follow the whale and have not decided yet, and read their state.

    `again` takes those that have decided too: an approval asks everything a second time.
    """
    locked = rows(
        LOCK,
        {
            "whale": signal.whale_id,
            "accounts": account_ids,
            "source": signal.source,
            "again": again,
        },
    )
    for row in locked:
        row.update(categories=_json(row["categories"]), assumed=_json(row["assumed"]))
    chance = chance_of(signal, now=now)
    ids = [row["account_id"] for row in locked]
    if not ids:
        return Gathered(chance=chance, situations=[])
    _roll(locked, now=now)
    key = {"whale": signal.whale_id, "outcome": signal.outcome_id, "accounts": ids}
    market: Market = signal.outcome.market
    usage = by_account(
        USAGE,
        {"accounts": ids, "market": market.pk, "category": market.category, "now": now},
    )
    copies: dict[UUID, Row] = {}
    sellable: dict[UUID, Row] = {}
    if chance.side is Side.BUY:
        day = breakers.day_start(now)
        since = min(day, now - timedelta(seconds=max(row["duplicate_seconds"] for row in locked)))
        copies = by_account(COPIES, {**key, "day": day, "since": since})
    else:
        sellable = by_account(SELLABLE, key)
    trips = open_trips(ids, now=now)
    stops = read_stops()
    all_assumed = all(row["assumed"] for row in locked)
    earned = None if all_assumed else earned_figures(signal.whale_id, as_of=signal.at)
    situations = [
        _situation(
            row,
            chance=chance,
            usage=usage.get(row["account_id"], {}),
            copies=copies.get(row["account_id"], {}),
            sellable=sellable.get(row["account_id"], {}).get("shares", ZERO),
            trips=trips.get(row["account_id"], ()),
            stops=stops,
            earned=earned,
            venue=market.venue,
            now=now,
        )
        for row in locked
    ]
    return Gathered(
        chance=chance,
        situations=situations,
        rows={row["account_id"]: row for row in locked},
    )


def chance_of(signal: Signal, *, now: datetime) -> Chance:
    facts, outcome = signal.facts, signal.outcome
    rate = outcome.market.fee_rate
    return Chance(
        whale=signal.whale.address,
        own_wallet=signal.whale.own,
        side=Side(signal.side),
        price=signal.price,
        shares=signal.shares,
        at=signal.at,
        market=outcome.market.title,
        category=outcome.market.category,
        market_open=outcome.market.status == Market.Status.OPEN,
        fee_rate=settings.PAPER_FEE_RATE if rate is None else rate,
        ask=Decimal(facts["ask"]) if "ask" in facts else None,
        spread=Decimal(facts.get("spread", "0")),
        liquidity=Decimal(facts.get("liquidity", "0")),
        volatility=float(facts.get("volatility", 0)),
        hours=_hours(outcome.market, facts, now=now),
        sold_fraction=signal.sold_fraction,
    )


def earned_figures(whale_id: int, *, as_of: datetime) -> WhaleFigures | None:
    """Return the latest score that was known at `as_of`, or None for an unproven whale."""
    score = (
        WhaleScore.objects.filter(whale_id=whale_id, as_of__lte=as_of).order_by("-as_of").first()
    )
    if score is None:
        return None
    return WhaleFigures(
        quality=score.score,
        sharpe=score.sharpe,
        win_rate=score.win_rate,
        consistency=score.consistency,
        recent_roi=score.recent_roi,
        assumed=False,
    )


def open_trips(account_ids: Sequence[UUID], *, now: datetime) -> dict[UUID, tuple[Trip, ...]]:
    """Return the breakers that stop entries at `now`, by account, oldest first."""
    found: dict[UUID, tuple[Trip, ...]] = {}
    for row in rows(OPEN_TRIPS, {"accounts": list(account_ids)}):
        kind, start = BreakerKind(row["kind"]), row["window_start"]
        if breakers.is_open(kind=kind, window_start=start, now=now):
            trip = Trip(kind=kind, measured=row["measured"], limit=row["limit"], window_start=start)
            found[row["account_id"]] = (*found.get(row["account_id"], ()), trip)
    return found


def read_stops() -> Stops:
    return Stops(switches=tuple(KillSwitch(**row) for row in rows(STOPS, {})))


def roll_windows(account_ids: Iterable[UUID], *, now: datetime) -> dict[UUID, Row]:
    """Begin the UTC day and hour of `now` for locked accounts that are still in an older one."""
    return by_account(
        ROLL,
        {
            "accounts": list(account_ids),
            "day": breakers.day_start(now),
            "hour": breakers.hour_start(now),
        },
    )


def equity_of(account_ids: Sequence[UUID], *, now: datetime) -> dict[UUID, Decimal]:
    """Return what the open positions of each account are worth at mark; absent means nothing."""
    usage = by_account(
        USAGE, {"accounts": list(account_ids), "market": None, "category": None, "now": now}
    )
    return {account_id: row["worth"] for account_id, row in usage.items()}


def current_losses(state: RiskState, *, equity: Decimal, now: datetime) -> Losses:
    """Return the losses of the day and hour of `now`, of a row that may be of an older one.

    A window in which nothing happened yet began with what the account was last seen worth.
    """
    day, hour = breakers.day_start(now), breakers.hour_start(now)
    same_day, same_hour = state.day == day, state.hour == hour
    return Losses(
        day=Window(
            start=day,
            equity_at_start=state.day_equity if same_day else state.equity,
            realised=state.day_realised if same_day else ZERO,
            forgiven=state.day_forgiven if same_day else ZERO,
        ),
        hour=Window(
            start=hour,
            equity_at_start=state.hour_equity if same_hour else state.equity,
            realised=state.hour_realised if same_hour else ZERO,
            forgiven=state.hour_forgiven if same_hour else ZERO,
        ),
        equity=equity,
        streak=state.consecutive_losses,
    )


def mode_refusal(mode: str) -> Refusal | None:
    if mode == "PAPER":
        if settings.PAPER_TRADING_ENABLED:
            return None
        return Refusal(reason=Reason.PAPER_OFF, sentence="Paper trading is off on this server.")
    if settings.LIVE_TRADING:
        return None
    return Refusal(reason=Reason.LIVE_OFF, sentence="Live trading is off on this server.")


def by_account(sql: str, parameters: Row) -> dict[UUID, Row]:
    return {row["account_id"]: row for row in rows(sql, parameters)}


def _roll(locked: Sequence[Row], *, now: datetime) -> None:
    hour = breakers.hour_start(now)
    stale = [row["account_id"] for row in locked if row["hour"] is None or row["hour"] < hour]
    if stale:
        rolled = roll_windows(stale, now=now)
        for row in locked:
            row.update(rolled.get(row["account_id"], {}))


def _hours(market: Market, facts: dict[str, str], *, now: datetime) -> float:
    if market.closes_at is not None:
        return (market.closes_at - now) / timedelta(hours=1)
    return float(facts.get("hours", 0))


def _situation(
    row: Row,
    *,
    chance: Chance,
    usage: Row,
    copies: Row,
    sellable: Decimal,
    trips: tuple[Trip, ...],
    stops: Stops,
    earned: WhaleFigures | None,
    venue: str,
    now: datetime,
) -> Situation:
    equity = row["cash"] + usage.get("worth", ZERO)
    last_at = copies.get("last_at")
    words = {"account_id": row["account_id"], "whale": chance.whale, "venue": venue}
    return Situation(
        account_id=row["account_id"],
        limits=_limits(row),
        stopped=stops.words(**words, entries=True),
        stopped_all=stops.words(**words, entries=False),
        mode_refusal=mode_refusal(row["mode"]),
        follow_paused=row["paused"],
        copy_exits=row["copy_exits"],
        categories=tuple(row["categories"]),
        size_factor=Decimal(1) if row["size_factor"] is None else row["size_factor"],
        max_trade=row["max_trade"],
        figures=_figures(row) or earned,
        seconds_since_copy=(now - last_at).total_seconds() if last_at else None,
        copies_today=copies.get("today", 0),
        open_trips=trips,
        cash=row["cash"],
        reserved=row["reserved"],
        equity=equity,
        high_water=max(row["high_water"], equity),
        positions=usage.get("positions", 0),
        exposure=usage.get("exposure", ZERO),
        market_exposure=usage.get("market_exposure", ZERO),
        category_exposure=usage.get("category_exposure", ZERO),
        losses=_losses(row, equity=equity, in_flight_cost=usage.get("in_flight_cost", ZERO)),
        sellable=sellable,
    )


def _limits(row: Row) -> Limits:
    values = dict(zip(LIMIT_NAMES, limit_values(row), strict=True))
    if row["follow_drift"] is not None:
        values["max_price_drift"] = row["follow_drift"]
    if row["follow_quality"] is not None:
        values["min_whale_quality"] = row["follow_quality"]
    return Limits(**values)


def _figures(row: Row) -> WhaleFigures | None:
    assumed = row["assumed"]
    if not assumed:
        return None
    return WhaleFigures(
        quality=float(assumed["q"]),
        sharpe=float(assumed["s"]),
        win_rate=float(assumed["w"]),
        consistency=float(assumed["c"]),
        recent_roi=float(assumed["r"]),
        assumed=True,
    )


def _json(value: Any) -> Any:
    """Django's connection hands jsonb back as text in raw queries."""
    return json.loads(value) if isinstance(value, str) else value


def _losses(row: Row, *, equity: Decimal, in_flight_cost: Decimal) -> Losses:
    return Losses(
        day=Window(
            start=row["day"],
            equity_at_start=row["day_equity"],
            realised=row["day_realised"],
            forgiven=row["day_forgiven"],
        ),
        hour=Window(
            start=row["hour"],
            equity_at_start=row["hour_equity"],
            realised=row["hour_realised"],
            forgiven=row["hour_forgiven"],
        ),
        equity=equity,
        streak=row["consecutive_losses"],
        in_flight_cost=in_flight_cost,
    )
