"""Where the cash of a real account is: one purse for each place that can pay for an order.

The only writer of Purse. The caller holds the account's RiskState, whose cash is their sum.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db.models import F

from markets.models import Market
from markets.queries import rows
from risk.models import Purse
from trading.models import Order
from venues.money import ZERO
from venues.types import Side
from venues.words import dollars

NAMES = {0: "", 1: "combos", 2: "crypto and commodities", 3: "basketball, baseball, tennis"}

# Cash and what is held of it, for orders or on its way elsewhere, by purse of some accounts.
FREE = """
SELECT p.account_id, p.venue, p.shard, p.cash, p.told, p.told_at,
       coalesce(h.amount, 0) + coalesce(t.amount, 0) AS held
  FROM risk_purse p
  LEFT JOIN (SELECT r.account_id, m.venue, m.shard, sum(r.amount) AS amount
               FROM risk_reservation r
               JOIN markets_outcome o ON o.id = r.outcome_id
               JOIN markets_market m ON m.id = o.market_id
              WHERE r.state = 'HELD' AND r.account_id = ANY(%(accounts)s::uuid[])
              GROUP BY 1, 2, 3) h
         ON (h.account_id, h.venue, h.shard) = (p.account_id, p.venue, p.shard)
  LEFT JOIN (SELECT account_id, source, sum(amount) AS amount
               FROM trading_transfer
              WHERE state IN ('SENDING', 'UNKNOWN') AND account_id = ANY(%(accounts)s::uuid[])
              GROUP BY 1, 2) t
         ON (t.account_id, t.source) = (p.account_id, p.shard) AND p.venue = 'kalshi'
 WHERE p.account_id = ANY(%(accounts)s::uuid[])
 ORDER BY p.account_id, p.venue, p.shard
"""
PLACES = """
SELECT rs.account_id, rs.is_strained,
       (SELECT count(*) FROM risk_purse p WHERE p.account_id = rs.account_id) AS count
  FROM risk_riskstate rs WHERE rs.account_id = ANY(%(accounts)s::uuid[])
"""
STRAINED = "A venue took more than was free; nothing is bought until the cash is there."


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One purse as it stands."""

    venue: str
    shard: int
    cash: Decimal
    held: Decimal
    told: Decimal | None
    told_at: datetime | None

    @property
    def free(self) -> Decimal:
        return self.cash - self.held

    @property
    def name(self) -> str:
        return name_of(self.venue, self.shard)


def name_of(venue: str, shard: int) -> str:
    """Return what people read: `Kalshi, shard 3 (basketball, baseball, tennis)`."""
    if venue != "kalshi":
        return venue.title()
    known = NAMES.get(shard, "")
    return f"Kalshi, shard {shard}" + (f" ({known})" if known else "")


def of(account_id: UUID) -> list[Place]:
    """Return the purses of an account."""
    return [
        Place(**{name: value for name, value in row.items() if name != "account_id"})
        for row in rows(FREE, {"accounts": [account_id]})
    ]


def follow(account_id: UUID, market: Market, *, before: Decimal, after: Decimal) -> None:
    """Let the purse of a market change as the account's cash did."""
    if after != before:
        add(account_id, market.venue, market.shard, after - before)


def add(account_id: UUID, venue: str, shard: int, change: Decimal) -> None:
    """Put cash into a purse, or take it out."""
    purse, _ = Purse.objects.get_or_create(account_id=account_id, venue=venue, shard=shard)
    Purse.objects.filter(pk=purse.pk).update(cash=F("cash") + change)


def hear(account_id: UUID, venue: str, told: Mapping[int, Decimal], *, now: datetime) -> None:
    """Note what a venue says that its purses hold; the books do not follow by that."""
    for shard, cash in told.items():
        Purse.objects.update_or_create(
            account_id=account_id,
            venue=venue,
            shard=shard,
            defaults={"told": cash, "told_at": now},
        )


def short(found: Sequence[Order]) -> dict[UUID, str]:
    """Return why some real purchases cannot be paid out of their own purse, by order.

    What all of them hold is counted, their own part too.
    """
    real = [each for each in found if each.mode != "PAPER" and each.side == Side.BUY]
    if not real:
        return {}
    ids = {"accounts": list({each.account_id for each in real})}
    places = {row["account_id"]: row for row in rows(PLACES, ids)}
    refused = {
        each.pk: STRAINED
        for each in real
        # What closes an open side is paid for all the same: leaving it open costs more.
        if places[each.account_id]["is_strained"] and each.role in ("", "FIRST")
    }
    # Where all cash lies in one place the account's own limit says the rest already.
    real = [each for each in real if places[each.account_id]["count"] > 1]
    if not real:
        return refused
    free = {
        (row["account_id"], row["venue"], row["shard"]): (row["cash"], row["cash"] - row["held"])
        for row in rows(FREE, ids)
    }
    for order in real:
        market = order.outcome.market
        key = (order.account_id, market.venue, market.shard)
        cash, left = free.get(key, (ZERO, -order.worst_cost))
        if left < 0:
            has = max(left + order.worst_cost, ZERO)
            refused[order.pk] = (
                f"{name_of(market.venue, market.shard)} has {dollars(has)} free; this needs "
                f"{dollars(order.worst_cost)}. Cash elsewhere cannot pay for it."
            )
            free[key] = (cash, left + order.worst_cost)
    return refused
