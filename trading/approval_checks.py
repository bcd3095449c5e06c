"""What is asked again in the moment of a person's yes: price, size, and every limit."""

from dataclasses import replace
from datetime import datetime
from decimal import ROUND_FLOOR, Decimal

from trading import asks, portfolio
from trading.consent import Yes
from trading.domain.entries import decide_entries, worst_cost
from trading.domain.exits import decide_exit
from trading.domain.situation import Intent
from trading.models import Order
from venues.money import CENT, ZERO
from venues.polymarket.fees import worst_cost_per_share
from venues.types import Side
from venues.words import dollars
from venues.words import price as cents

NEAR = Decimal("0.99")  # what fits nearly as much is sent unasked: it costs less than was agreed


def unread(order: Order, seen_now: asks.Now) -> str:
    """Return why nothing new may be risked with real money: a gate that cannot see refuses."""
    if order.account.is_paper or order.side == Side.SELL or seen_now.is_book:
        return ""
    return "The book could not be read, so nothing new is risked. Nothing was sent; try again."


def drifted(order: Order, yes: Yes, price: Decimal | None) -> str:
    """Return what to say where the price left the band around the one that was shown."""
    what = "ask" if order.side == Side.BUY else "bid"
    if yes.seen is None and price is not None and not yes.standing and not order.account.is_paper:
        return (
            f"The {what} is {cents(price)} now, and your yes names none that you saw. Nothing was "
            "sent. Read the figures, approve again."
        )
    if yes.seen is None or price is None or abs(price - yes.seen) <= order.account.drift_band:
        return ""
    return (
        f"The {what} went from {cents(yes.seen)} to {cents(price)} while you were reading. "
        "Nothing was sent. Read the new figures, approve again."
    )


def cut(order: Order, most: Decimal | None) -> str:
    """Make a purchase smaller, to cost at most so many dollars; returns why it cannot be."""
    if most is None or most == order.worst_cost:
        return ""
    if order.side == Side.SELL:
        return "A sale cannot be cut: decline it, and close less by hand."
    if not most.is_finite() or not 0 < most < order.worst_cost:
        return (
            f"A size may only be cut: to less than {dollars(order.worst_cost)}. Nothing was sent."
        )
    unit = worst_cost_per_share(limit_price=order.limit_price, rate=order.fee_rate)
    shares = (most / unit).quantize(CENT, rounding=ROUND_FLOOR)
    least = order.outcome.market.min_shares or CENT
    if shares < least:
        return (
            f"{dollars(most)} buys {shares.normalize():f} shares, and this market takes "
            f"{least.normalize():f} or more. Nothing was sent."
        )
    order.shares = shares
    order.worst_cost = worst_cost(limit=order.limit_price, shares=shares, fee_rate=order.fee_rate)
    return ""


def made_smaller(order: Order, fits: Intent) -> str:
    """Let a waiting order be what fits now, and ask again; returns what to say."""
    shown = order.worst_cost
    order.limit_price = fits.limit_price
    order.shares, order.worst_cost = fits.shares, fits.worst_cost
    order.save(update_fields=["limit_price", "shares", "worst_cost"])
    return (
        f"You were shown {dollars(shown)}, and now {dollars(fits.worst_cost)} fits your limits. "
        "Nothing was sent. Read the new figures, approve again."
    )


def asked_again(
    order: Order, price: Decimal | None, *, now: datetime
) -> tuple[str, Decimal, Intent | None]:
    """Ask every check again with fresh facts; the wait for a person does not count as age.

    Returns why the order is stale, or nothing; what it will cost at once in fee and spread; and
    what fits instead, where that is less.
    """
    signal_id = order.decision.signal_id
    if signal_id is None:
        return "", ZERO, None
    gathered = portfolio.gather(
        signal_id=signal_id, now=now, account_ids=[order.account_id], again=True
    )
    if not gathered.situations:
        return "This account does not follow the whale any more.", ZERO, None
    chance = replace(gathered.chance, at=now, ask=price or gathered.chance.ask)
    situation = gathered.situations[0]
    if chance.side is Side.SELL:
        answer = decide_exit(chance, situation)
        short = answer.intent is not None and answer.intent.shares < order.shares
        return (
            (answer.sentence if answer.intent is None else "Fewer shares are left." * short),
            ZERO,
            None,
        )
    fresh = replace(
        situation, seconds_since_copy=None, copies_today=max(situation.copies_today - 1, 0)
    )
    answer = decide_entries(chance, [fresh], now=now)[0]
    if answer.intent is None:
        return answer.sentence, ZERO, None
    return "", answer.intent.immediate_cost, _fitting(order, answer.intent)


def _fitting(order: Order, now: Intent) -> Intent | None:
    """Return the order with no more shares, and no higher limit, than fit now; None as it is."""
    limit, shares = min(order.limit_price, now.limit_price), min(order.shares, now.shares)
    if (limit, shares) == (order.limit_price, order.shares):
        return None
    cost = worst_cost(limit=limit, shares=shares, fee_rate=order.fee_rate)
    return replace(now, limit_price=limit, shares=shares, worst_cost=cost)


def is_near(order: Order, fits: Intent) -> bool:
    """Tell whether what fits is within the yes that was given: the same limit, hardly less."""
    return fits.limit_price == order.limit_price and fits.worst_cost >= NEAR * order.worst_cost
