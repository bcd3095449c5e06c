"""What a pair came to so far: what was sold again, hedged dearly, or paid on one side alone."""

from decimal import Decimal
from uuid import UUID

from trading import pair_views
from trading.domain.pair_state import Role
from trading.models import PairTrade
from venues.money import CENT, MICRO, ZERO
from venues.types import Side


def keep_apart(*, account_id: UUID, outcome_id: int, gain: Decimal) -> None:
    """Keep what one leg of hedged pairs was paid until the other is paid too: a pair counts once.

    The gain is shared out by the shares that each pair holds of it; the caller holds the RiskState.
    """
    legs = pair_views.held_by_trade(account_id, outcome_id)
    shares, left = sum(legs.values(), ZERO), gain
    for trade_id, count in legs.items():
        trade = PairTrade.objects.select_for_update().get(pk=trade_id)
        so_far = Decimal(trade.figures.get("apart", "0"))
        part = (left * count / shares).quantize(MICRO)  # the last one takes the rest
        left, shares = left - part, shares - count
        trade.figures = {**trade.figures, "apart": str(so_far + part)}
        trade.save(update_fields=["figures"])


def unwound(trade: PairTrade) -> dict[str, str]:
    """Return how much was sold again, and what that lost: from it the leg risk is measured."""
    sold, lost = ZERO, ZERO
    for role, bought_by in (
        (Role.UNWIND, (Role.FIRST, Role.REBUY)),
        (Role.UNHEDGE, (Role.HEDGE,)),
    ):
        sales = trade.orders.filter(role=role.value)
        buys = trade.orders.filter(role__in=[each.value for each in bought_by])
        shares_sold = sum((each.filled_shares for each in sales), ZERO)
        bought = sum((each.filled_shares for each in buys), ZERO)
        if not shares_sold or not bought:
            continue
        unit = sum((each.filled_cost + each.fees for each in buys), ZERO) / bought
        sold += shares_sold
        lost += unit * shares_sold - sum((each.filled_cost - each.fees for each in sales), ZERO)
    return {"unwound_shares": str(sold), "unwound_loss": str(lost.quantize(MICRO))}


def dear(trade: PairTrade) -> dict[str, str]:
    """Return how much was hedged a cent or more above the plan, and what that cost: a second leg
    that was had at a loss is one that failed.
    """
    hedges = [each for each in trade.orders.filter(role=Role.HEDGE.value) if each.filled_shares]
    count = sum((each.filled_shares for each in hedges), ZERO)
    if not count:
        return {}
    planned = trade.second_price + trade.second_fee / trade.shares
    paid = sum((each.filled_cost + each.fees for each in hedges), ZERO) / count
    over = paid - planned
    if over < CENT:
        return {}
    return {"dear_shares": str(count), "dear_loss": str((over * count).quantize(MICRO))}


def expected_now(trade: PairTrade) -> Decimal:
    """Return what a trade comes to where both contracts pay alike, by what it paid so far, USD."""
    held, paid = {True: ZERO, False: ZERO}, ZERO
    for order in trade.orders.all():
        sign = -1 if order.side == Side.SELL else 1
        held[Role(order.role).is_first] += sign * order.filled_shares
        paid += sign * order.filled_cost + order.fees
    return min(held.values()) - paid
