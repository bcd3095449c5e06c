"""Read side: what accounts hold and have in flight, in use and at mark."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from markets.queries import MARK_SQL, rows

WORTH = f"""
SELECT p.account_id, sum(coalesce(p.shares * {MARK_SQL}, p.cost)) AS worth
  FROM trading_position p JOIN markets_outcome o ON o.id = p.outcome_id
 WHERE p.closed_at IS NULL AND p.account_id = ANY(%(accounts)s)
 GROUP BY p.account_id
"""

# By account, in dollars; an account that holds nothing is absent.
USAGE = f"""
SELECT h.account_id, sum(coalesce(h.shares * {MARK_SQL}, h.cost)) AS worth,
       sum(h.in_flight) AS in_flight_cost,
       coalesce(sum(h.used) FILTER (WHERE o.market_id = %(market)s), 0) AS market_exposure,
       coalesce(sum(h.used) FILTER (WHERE m.category = %(category)s), 0) AS category_exposure,
       count(DISTINCT h.outcome_id) AS positions
  FROM (SELECT account_id, outcome_id, cost AS used, shares, cost, 0 AS in_flight
          FROM trading_position
         WHERE closed_at IS NULL AND account_id = ANY(%(accounts)s)
        UNION ALL
        SELECT account_id, outcome_id, amount, 0, 0, immediate_cost
          FROM risk_reservation
         WHERE state = 'HELD' AND entry AND account_id = ANY(%(accounts)s)) h
  JOIN markets_outcome o ON o.id = h.outcome_id JOIN markets_market m ON m.id = o.market_id
 GROUP BY h.account_id
"""


def worth_of(account_ids: Sequence[UUID], *, now: datetime) -> dict[UUID, Decimal]:
    """Return what the open positions of each account are worth at mark; absent means nothing."""
    return {
        row["account_id"]: row["worth"]
        for row in rows(WORTH, {"accounts": list(account_ids), "now": now})
    }
