"""FLOW 2's decision on an opportunity for one account: what it buys on both venues, or why not."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from markets.domain.arbitrage import (
    Asked,
    Caps,
    Quote,
    Side,
    best,
    fits,
    hedge_limit,
    quote,
)
from markets.domain.payoff import Route
from risk.domain import pairs
from risk.domain.breakers import Losses, loss_room
from risk.domain.pairs import PairCandidate, PairLimits, PairSize
from risk.domain.presets import Limits
from risk.domain.reasons import Reason, Refusal
from trading.domain.entries import worst_cost
from venues.money import ZERO
from venues.types import OrderKind

ONE = Decimal(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Purse:
    """Free cash at one place."""

    name: str
    free: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class LegRisk:
    """How often second legs failed here, and what that cost."""

    trades: int
    failed: int
    loss: Decimal  # USD a share that was unwound, on average; the bound where none was

    @property
    def chance(self) -> Decimal:
        """Return the chance of a failed second leg: measured, begun at one in twenty."""
        return Decimal(self.failed + 1) / Decimal(self.trades + 20)

    @property
    def cost(self) -> Decimal:
        """Return USD a share that it costs on average."""
        return self.chance * self.loss


@dataclass(frozen=True, slots=True, kw_only=True)
class PairSituation:
    """One account before one opportunity."""

    candidate: PairCandidate
    limits: Limits
    bounds: PairLimits
    equity: Decimal
    free_cash: Decimal  # in all
    first_purse: Purse
    second_purses: dict[Route, Purse]
    losses: Losses
    leg_risk: LegRisk
    halves: dict[Route, tuple[Side, Side]]
    lasted: Mapping[Route, float]  # seconds
    traded: frozenset[Route]  # whose present stretch this account has traded
    league: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PairIntent:
    """A pair to trade."""

    quote: Quote
    kind: OrderKind  # of the first leg
    min_edge: Decimal  # USD a share that the first hedge must leave, reserve included
    last_hedge: Decimal  # the most that a hedge pays, USD
    expected_net: Decimal  # USD after reserve and leg risk
    held: tuple[Decimal, Decimal]  # USD held for each leg
    in_flight: Decimal  # USD of fees and of what an unwind may lose


@dataclass(frozen=True, slots=True, kw_only=True)
class PairAnswer:
    """What an account does about an opportunity, in words too."""

    reason: Reason
    sentence: str
    intent: PairIntent | None = None
    quote: Quote | None = None  # what was sized, traded or not


def decide_pair(each: PairSituation) -> PairAnswer:
    """Return what an account does about an opportunity now: all its routes, its own caps."""
    refusal = pairs.before_sizing(each.candidate)
    if refusal is not None:
        return PairAnswer(reason=refusal.reason, sentence=refusal.sentence)
    quotes = [q for q in (sized(each, route) for route in each.halves) if q is not None]
    if not quotes:
        refusal = _nothing(each)
        return PairAnswer(reason=refusal.reason, sentence=refusal.sentence)
    answers = [_on_route(each, quote) for quote in _best_first(quotes)]
    # What holds against the best route need not hold against another one.
    return next((answer for answer in answers if answer.intent is not None), answers[0])


def _best_first(quotes: list[Quote]) -> list[Quote]:
    left, ordered = list(quotes), []
    while (found := best(left)) is not None:
        ordered.append(found)
        left.remove(found)
    return ordered


def _on_route(each: PairSituation, found: Quote) -> PairAnswer:
    """Return what the checks of one route say of it."""
    intent = intend(each, found)
    refusal = _after(each, found, intent)
    if refusal is not None:
        return PairAnswer(reason=refusal.reason, sentence=refusal.sentence, quote=found)
    assert intent is not None
    return PairAnswer(
        reason=Reason.PAIR_TRADED,
        sentence=(
            f"{found.shares:f} shares for ${found.capital:.2f} earn ${found.profit:.2f}; "
            f"${intent.expected_net:.2f} after reserve and leg risk."
        ),
        intent=intent,
        quote=found,
    )


def sized(each: PairSituation, route: Route) -> Quote | None:
    """Return the most that an account may buy on a route, with the money for the worst of it."""
    first, second = each.halves[route]
    asked = Asked(reserve=each.bounds.reserve(each.league), depth=each.bounds.depth_multiple)
    allowed = _caps(each, route)
    for _ in range(4):
        found = quote(route, first, second, asked=asked, caps=allowed)
        if found is None:
            return None
        held = _held(each, found)
        room = (each.first_purse.free, each.second_purses[route].free, each.free_cash)
        needs = (*held, sum(held, ZERO))
        part = min((has / need for has, need in zip(room, needs, strict=True)), default=ONE)
        if part >= ONE:
            return found
        # What is held is more than what is paid: make it so much smaller, and look again.
        allowed = Caps(
            first=allowed.first, second=allowed.second, total=found.capital * part * Decimal("0.99")
        )
    return None


def intend(each: PairSituation, found: Quote) -> PairIntent | None:
    """Return the orders that a quote becomes."""
    bounds = each.bounds
    last = _last_hedge(each, found)
    if last is None:
        return None
    unit = found.capital / found.shares
    enough = found.first.depth >= bounds.fok_multiple * found.shares
    risk = each.leg_risk.cost * found.shares
    return PairIntent(
        quote=found,
        kind=OrderKind.FOK if enough else OrderKind.FAK,
        min_edge=found.reserve + unit * each.limits.min_roi / 100,
        last_hedge=last,
        expected_net=(found.net - risk).quantize(Decimal("0.000001")),
        held=_held(each, found),
        in_flight=found.first.fee + bounds.hedge_loss * found.shares,
    )


def _caps(each: PairSituation, route: Route) -> Caps:
    """Return how much may be bought: open on one side alone, on each venue, and in all."""
    limits, bounds = each.limits, each.bounds
    unhedged = min(bounds.max_unhedged, bounds.max_unhedged_part * each.equity)
    total = min(limits.bet_amount, limits.max_position_size, max(each.free_cash, ZERO))
    # Either side may be the one that stays: the second one when the chain loses the first.
    return Caps(
        first=max(min(unhedged, each.first_purse.free), ZERO),
        second=max(min(unhedged, each.second_purses[route].free), ZERO),
        total=total,
    )


def _last_hedge(each: PairSituation, found: Quote) -> Decimal | None:
    first, second = each.halves[found.route]
    paid = found.first.limit + first.fee_rate * found.first.limit * (1 - found.first.limit)
    return hedge_limit(
        paid=paid, rate=second.fee_rate, tick=second.tick, most=ONE + each.bounds.hedge_loss
    )


def _held(each: PairSituation, found: Quote) -> tuple[Decimal, Decimal]:
    """Return what both legs can cost at worst: the second one at its last price."""
    first, second = each.halves[found.route]
    last = _last_hedge(each, found) or found.second.limit
    return (
        worst_cost(limit=found.first.limit, shares=found.shares, fee_rate=first.fee_rate),
        worst_cost(limit=last, shares=found.shares, fee_rate=second.fee_rate),
    )


def _after(each: PairSituation, found: Quote, intent: PairIntent | None) -> Refusal | None:
    first, second = each.halves[found.route]
    if intent is None:
        return Refusal(reason=Reason.EDGE_SMALL, sentence="No price is left for a hedge.")
    size = PairSize(
        roi=intent.expected_net / found.capital,
        raw_roi=found.roi,
        worst_loss=found.worst_loss,
        worst_branch=found.worst.branch.value,
        worst_pays=found.worst.pays,
        too_small=fits(found, first, second),
        lasted=each.lasted[found.route],
        was_traded=found.route in each.traded,
    )
    refusal = pairs.after_sizing(size, each.limits, each.bounds)
    return refusal or loss_room(each.losses, each.limits, immediate_cost=intent.in_flight)


def _nothing(each: PairSituation) -> Refusal:
    """Say why no route gives a single share: no cash at a place, no depth, or no edge."""
    asked = Asked(reserve=each.bounds.reserve(each.league))
    open_quotes = [
        made
        for route, (first, second) in each.halves.items()
        if (made := quote(route, first, second, asked=asked)) is not None
    ]
    free = best(open_quotes)
    if free is None:
        return Refusal(
            reason=Reason.EDGE_SMALL,
            sentence=f"Nothing is left after fees and a reserve of "
            f"{100 * asked.reserve.normalize():f}¢ a share.",
        )
    purse = each.second_purses[free.route]
    unit = free.capital / free.shares
    for place, needs in (
        (each.first_purse, free.first.average),
        (purse, free.second.average),
    ):
        if place.free < needs * 5:
            return pairs.no_size(
                wanted=(unit * 5),
                depth=free.second.depth,
                bounds=each.bounds,
                short_of=(place.name, place.free),
            )
    return pairs.no_size(
        wanted=free.capital, depth=free.second.depth, bounds=each.bounds, short_of=None
    )
