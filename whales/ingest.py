"""Store whale trades once, and add fills up into signals. The only writer of both."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from decimal import ROUND_UP, Decimal
from typing import Any

from django.db import transaction
from django.db.models import Min

from markets.domain.categories import category_of
from markets.domain.estimators import Facts
from markets.models import Market, Outcome
from markets.queries import rows
from venues.types import Side, Trade
from whales.domain.signal import WhaleFill, WhaleOrder, group, sold_fraction
from whales.models import Follow, Signal, WhaleTrade

# Every trade of the batch is stored unless it is there already, the newest print of each outcome
# becomes its last price (time never goes back), and the feed moves on, all at once.
STORE = """
WITH batch AS (
  SELECT * FROM unnest(
       %(whales)s::bigint[], %(outcomes)s::bigint[], %(transactions)s::text[],
       %(counters)s::bigint[], %(sides)s::text[], %(prices)s::numeric[], %(shares)s::numeric[],
       %(ats)s::timestamptz[], %(pending)s::boolean[], %(sources)s::text[]) WITH ORDINALITY
       AS t(whale, outcome, transaction, counter, side, price, shares, at, pending, source, place)
), marked AS (
  UPDATE markets_outcome o SET last_price = new.price, last_at = new.at
    FROM (SELECT DISTINCT ON (outcome) outcome, price, at
            FROM batch ORDER BY outcome, at DESC, place DESC) new
   WHERE o.id = new.outcome AND (o.last_at IS NULL OR o.last_at <= new.at)
), stored AS (
  INSERT INTO whales_whaletrade
         (whale_id, outcome_id, transaction, counter, side, price, shares, at, pending, source)
  SELECT whale, outcome, transaction, counter, side, price, shares, at, pending, source
    FROM batch b
   -- The chain tells an order's fills of a transaction as one, the Data API by its parts:
   -- whichever came first is the truth, and the other one tells nothing new.
   WHERE NOT EXISTS (SELECT FROM whales_whaletrade t
                      WHERE t.transaction = b.transaction AND t.outcome_id = b.outcome
                        AND t.side = b.side AND t.whale_id = b.whale AND t.source <> b.source)
   ORDER BY place
  ON CONFLICT DO NOTHING
  RETURNING id
), found AS (
  SELECT (SELECT count(*) FROM stored) AS new, (SELECT count(*) FROM batch) AS all
), moved AS (
  UPDATE markets_feed SET position = %(position)s, clock_at = %(clock_at)s,
         duplicates = duplicates + found.all - found.new, seen_at = clock_timestamp()
    FROM found WHERE id = %(feed)s
)
SELECT new FROM found
"""
LEARN_WHALES = """
WITH new AS (
  INSERT INTO whales_whale (address, name, own)
  SELECT address, '', false FROM unnest(%(addresses)s::text[]) WITH ORDINALITY AS t(address, place)
   ORDER BY place
  ON CONFLICT DO NOTHING
  RETURNING address, id
)
SELECT address, id FROM new
UNION ALL SELECT address, id FROM whales_whale WHERE address = ANY(%(addresses)s)
"""
# A wallet that another process stored in the same instant is seen by the next statement only.
FIND_WHALES = "SELECT address, id FROM whales_whale WHERE address = ANY(%(addresses)s)"

WAITING = """
SELECT t.id, t.whale_id, t.outcome_id, m.external_id AS market, o.token, t.side, t.transaction,
       t.counter, t.price, t.shares, t.at
  FROM whales_whaletrade t
  JOIN markets_outcome o ON o.id = t.outcome_id JOIN markets_market m ON m.id = o.market_id
 WHERE t.pending AND t.at <= %(now)s ORDER BY t.at, t.id FOR UPDATE OF t
"""
MAKE_SIGNAL = """
WITH made AS (
  INSERT INTO whales_signal (whale_id, outcome_id, source, side, shares, price, fills,
         sold_fraction, facts, at, due_at, state)
  VALUES (%(whale_id)s, %(outcome_id)s, %(source)s, %(side)s, %(shares)s, %(price)s, %(fills)s,
         %(sold_fraction)s, %(facts)s::jsonb, %(at)s, %(due_at)s, %(state)s)
  RETURNING id
), covered AS (
  UPDATE whales_whaletrade t SET pending = false, signal_id = made.id
    FROM made WHERE t.id = ANY(%(covered)s)
)
SELECT id FROM made
"""
HELD_BEFORE = """
SELECT coalesce(sum(CASE side WHEN 'BUY' THEN shares ELSE -shares END), 0) AS held
  FROM whales_whaletrade
 WHERE whale_id = %(whale)s AND outcome_id = %(outcome)s AND at <= %(at)s
   AND id <> ALL(%(fills)s)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    new: int
    duplicates: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """How far a feed has been read."""

    feed: int
    position: int  # rows dealt with
    clock_at: datetime | None


class Ingest:
    """Stores trades; remembers the ids it has looked up, nothing else.

    `followed` fixes which whales' trades wait to become signals; without it every batch asks.
    """

    def __init__(self, *, followed: set[int] | None = None) -> None:
        self._followed = followed
        self._whales: dict[str, int] = {}
        self._outcomes: dict[tuple[str, str], int] = {}

    def store(self, trades: Sequence[Trade], *, moved: Moved | None = None) -> Stored:
        """Store each trade once, with its whale, market and outcome, and move the last prices.

        `moved` says how far that brings a feed; it is kept in the same statement.
        """
        if not trades and moved is None:
            return Stored(new=0, duplicates=0)
        with transaction.atomic(savepoint=False):
            self._learn_whales({trade.wallet for trade in trades} - self._whales.keys())
            self._learn_outcomes(trades)
            followed = followed_whales() if self._followed is None else self._followed
            whales = [self._whales[trade.wallet] for trade in trades]
            columns: dict[str, Any] = {
                "whales": whales,
                "outcomes": [self._outcomes[trade.market, trade.token] for trade in trades],
                "transactions": [trade.transaction for trade in trades],
                "counters": [trade.counter for trade in trades],
                "sides": [trade.side.value for trade in trades],
                "prices": [trade.price for trade in trades],
                "shares": [trade.shares for trade in trades],
                "ats": [trade.at for trade in trades],
                "pending": [whale in followed for whale in whales],
                "sources": [trade.source for trade in trades],
            }
            feed = asdict(moved) if moved else dict.fromkeys(("feed", "position", "clock_at"))
            new = rows(STORE, {**columns, **feed})[0]["new"]
        return Stored(new=new, duplicates=len(trades) - new)

    def _learn_whales(self, addresses: set[str]) -> None:
        for statement in (LEARN_WHALES, FIND_WHALES):
            missing = sorted(addresses - self._whales.keys())
            if missing:
                found = rows(statement, {"addresses": missing})
                self._whales.update({row["address"]: row["id"] for row in found})

    def _learn_outcomes(self, trades: Sequence[Trade]) -> None:
        missing = {
            (trade.market, trade.token): trade
            for trade in trades
            if (trade.market, trade.token) not in self._outcomes
        }
        if not missing:
            return
        markets = {trade.market: trade for trade in missing.values()}
        Market.objects.bulk_create(
            [
                Market(
                    venue=trade.venue,
                    external_id=trade.market,
                    title=trade.title,
                    category=category_of(trade.title),
                )
                for trade in markets.values()
            ],
            ignore_conflicts=True,
        )
        ids = dict(Market.objects.filter(external_id__in=markets).values_list("external_id", "pk"))
        Outcome.objects.bulk_create(
            [
                Outcome(market_id=ids[trade.market], token=trade.token, name=trade.outcome)
                for trade in missing.values()
            ],
            ignore_conflicts=True,
        )
        for pk, token, market in Outcome.objects.filter(market_id__in=ids.values()).values_list(
            "pk", "token", "market__external_id"
        ):
            self._outcomes[market, token] = pk


def followed_whales() -> set[int]:
    return set(Follow.objects.values_list("whale_id", flat=True).distinct())


def store_trades(trades: Iterable[Trade]) -> Stored:
    """Store a batch without keeping anything in memory. Safe to repeat."""
    return Ingest().store(list(trades))


def next_signal_due(*, window: timedelta) -> datetime | None:
    """Return when the oldest waiting fills will have added up."""
    first = WhaleTrade.objects.filter(pending=True).aggregate(at=Min("at"))["at"]
    return first + window if first else None


def waiting_fills() -> int:
    """Count fills of followed whales that no signal covers yet."""
    return WhaleTrade.objects.filter(pending=True).count()


def close_signals(
    *,
    now: datetime,
    window: timedelta,
    facts: Callable[[str, str], Facts | None],
) -> list[Signal]:
    """Turn waiting fills whose window has passed into signals, oldest first. Safe to repeat.

    `facts` tells what is known of a market's token now.
    """
    with transaction.atomic(savepoint=False):
        waiting = [_fill(row) for row in rows(WAITING, {"now": now})]
        due = [order for order in group(waiting, window=window) if order.first.at + window <= now]
        return [_store_signal(order, window=window, facts=facts) for order in due]


def _fill(row: dict[str, Any]) -> WhaleFill:
    return WhaleFill(**{**row, "side": Side(row["side"])})


def _store_signal(
    order: WhaleOrder,
    *,
    window: timedelta,
    facts: Callable[[str, str], Facts | None],
) -> Signal:
    """Store one signal; the caller holds its fills, so nobody else can."""
    first = order.first
    signal = Signal(
        whale_id=first.whale_id,
        outcome_id=first.outcome_id,
        source=f"{first.transaction}:{first.side.value}:{first.counter}",
        side=first.side.value,
        shares=order.shares,
        price=(order.notional / order.shares).quantize(Decimal("1e-10")),
        fills=len(order.fills),
        sold_fraction=_sold_fraction(order) if first.side is Side.SELL else None,
        facts=_facts_json(facts(first.market, first.token)),
        at=first.at,
        due_at=first.at + window,
    )
    columns = {**vars(signal), "facts": json.dumps(signal.facts)}
    made = rows(MAKE_SIGNAL, {**columns, "covered": [fill.id for fill in order.fills]})
    signal.pk = made[0]["id"]
    return signal


def _facts_json(facts: Facts | None) -> dict[str, str]:
    return {name: str(value) for name, value in asdict(facts).items()} if facts else {}


def _sold_fraction(order: WhaleOrder) -> Decimal:
    first = order.first
    held = rows(
        HELD_BEFORE,
        {
            "whale": first.whale_id,
            "outcome": first.outcome_id,
            "at": first.at,
            "fills": [fill.id for fill in order.fills],
        },
    )[0]["held"]
    return sold_fraction(held_before=held, sold=order.shares).quantize(Decimal("1e-8"), ROUND_UP)
