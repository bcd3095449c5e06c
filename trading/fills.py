"""Book the fills of an order: position, ledger, reservation and limits, in one transaction.

The caller holds the account's RiskState and the order, in that order.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from accounts.models import Account
from markets.queries import rows
from notifications.services import record
from risk.models import RiskState
from trading import netting, positions, purses
from trading.domain.entries import worst_cost
from trading.domain.ledger import Book
from trading.domain.order_state import FINAL
from trading.models import Fill, Order
from trading.windows import after_money_moved, roll
from venues.money import CENT, ZERO
from venues.types import FillReport, OrderReport, Settlement, Side

NETTING = "kalshi"  # the venue at which both outcomes of a market never are held together
ROUNDING = Decimal("0.0001")  # USD per share, of the floors in a match of several parts
# How far a match has come; both ends are final.
RANK = {
    Settlement.MATCHED: 0,
    Settlement.RETRYING: 1,
    Settlement.MINED: 2,
    Settlement.CONFIRMED: 3,
    Settlement.FAILED: 3,
}

RELEASE = """
WITH held AS (
  SELECT id, account_id, amount, entry FROM risk_reservation
   WHERE order_id = ANY(%(orders)s) AND state = 'HELD' FOR UPDATE
), freed AS (
  UPDATE risk_reservation r
     SET state = CASE WHEN held.entry OR held.amount = 0 THEN 'RELEASED' ELSE 'HELD' END,
         amount = CASE WHEN held.entry THEN 0 ELSE held.amount END,
         shares = 0
    FROM held WHERE r.id = held.id
)
UPDATE risk_riskstate rs SET reserved = rs.reserved - total.amount
  FROM (SELECT account_id, sum(amount) AS amount FROM held WHERE entry GROUP BY account_id) total
 WHERE rs.account_id = total.account_id
"""

# What a sale brought is held until the chain confirms it: a match that fails takes it back.
HOLD_PROCEEDS = """
UPDATE risk_reservation r
   SET amount = r.amount + %(change)s,
       state = CASE WHEN r.amount + %(change)s > 0 OR NOT %(over)s THEN 'HELD' ELSE 'RELEASED' END
 WHERE r.order_id = %(order)s
"""

SHRINK = """
WITH held AS (
  SELECT id, amount, entry FROM risk_reservation
   WHERE order_id = %(order)s AND state = 'HELD' FOR UPDATE
)
UPDATE risk_reservation r
   SET amount = CASE WHEN held.entry THEN least(held.amount, %(needed)s) ELSE held.amount END,
       shares = CASE WHEN held.entry THEN 0 ELSE %(rest)s END,
       immediate_cost = CASE WHEN held.amount > 0
         THEN round(r.immediate_cost * least(held.amount, %(needed)s) / held.amount, 6)
         ELSE 0 END
  FROM held WHERE r.id = held.id
RETURNING held.amount - r.amount AS freed
"""


def book_new(order: Order, risk: RiskState, report: OrderReport, *, now: datetime) -> None:
    """Book every fill of the report that is not on the books yet, and what became of those that
    are; the caller saves the order.
    """
    if not report.fills:
        return
    cash = risk.cash
    known: dict[str, Fill] = {}
    if order.filled_shares or order.mode != Account.Mode.PAPER:
        known = {fill.venue_fill_id: fill for fill in order.fills.all()}
    for fill in report.fills:
        old = known.get(fill.venue_fill_id)
        if old is not None:
            _advance(order, risk, old, fill, now=now)
        elif fill.settlement is Settlement.FAILED:
            _row(order, fill)  # it never was money: it is on record, and nothing is booked
        else:
            _book(order, risk, fill)
    if order.mode != Account.Mode.PAPER:
        purses.follow(order.account_id, order.outcome.market, before=cash, after=risk.cash)


def release(order_ids: Sequence[UUID]) -> None:
    """Give back what orders still hold, once. The caller holds their accounts' RiskState."""
    rows(RELEASE, {"orders": list(order_ids)})


def _book(order: Order, risk: RiskState, report: FillReport) -> None:
    """Book one new fill: windows first, because the fill changes what the account is worth."""
    roll(risk, now=report.at)
    fill = _row(order, report)
    dollars = report.price * report.shares if report.dollars is None else report.dollars
    order.filled_shares += report.shares
    order.filled_cost += dollars
    order.fees += report.fee
    if order.side == Side.BUY:
        positions.bought(risk=risk, fill=fill, outcome_id=order.outcome_id, dollars=dollars)
        if order.venue == NETTING:
            netting.netted(risk=risk, fill=fill, outcome=order.outcome)
    else:
        strange = _sold(order, risk, fill, dollars)
        if strange:
            fill.uncovered = strange
            fill.save(update_fields=["uncovered"])
            _tell_strange(order, f"{strange:f} shares were sold that the books did not hold")
        if report.settlement is not Settlement.CONFIRMED:
            _hold_proceeds(order, risk, _proceeds(fill))
    _shrink_reservation(order, risk)
    if order.mode != Account.Mode.PAPER and _is_worse(order, report):
        limit = f"{order.limit_price.normalize():f}"
        _tell_strange(order, f"a match at {report.price.normalize():f} is beyond the limit {limit}")
    if order.filled_shares > order.shares and order.kind not in ("FOK", "FAK"):
        over = order.filled_shares - order.shares
        _tell_strange(order, f"{over:f} shares more were filled than were ordered")
    if order.state in FINAL:
        record(
            kind="late_fill",
            account_id=order.account_id,
            level="WARN",
            sentence=f"A fill of {report.shares} shares came after the order had ended.",
            payload={"order": str(order.pk)},
            at=report.at,
        )
    if order.mode != Account.Mode.PAPER:
        _note_strain(order, risk)
    after_money_moved(risk, now=report.at)


def _note_strain(order: Order, risk: RiskState) -> None:
    """Book what a venue took though it was not free, stop buying, and tell a person."""
    if risk.is_strained or risk.cash >= risk.reserved - CENT:
        return
    risk.is_strained = True
    record(
        kind="cash_short",
        account_id=order.account_id,
        level="ACT",
        sentence=(
            "A venue took more than was free: other orders are held for with cash that is not "
            "there. Nothing is bought until it is; cancel something, or add money."
        ),
        payload={"order": str(order.pk)},
        at=order.sent_at or order.created_at,
    )


def _sold(order: Order, risk: RiskState, fill: Fill, dollars: Decimal) -> Decimal:
    """Book a sale as its venue does; returns the shares of it that the books did not hold."""
    if order.venue == NETTING:
        return netting.turned(risk=risk, fill=fill, outcome=order.outcome)
    return positions.sold(risk=risk, fill=fill, outcome_id=order.outcome_id, dollars=dollars)


def _is_worse(order: Order, report: FillReport) -> bool:
    """Tell whether a price is beyond the limit by more than the rounding of its parts."""
    beyond = report.price - order.limit_price
    return (beyond if order.side == Side.BUY else -beyond) > ROUNDING


def _tell_strange(order: Order, what: str) -> None:
    """Hand what cannot be explained to a person; the books hold what the venue said."""
    record(
        kind="books_differ",
        account_id=order.account_id,
        level="ACT",
        sentence=f"{what[0].upper()}{what[1:]}. Compare the wallet with the positions.",
        payload={"order": str(order.pk)},
        at=order.sent_at or order.created_at,
    )


def _row(order: Order, report: FillReport) -> Fill:
    return Fill.objects.create(
        order=order,
        account_id=order.account_id,
        venue=order.venue,
        venue_fill_id=report.venue_fill_id,
        print_id=report.venue_fill_id.partition(":")[2],
        price=report.price,
        shares=report.shares,
        fee=report.fee,
        settlement=report.settlement.value,
        transaction=report.transaction,
        at=report.at,
    )


def _advance(
    order: Order, risk: RiskState, fill: Fill, report: FillReport, *, now: datetime
) -> None:
    """Follow a booked match to its end. A lower rank never overwrites a higher one."""
    old, new = Settlement(fill.settlement), report.settlement
    if RANK[new] <= RANK[old] and not (old.is_final and new.is_final and old is not new):
        return
    if old.is_final:
        _tell_conflict(order, fill, new, now=now)
        return
    fill.settlement = new.value
    fill.transaction = report.transaction or fill.transaction
    fill.save(update_fields=["settlement", "transaction"])
    if new.is_final and order.side == Side.SELL:
        _hold_proceeds(order, risk, -_proceeds(fill))
    if new is Settlement.CONFIRMED:
        positions.confirmed(risk=risk, fill=fill, side=Side(order.side))
        after_money_moved(risk, now=now)
    elif new is Settlement.FAILED:
        _void(order, risk, fill, now=now)


def _void(order: Order, risk: RiskState, fill: Fill, *, now: datetime) -> None:
    """Take back every line of a match that the chain lost. What it held is not held again: the
    order does not rest for it any more.
    """
    roll(risk, now=now)
    dollars = positions.voided(risk=risk, fill=fill, side=Side(order.side), at=now)
    order.filled_shares -= fill.shares
    order.filled_cost -= dollars
    order.fees -= fill.fee
    record(
        kind="fill_failed",
        account_id=order.account_id,
        level="ACT",
        sentence=(
            f"A match of {fill.shares:f} shares never became money: the chain refused it. "
            "Its lines were taken back."
        ),
        payload={"order": str(order.pk), "fill": fill.venue_fill_id},
        at=now,
    )
    after_money_moved(risk, now=now)


def _proceeds(fill: Fill) -> Decimal:
    """Return what a sale brought, after its fee, as it was booked."""
    amount: Decimal = fill.entry.postings.get(book=Book.CASH.value).amount
    return amount


def _hold_proceeds(order: Order, risk: RiskState, change: Decimal) -> None:
    """Hold more, or less, of what sales brought that is not money yet."""
    key = {"order": order.pk, "change": change, "over": order.state in FINAL}
    rows(HOLD_PROCEEDS, key)
    risk.reserved += change


def _tell_conflict(order: Order, fill: Fill, new: Settlement, *, now: datetime) -> None:
    """A venue that takes back its last word needs a person; the books keep the first one."""
    record(
        kind="settlement_conflict",
        account_id=order.account_id,
        level="ACT",
        sentence=(
            f"The venue said {fill.settlement} and now says {new.value} of one match. "
            "Compare it with the wallet; nothing was changed."
        ),
        payload={"order": str(order.pk), "fill": fill.venue_fill_id},
        at=now,
    )


def _shrink_reservation(order: Order, risk: RiskState) -> None:
    """Keep exactly what the rest of the order can still cost."""
    rest = max(order.shares - order.filled_shares, ZERO)
    needed = worst_cost(limit=order.limit_price, shares=rest, fee_rate=order.fee_rate)
    shrunk = rows(SHRINK, {"order": order.pk, "needed": needed, "rest": rest})
    # No row: a late fill, whose money was given back when the order ended.
    risk.reserved -= sum((row["freed"] for row in shrunk), ZERO)
