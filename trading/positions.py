"""The only writer of Position. Every change books its entry in the same transaction.

Where both outcomes of a market meet, `trading.netting` says which changes those are.
"""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db.models import F

from risk.models import RiskState
from trading import ledger
from trading.domain import ledger as lines
from trading.domain.ledger import Book, EntryKind
from trading.domain.position import Holding
from trading.models import Fill, Position
from venues import money
from venues.money import ZERO
from venues.types import Settlement, Side


def bought(*, risk: RiskState, fill: Fill, outcome_id: int, dollars: Decimal) -> Decimal:
    """Add a fill's shares and return its cost in dollars, fee included.

    `risk` is the account's locked RiskState; the caller saves it. `dollars` are without the fee.
    """
    cost = money.ceil_micro(dollars) + fill.fee
    add(
        open_position(fill.account_id, outcome_id, at=fill.at),
        risk=risk,
        shares=fill.shares,
        cost=cost,
        is_confirmed=fill.settlement == Settlement.CONFIRMED,
        source=f"fill:{fill.venue_fill_id}",
        at=fill.at,
        fill_id=fill.pk,
    )
    return cost


def sold(*, risk: RiskState, fill: Fill, outcome_id: int, dollars: Decimal) -> Decimal:
    """Give up a fill's shares for dollars; returns the shares that our books did not hold.

    Those cost nothing here: a real wallet was traded elsewhere, or was paid out before. They are
    booked as a profit of their own, and whoever calls must tell a person.
    """
    position = position_to_sell(fill, outcome_id)
    covered = min(fill.shares, position.shares)
    close(
        position,
        risk=risk,
        shares=covered,
        proceeds=money.floor_micro(dollars) - fill.fee,
        kind=EntryKind.SALE,
        source=f"fill:{fill.venue_fill_id}",
        at=fill.at,
        fill_id=fill.pk,
        is_confirmed=fill.settlement == Settlement.CONFIRMED,
    )
    return fill.shares - covered


def confirmed(*, risk: RiskState, fill: Fill, side: Side) -> None:
    """A match became money: its shares may be sold from now on, its loss counts."""
    position = Position.objects.select_for_update().get(entries__fill=fill)
    if side is Side.BUY:
        position.confirmed_shares = min(position.confirmed_shares + fill.shares, position.shares)
        position.save(update_fields=["confirmed_shares"])
    elif position.closed_at == fill.at:
        _count_streak(position, risk)


def voided(*, risk: RiskState, fill: Fill, side: Side, at: datetime) -> Decimal:
    """Take back what a match booked; returns the dollars of it, without the fee.

    Shares that were bought so were never sold, because only confirmed ones are; but a sale in
    between took its basis from the average, so what does not fit the cost is a profit or a loss.
    """
    position = Position.objects.select_for_update().get(entries__fill=fill)
    booked = {Book(posting.book): posting.amount for posting in fill.entry.postings.all()}
    cash = -booked[Book.CASH]  # what comes back, or goes
    if side is Side.BUY:
        kept = max(position.shares - fill.shares, ZERO)
        basis = -position.cost if not kept else -min(cash, position.cost)
        position.shares, position.cost = kept, position.cost + basis
        position.bought_cost -= cash
        position.confirmed_shares = min(position.confirmed_shares, kept)
        if not kept:
            position.closed_at = at
    else:
        position = _reopened(position)
        basis = -booked[Book.POSITIONS]
        position.shares += fill.shares - fill.uncovered
        position.confirmed_shares += fill.shares - fill.uncovered
        position.cost += basis
        position.closed_at = None if position.shares else at
    gain = cash + basis
    position.realised += gain
    position.save()
    risk.cash += cash
    risk.committed += basis
    risk.realised += gain
    risk.day_realised += gain
    risk.hour_realised += gain
    ledger.book(
        account_id=fill.account_id,
        kind=EntryKind.VOID,
        source=f"void:{fill.venue_fill_id}",
        lines=lines.void(cash=cash, basis=basis),
        at=at,
        position_id=position.pk,
    )
    return abs(cash) + (-fill.fee if side is Side.BUY else fill.fee)


def _reopened(position: Position) -> Position:
    """Return the open position of the same outcome: another one, or this one opened again."""
    if position.closed_at is None:
        return position
    other = (
        Position.objects.select_for_update()
        .filter(
            account_id=position.account_id,
            outcome_id=position.outcome_id,
            closed_at__isnull=True,
        )
        .first()
    )
    if other is not None:
        return other
    position.closed_at = None
    return position


def settled(
    *,
    risk: RiskState,
    position: Position,
    payout: Decimal,
    source: str,
    at: datetime,
    paired: Decimal = ZERO,
) -> Decimal:
    """Pay out all shares of a position; returns the gain of its `paired` shares.

    That gain is in the books, and in no window of losses yet: its pair counts it when both of its
    legs are paid.
    """
    return close(
        position,
        risk=risk,
        shares=position.shares,
        proceeds=money.floor_micro(position.shares * payout),
        kind=EntryKind.SETTLEMENT,
        source=source,
        at=at,
        paired=paired,
    )


def open_position(account_id: UUID, outcome_id: int, *, at: datetime) -> Position:
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


def position_to_sell(fill: Fill, outcome_id: int) -> Position:
    """Return the open position, the last one that was closed, or a new one."""
    found = (
        Position.objects.select_for_update()
        .filter(account_id=fill.account_id, outcome_id=outcome_id)
        .order_by(F("closed_at").desc(nulls_first=True))
        .first()
    )
    return found or open_position(fill.account_id, outcome_id, at=fill.at)


def add(
    position: Position,
    *,
    risk: RiskState,
    shares: Decimal,
    cost: Decimal,
    is_confirmed: bool,
    source: str,
    at: datetime,
    fill_id: int | None,
) -> None:
    held = holding_of(position).buy(shares=shares, cost=cost)
    position.shares, position.cost = held.shares, held.cost
    if is_confirmed:
        position.confirmed_shares += shares
    position.bought_cost += cost
    position.save()
    risk.cash -= cost
    risk.committed += cost
    ledger.book(
        account_id=position.account_id,
        kind=EntryKind.BUY,
        source=source,
        lines=lines.buy(cost=cost),
        at=at,
        position_id=position.pk,
        fill_id=fill_id,
    )


def holding_of(position: Position) -> Holding:
    return Holding(shares=position.shares, cost=position.cost, realised=position.realised)


def close(
    position: Position,
    *,
    risk: RiskState,
    shares: Decimal,
    proceeds: Decimal,
    kind: EntryKind,
    source: str,
    at: datetime,
    fill_id: int | None = None,
    is_confirmed: bool = True,
    paired: Decimal = ZERO,
) -> Decimal:
    """Take shares out of a position for what they brought; returns the gain of `paired` ones."""
    before = holding_of(position)
    after = before.close(shares=shares, proceeds=proceeds)
    basis, gain = before.cost - after.cost, after.realised - before.realised
    position.shares, position.cost, position.realised = after.shares, after.cost, after.realised
    sold_of_confirmed = max(position.confirmed_shares - shares, ZERO)
    position.confirmed_shares = min(sold_of_confirmed, after.shares)
    if not after.shares:
        position.closed_at = at
    position.save()
    risk.cash += proceeds
    risk.committed -= basis
    part = min(paired / shares, Decimal(1)) if shares else ZERO
    apart = (gain * part).quantize(money.MICRO)
    risk.realised += gain
    risk.apart += apart
    risk.day_realised += gain - apart
    risk.hour_realised += gain - apart
    if position.closed_at is not None and is_confirmed and shares > paired:
        _count_streak(position, risk)
    ledger.book(
        account_id=position.account_id,
        kind=kind,
        source=source,
        lines=lines.close(basis=basis, proceeds=proceeds),
        at=at,
        position_id=position.pk,
        fill_id=fill_id,
    )
    return apart


def _count_streak(position: Position, risk: RiskState) -> None:
    """Count a closed position among losses in a row, or end the row."""
    if position.realised:
        risk.consecutive_losses = risk.consecutive_losses + 1 if position.realised < 0 else 0
