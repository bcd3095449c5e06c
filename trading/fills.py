"""Book the fills of an order: position, ledger, reservation and limits, in one transaction.

The caller holds the account's RiskState and the order, in that order.
"""

from collections.abc import Sequence
from uuid import UUID

from markets.queries import rows
from notifications.services import record
from risk.models import RiskState
from trading import positions
from trading.domain.entries import worst_cost
from trading.domain.order_state import FINAL
from trading.models import Fill, Order
from trading.windows import after_money_moved, roll
from venues.money import ZERO
from venues.types import FillReport, OrderReport, Side

RELEASE = """
WITH held AS (
  SELECT id, account_id, amount FROM risk_reservation
   WHERE order_id = ANY(%(orders)s) AND state = 'HELD' FOR UPDATE
), freed AS (
  UPDATE risk_reservation r SET state = 'RELEASED', amount = 0, shares = 0
    FROM held WHERE r.id = held.id
)
UPDATE risk_riskstate rs SET reserved = rs.reserved - total.amount
  FROM (SELECT account_id, sum(amount) AS amount FROM held GROUP BY account_id) total
 WHERE rs.account_id = total.account_id
"""

SHRINK = """
WITH held AS (
  SELECT id, amount, entry FROM risk_reservation
   WHERE order_id = %(order)s AND state = 'HELD' FOR UPDATE
)
UPDATE risk_reservation r
   SET amount = least(held.amount, %(needed)s),
       shares = CASE WHEN held.entry THEN 0 ELSE %(rest)s END,
       immediate_cost = CASE WHEN held.amount > 0
         THEN round(r.immediate_cost * least(held.amount, %(needed)s) / held.amount, 6)
         ELSE 0 END
  FROM held WHERE r.id = held.id
RETURNING held.amount - r.amount AS freed
"""


def book_new(order: Order, risk: RiskState, report: OrderReport) -> None:
    """Book every fill of the report that is not on the books yet; the caller saves the order."""
    if not report.fills:
        return
    known: set[str] = set()
    if order.filled_shares:
        known.update(order.fills.values_list("venue_fill_id", flat=True))
    for fill in report.fills:
        if fill.venue_fill_id not in known:
            _book(order, risk, fill)


def release(order_ids: Sequence[UUID]) -> None:
    """Give back what orders still hold, once. The caller holds their accounts' RiskState."""
    rows(RELEASE, {"orders": list(order_ids)})


def _book(order: Order, risk: RiskState, report: FillReport) -> None:
    """Book one new fill: windows first, because the fill changes what the account is worth."""
    roll(risk, now=report.at)
    fill = Fill.objects.create(
        order=order,
        account_id=order.account_id,
        venue=order.venue,
        venue_fill_id=report.venue_fill_id,
        print_id=report.venue_fill_id.partition(":")[2],
        price=report.price,
        shares=report.shares,
        fee=report.fee,
        at=report.at,
    )
    order.filled_shares += report.shares
    order.filled_cost += report.price * report.shares
    order.fees += report.fee
    if order.side == Side.BUY:
        positions.bought(risk=risk, fill=fill, outcome_id=order.outcome_id)
    else:
        positions.sold(risk=risk, fill=fill, outcome_id=order.outcome_id)
    _shrink_reservation(order, risk)
    if order.state in FINAL:
        record(
            kind="late_fill",
            account_id=order.account_id,
            level="WARN",
            sentence=f"A fill of {report.shares} shares came after the order had ended.",
            payload={"order": str(order.pk)},
            at=report.at,
        )
    after_money_moved(risk, now=report.at)


def _shrink_reservation(order: Order, risk: RiskState) -> None:
    """Keep exactly what the rest of the order can still cost."""
    rest = order.shares - order.filled_shares
    needed = worst_cost(limit=order.limit_price, shares=rest, fee_rate=order.fee_rate)
    shrunk = rows(SHRINK, {"order": order.pk, "needed": needed, "rest": rest})
    # No row: a late fill, whose money was given back when the order ended.
    risk.reserved -= sum((row["freed"] for row in shrunk), ZERO)
