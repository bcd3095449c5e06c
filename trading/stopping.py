"""Orders that must not rest any more are taken back: a kill switch says so, or what they would sell
is gone.
"""

from datetime import datetime
from uuid import UUID

from markets.queries import rows
from risk import stops
from trading import orders
from trading.domain.order_state import NEXT, OrderState
from trading.domain.pair_state import Role
from trading.models import Order
from venues.types import Side

# Resting sales of an outcome of which less is held than all of them would sell. Where a sale of
# what is not there buys the other outcome, none of them may stay.
UNCOVERED = """
SELECT o.id
  FROM trading_order o
  JOIN (SELECT r.account_id, r.outcome_id, sum(r.shares) AS shares
          FROM risk_reservation r
          JOIN trading_order w ON w.id = r.order_id
         WHERE w.venue = 'kalshi' AND w.side = 'SELL' AND r.state = 'HELD'
         GROUP BY 1, 2) going
    ON going.account_id = o.account_id AND going.outcome_id = o.outcome_id
  LEFT JOIN trading_position p
    ON p.account_id = o.account_id AND p.outcome_id = o.outcome_id AND p.closed_at IS NULL
 WHERE o.venue = 'kalshi' AND o.side = 'SELL' AND o.state IN ('LIVE', 'PARTIAL')
   AND going.shares > coalesce(p.shares, 0)
"""
CANCELLABLE = [state.value for state in OrderState if OrderState.CANCEL_PENDING in NEXT[state]]


def cancel_stopped(*, now: datetime) -> list[UUID]:
    """Cancel every resting order that a kill switch in force forbids; returns their ids.

    Orders that were not sent are denied at their claim. Safe to repeat.
    """
    switches = stops.read_stops()
    if not switches.switches:
        return []
    working = Order.objects.filter(state__in=CANCELLABLE).select_related("whale")
    stopped = [
        order.pk
        for order in working
        if switches.words(
            account_id=order.account_id,
            whale=order.whale.address if order.whale else "",
            venue=order.venue,
            entries=is_entry(order),
        )
    ]
    for order_id in stopped:
        orders.cancel(order_id=order_id, by="kill switch", now=now)
    return stopped


def is_entry(order: Order) -> bool:
    """Tell whether an order opens something: what closes an open side of a pair does not, whichever
    side it buys.
    """
    return order.side == Side.BUY and order.role in ("", Role.FIRST)


def cancel_uncovered(*, now: datetime) -> list[UUID]:
    """Cancel resting sales on Kalshi that what is held does not cover any more, as after YES and NO
    met; returns their ids. Safe to repeat.
    """
    uncovered = [row["id"] for row in rows(UNCOVERED, {})]
    for order_id in uncovered:
        orders.cancel(order_id=order_id, by="keeper", now=now)
    return uncovered
