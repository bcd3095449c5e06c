"""YES and NO of one market at a venue with one book: together they are a dollar, so nobody holds
both, and selling what is not held buys the other one (kalshi.md 4.4).
"""

from decimal import Decimal

from markets.models import Outcome
from risk.models import RiskState
from trading import positions
from trading.domain.ledger import EntryKind
from trading.models import Fill, Position
from venues import money
from venues.money import ZERO


def netted(*, risk: RiskState, fill: Fill, outcome: Outcome) -> Decimal:
    """Let what a fill bought meet the other outcome of its market; returns the pairs that did.

    A YES and a NO pay a dollar at once: the new share leaves for what it cost, fee included, and so
    is neither a win nor a loss; the old one for the rest of the dollar, as if it had been sold.
    """
    other = (
        Position.objects.select_for_update(of=("self",))
        .filter(
            account_id=fill.account_id,
            outcome__market_id=outcome.market_id,
            closed_at__isnull=True,
            shares__gt=0,
        )
        .exclude(outcome=outcome)
        .first()
    )
    if other is None:
        return ZERO
    new = positions.open_position(fill.account_id, outcome.pk, at=fill.at)
    pairs = min(fill.shares, other.shares)
    basis = positions.holding_of(new).basis_of(pairs)
    for position, proceeds in ((new, basis), (other, pairs - basis)):
        positions.close(
            position,
            risk=risk,
            shares=pairs,
            proceeds=proceeds,
            kind=EntryKind.NETTING,
            source=f"net:{fill.venue_fill_id}:{position.outcome_id}",
            at=fill.at,
        )
    return pairs


def turned(*, risk: RiskState, fill: Fill, outcome: Outcome) -> Decimal:
    """Book a sale where selling what is not held buys the other outcome; returns the shares of
    that. They cost the rest of the dollar.
    """
    position = positions.position_to_sell(fill, outcome.pk)
    covered = min(fill.shares, position.shares)
    beyond = fill.shares - covered
    if not beyond:
        return positions.sold(
            risk=risk, fill=fill, outcome_id=outcome.pk, dollars=fill.price * fill.shares
        )
    fee = money.floor_micro(fill.fee * covered / fill.shares)
    if covered:
        positions.close(
            position,
            risk=risk,
            shares=covered,
            proceeds=money.floor_micro(covered * fill.price) - fee,
            kind=EntryKind.SALE,
            source=f"fill:{fill.venue_fill_id}",
            at=fill.at,
            fill_id=fill.pk,
        )
    other = Outcome.objects.exclude(pk=outcome.pk).get(market_id=outcome.market_id)
    positions.add(
        positions.open_position(fill.account_id, other.pk, at=fill.at),
        risk=risk,
        shares=beyond,
        cost=money.ceil_micro(beyond * (1 - fill.price)) + fill.fee - fee,
        is_confirmed=True,
        source=f"turn:{fill.venue_fill_id}" if covered else f"fill:{fill.venue_fill_id}",
        at=fill.at,
        fill_id=None if covered else fill.pk,
    )
    return beyond
