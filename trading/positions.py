"""The only writer of Position. Every change books its entry in the same transaction."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from risk.models import RiskState
from trading import ledger
from trading.domain import ledger as lines
from trading.domain.ledger import EntryKind
from trading.domain.position import Holding
from trading.models import Fill, Position
from venues import money
from venues.money import ZERO


def bought(*, risk: RiskState, fill: Fill, outcome_id: int) -> Decimal:
    """Add a fill's shares and return its cost in dollars, fee included.

    `risk` is the account's locked RiskState; the caller saves it.
    """
    cost = money.ceil_micro(fill.price * fill.shares) + fill.fee
    position = _open_position(fill.account_id, outcome_id, at=fill.at)
    held = _holding(position).buy(shares=fill.shares, cost=cost)
    position.shares, position.cost = held.shares, held.cost
    position.confirmed_shares += fill.shares
    position.bought_cost += cost
    position.save()
    risk.cash -= cost
    risk.committed += cost
    ledger.book(
        account_id=fill.account_id,
        kind=EntryKind.BUY,
        source=f"fill:{fill.venue_fill_id}",
        lines=lines.buy(cost=cost),
        at=fill.at,
        position_id=position.pk,
        fill_id=fill.pk,
    )
    return cost


def sold(*, risk: RiskState, fill: Fill, outcome_id: int) -> Position:
    """Give up a fill's shares for dollars."""
    position = Position.objects.select_for_update().get(
        account_id=fill.account_id, outcome_id=outcome_id, closed_at__isnull=True
    )
    _close(
        position,
        risk=risk,
        shares=fill.shares,
        proceeds=money.floor_micro(fill.price * fill.shares) - fill.fee,
        kind=EntryKind.SALE,
        source=f"fill:{fill.venue_fill_id}",
        at=fill.at,
        fill_id=fill.pk,
    )
    return position


def settled(
    *, risk: RiskState, position: Position, payout: Decimal, source: str, at: datetime
) -> None:
    """Pay out all shares of a position."""
    _close(
        position,
        risk=risk,
        shares=position.shares,
        proceeds=money.floor_micro(position.shares * payout),
        kind=EntryKind.SETTLEMENT,
        source=source,
        at=at,
    )


def _open_position(account_id: UUID, outcome_id: int, *, at: datetime) -> Position:
    found = (
        Position.objects.select_for_update()
        .filter(account_id=account_id, outcome_id=outcome_id, closed_at__isnull=True)
        .first()
    )
    return found or Position(
        account_id=account_id,
        outcome_id=outcome_id,
        shares=ZERO,
        confirmed_shares=ZERO,
        cost=ZERO,
        bought_cost=ZERO,
        opened_at=at,
    )


def _holding(position: Position) -> Holding:
    return Holding(shares=position.shares, cost=position.cost, realised=position.realised)


def _close(
    position: Position,
    *,
    risk: RiskState,
    shares: Decimal,
    proceeds: Decimal,
    kind: EntryKind,
    source: str,
    at: datetime,
    fill_id: int | None = None,
) -> None:
    before = _holding(position)
    after = before.close(shares=shares, proceeds=proceeds)
    basis, gain = before.cost - after.cost, after.realised - before.realised
    position.shares, position.cost, position.realised = after.shares, after.cost, after.realised
    position.confirmed_shares = min(position.confirmed_shares, after.shares)
    if not after.shares:
        position.closed_at = at
    position.save()
    risk.cash += proceeds
    risk.committed -= basis
    risk.realised += gain
    risk.day_realised += gain
    risk.hour_realised += gain
    if position.closed_at is not None and position.realised:
        risk.consecutive_losses = risk.consecutive_losses + 1 if position.realised < 0 else 0
    ledger.book(
        account_id=position.account_id,
        kind=kind,
        source=source,
        lines=lines.close(basis=basis, proceeds=proceeds),
        at=at,
        position_id=position.pk,
        fill_id=fill_id,
    )
