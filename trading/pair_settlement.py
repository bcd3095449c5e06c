"""What pair trades came to: each leg by its own venue's truth, and why that is not what was
expected. The parts add up to the difference, to the micro-dollar.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import TypeVar

from django.db import transaction
from django.db.models import Q

from markets import catalogue, kalshi_catalogue
from markets.models import Market, Outcome
from markets.resolutions import BadPayout
from notifications.services import record, record_once
from risk.models import RiskState
from trading import pair_trades, pair_words, reconciliation, settlement
from trading.domain.pair_state import PairState, Role
from trading.models import Order, PairTrade, Position
from trading.windows import after_money_moved, roll
from venues.errors import Unreadable
from venues.kalshi.public import Public as KalshiPublic
from venues.money import MICRO, ZERO
from venues.polymarket.public import Public as PolymarketPublic
from venues.types import Side
from venues.words import dollars

log = logging.getLogger(__name__)

T = TypeVar("T")
P = PairState
ONE = Decimal(1)
PARTED = timedelta(hours=12)  # for which one venue may lag behind the other one's result


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """Realised against expected, USD; the parts add up to their difference."""

    expected: Decimal
    realised: Decimal
    size: Decimal  # fewer, or more, shares were hedged than planned
    slippage: Decimal  # other prices than planned
    fees: Decimal  # other fees than planned
    unwind: Decimal  # what was bought and sold again
    branch: Decimal  # the pair paid something else than a dollar: a tie, or a fair price

    @property
    def parts(self) -> dict[str, Decimal]:
        return {
            "size": self.size,
            "slippage": self.slippage,
            "fees": self.fees,
            "unwind": self.unwind,
            "branch": self.branch,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Traded:
    """What one leg bought and sold again."""

    bought: Decimal  # shares
    cost: Decimal  # USD without fees
    fees: Decimal
    sold: Decimal
    proceeds: Decimal  # USD after fees

    @property
    def held(self) -> Decimal:
        return self.bought - self.sold

    @property
    def average(self) -> Decimal:
        return self.cost / self.bought if self.bought else ZERO

    @property
    def fee(self) -> Decimal:
        """Return the fee of a share that was bought."""
        return self.fees / self.bought if self.bought else ZERO


def read_ends(polymarket: PolymarketPublic, kalshi: KalshiPublic, *, now: datetime) -> None:
    """Ask both venues how the games of trades ended that are not settled yet."""
    waiting = PairTrade.objects.filter(settled_at__isnull=True).exclude(state=P.ABORTED.value)
    markets = Market.objects.filter(
        Q(outcomes__first_legs__in=waiting) | Q(outcomes__second_legs__in=waiting),
        resolutions__isnull=True,
    ).distinct()
    ours = [each.external_id for each in markets if each.venue == "polymarket"]
    theirs = {each.external_id: each for each in markets if each.venue == "kalshi"}
    for listing in _asked(lambda: polymarket.listings(ours) if ours else []):
        _booked(partial(catalogue.record, [listing], now=now))
    for contract in _asked(lambda: kalshi.contracts(sorted(theirs)) if theirs else []):
        market = theirs[contract.ticker]
        _booked(partial(kalshi_catalogue.record_end, market, contract, now=now))
    settlement.settle_due(now=now)


def _asked(read: Callable[[], list[T]]) -> list[T]:
    """Return what a venue says; nothing where it does not answer."""
    try:
        return read()
    except Unreadable as problem:
        log.warning("How games ended cannot be read: %s", problem)
        return []


def _booked(book: Callable[[], object]) -> None:
    """Book one result; one that contradicts an earlier one stops no other."""
    try:
        book()
    except BadPayout as problem:
        log.error("A result is for a person: %s", problem)


def settle(*, now: datetime) -> int:
    """Settle trades whose two legs are paid, or that hold nothing; returns how many."""
    ended = [P.HEDGED.value, P.FLAT.value, P.MANUAL.value, P.HEDGED_PROVISIONAL.value]
    waiting = PairTrade.objects.filter(settled_at__isnull=True, state__in=ended)
    count = 0
    for trade_id in waiting.order_by("created_at").values_list("pk", flat=True):
        with reconciliation.one_alone(f"pair trade {trade_id}"), transaction.atomic():
            trade = pair_trades.lock(trade_id)
            count += _settle(trade, now=now)
    return count


def traded(trade: PairTrade, *, first: bool) -> Traded:
    """Return what a leg bought and sold, by its orders' own fills."""
    bought, cost, fees, sold, proceeds = ZERO, ZERO, ZERO, ZERO, ZERO
    for order in trade.orders.all():
        if Role(order.role).is_first != first:
            continue
        if order.side == Side.SELL:
            sold += order.filled_shares
            proceeds += order.filled_cost - order.fees
        else:
            bought += order.filled_shares
            cost += order.filled_cost
            fees += order.fees
    return Traded(bought=bought, cost=cost, fees=fees, sold=sold, proceeds=proceeds)


def explain(trade: PairTrade, payouts: tuple[Decimal, Decimal]) -> Explained:
    """Split the difference between what a trade came to and what was expected of it."""
    one, other = traded(trade, first=True), traded(trade, first=False)
    hedged = max(min(one.held, other.held), ZERO)
    paid = one.held * payouts[0] + other.held * payouts[1]
    realised = paid - one.cost - one.fees - other.cost - other.fees + one.proceeds + other.proceeds
    planned_fee = (trade.first_fee + trade.second_fee) / trade.shares
    size = (hedged / trade.shares - ONE) * trade.expected
    slippage = hedged * (trade.first_price + trade.second_price - one.average - other.average)
    fees = hedged * (planned_fee - one.fee - other.fee)
    branch = hedged * (payouts[0] + payouts[1] - ONE)
    known = [part.quantize(MICRO) for part in (size, slippage, fees, branch)]
    realised = realised.quantize(MICRO)
    return Explained(
        expected=trade.expected,
        realised=realised,
        size=known[0],
        slippage=known[1],
        fees=known[2],
        branch=known[3],
        # What found no other side: bought, and sold again or paid as it was.
        unwind=realised - trade.expected - sum(known, ZERO),
    )


def _settle(trade: PairTrade, *, now: datetime) -> bool:
    one, other = traded(trade, first=True), traded(trade, first=False)
    _tell_parted(trade, one.held, now=now)
    legs = ((one, trade.first), (other, trade.second))
    if any(leg.held > 0 and not _is_paid(trade, outcome) for leg, outcome in legs):
        return False
    going = Order.objects.holding().filter(pair_trade=trade)
    if going.exists() or (trade.state != P.FLAT and not (one.held > 0 or other.held > 0)):
        return False
    if "taken_over" in trade.figures:
        return _settle_positions(trade, now=now)
    payouts = tuple(outcome.payout or ZERO for _, outcome in legs)
    found = explain(trade, (payouts[0], payouts[1]))
    if trade.state in (P.MANUAL, P.HEDGED_PROVISIONAL):
        pair_trades.end_settled(trade, now=now)
    trade.settled_at, trade.realised = now, found.realised
    trade.explained = {name: str(part) for name, part in found.parts.items()}
    trade.explained["payouts"] = [str(each) for each in payouts]
    trade.save(update_fields=["settled_at", "realised", "explained"])
    _count(trade, found.realised, now=now)
    record(
        kind="pair_settled",
        account_id=trade.account_id,
        sentence=_words(trade, found),
        payload={"pair_trade": str(trade.pk)},
        at=now,
    )
    return True


def _count(trade: PairTrade, realised: Decimal, *, now: datetime) -> None:
    """Let a pair count once among losses, by what both of its legs came to."""
    apart = Decimal(trade.figures.get("apart", "0"))
    if "apart" not in trade.figures:
        return  # it was sold again, and counted as it was sold
    risk = RiskState.objects.get(account_id=trade.account_id)  # its lock is held
    roll(risk, now=now)
    risk.apart -= apart
    risk.day_realised += apart
    risk.hour_realised += apart
    if realised:
        risk.consecutive_losses = risk.consecutive_losses + 1 if realised < 0 else 0
    after_money_moved(risk, now=now)


def _settle_positions(trade: PairTrade, *, now: datetime) -> bool:
    """Settle a trade that a person took over: what he did with its shares, its positions tell."""
    trade.settled_at = now
    trade.save(update_fields=["settled_at"])
    _count(trade, Decimal(trade.figures.get("apart", "0")), now=now)
    record(
        kind="pair_settled",
        account_id=trade.account_id,
        sentence=f"{pair_words.mark_of(trade)} {trade.game} is over. It was taken over by hand: "
        "its positions tell what it came to.",
        payload={"pair_trade": str(trade.pk)},
        at=now,
    )
    return True


def _is_paid(trade: PairTrade, outcome: Outcome) -> bool:
    """Tell whether a leg's shares were turned into money, whatever they paid."""
    if outcome.payout is None:
        return False
    held = Position.objects.filter(
        account_id=trade.account_id, outcome=outcome, closed_at__isnull=True
    )
    return not held.exists()


def _tell_parted(trade: PairTrade, held: Decimal, *, now: datetime) -> None:
    """Tell a person, once, that Kalshi has paid and Polymarket's leg is a bet of its own now."""
    paid, open_leg = trade.second.payout, trade.first.payout is None
    if paid is None or not open_leg or held <= 0:
        return
    market = trade.second.market
    ended = market.resolutions.order_by("version").values_list("resolved_at", flat=True).first()
    by_price = paid not in (ZERO, ONE)
    if not by_price and (ended is None or now - ended < PARTED):
        return
    record_once(
        about="pair_trade",
        kind="pair_parted",
        account_id=trade.account_id,
        level="ACT",
        sentence=(
            f"{trade.game}: Kalshi has paid {dollars(paid)} a share, and Polymarket waits. Its "
            f"{held.normalize():f} shares are unhedged since then; sell them or hold them."
        ),
        payload={"pair_trade": str(trade.pk)},
        at=now,
    )


def _words(trade: PairTrade, found: Explained) -> str:
    names = {"branch": "what the game paid", "unwind": "unwound", "size": "size"}
    parts = ", ".join(
        f"{names.get(name, name)} {dollars(part, signed=True)}"
        for name, part in found.parts.items()
        if part
    )
    return (
        f"{pair_words.mark_of(trade)} {trade.game} settled: "
        f"{dollars(found.realised, signed=True)}, expected "
        f"{dollars(found.expected, signed=True)}." + (f" The difference: {parts}." if parts else "")
    )
