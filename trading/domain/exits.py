"""FLOW 1's decision on a sale: pure, one account at a time."""

from decimal import Decimal

from risk.domain.reasons import Reason, Refusal
from trading.domain.situation import Answer, Chance, Intent, Situation, plain
from venues import money
from venues.money import ZERO
from venues.types import Side
from venues.words import shares

MIN_LIMIT = Decimal("0.01")


def decide_exit(chance: Chance, situation: Situation) -> Answer:
    """Copy a whale's sale in proportion: only what this account bought from this whale."""
    fraction = Decimal(1) if chance.sold_fraction is None else chance.sold_fraction
    wanted = money.floor_shares(situation.sellable * fraction)
    limit = max(money.floor_tick(chance.price - situation.limits.max_price_drift), MIN_LIMIT)
    inputs = {
        "whale_price": str(chance.price),
        "sold_fraction": str(fraction),
        "held_from_whale": str(situation.sellable),
    }
    refusal = _exit_refusal(situation, wanted)
    if refusal:
        return plain(situation, refusal, inputs=inputs)
    return Answer(
        account_id=situation.account_id,
        reason=Reason.EXIT_COPIED,
        sentence=(
            f"The whale sold {100 * float(fraction):.0f}% of what it held; "
            f"so does this account: {shares(wanted)} of {shares(situation.sellable)}."
        ),
        intent=Intent(side=Side.SELL, limit_price=limit, shares=wanted, worst_cost=ZERO),
        arithmetic=f"{shares(situation.sellable)} x {float(fraction):.4f} = {shares(wanted)}",
        size=ZERO,
        confidence=None,
        inputs=inputs,
        factors={},
        assumed=False,
    )


def _exit_refusal(situation: Situation, wanted: Decimal) -> Refusal | None:
    if situation.stopped_all:
        return Refusal(reason=Reason.STOPPED, sentence=situation.stopped_all)
    if situation.mode_refusal:
        return situation.mode_refusal
    if not situation.copy_exits:
        return Refusal(
            reason=Reason.FOLLOW_FILTER, sentence="This follow does not copy the whale's sales."
        )
    if wanted <= 0:
        return Refusal(
            reason=Reason.NOTHING_TO_SELL,
            sentence="The whale sold, but this account bought none of it from this whale.",
        )
    return None
