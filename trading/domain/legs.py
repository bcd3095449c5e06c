"""FLOW 2's decision between two legs: wait, place, unwind or done (failure-modes.md section 4).

A pure function of what is known of the orders: it sees no clock, no book, no venue. Only evidence
moves it: an order whose outcome is unknown is neither filled nor failed, and nothing is hedged that
is not known to be bought.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from markets.domain.arbitrage import hedge_limit, unwind_limit
from risk.domain.pairs import PairLimits
from trading.domain.order_state import FINAL, OrderState
from trading.domain.pair_state import PairState, Role
from venues.money import ZERO
from venues.types import Side

P, S = PairState, OrderState
ONE = Decimal(1)
AGAIN = 1.0  # seconds after an order was refused here
DUST = ONE  # USD that may stay unhedged: no venue takes a smaller order


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderView:
    """An order of a pair, as far as evidence goes."""

    role: Role
    state: OrderState
    waits: bool
    filled: Decimal
    confirmed: Decimal  # of what was filled
    cost: Decimal  # USD of fills and fees; of a sale, what it brought after its fee

    @property
    def is_over(self) -> bool:
        return self.state in FINAL

    @property
    def is_doubtful(self) -> bool:
        return self.state in (S.UNKNOWN, S.MANUAL)


@dataclass(frozen=True, slots=True, kw_only=True)
class LegTerms:
    """What limits of a leg are made from."""

    tick: Decimal
    rate: Decimal  # fee = shares x rate x price x (1 - price)


@dataclass(frozen=True, slots=True, kw_only=True)
class Legs:
    """A pair trade at one moment."""

    state: PairState
    orders: tuple[OrderView, ...]
    bounds: PairLimits
    first: LegTerms
    second: LegTerms
    second_price: Decimal  # planned, USD a share
    min_edge: Decimal  # USD a share that the first hedge must leave, reserve included
    unhedged_for: float | None  # seconds since one side alone was known to be bought
    is_stopped: bool = False  # everything is stopped, exits too
    refused_for: float | None = None  # seconds since an order of it was refused here, unsent
    free: Decimal | None = None  # USD that another hedge could be paid with; None: not limited

    def held(self, *, first: bool) -> Decimal:
        return sum(
            (
                -each.filled if each.role.side is Side.SELL else each.filled
                for each in self.orders
                if each.role.is_first == first
            ),
            ZERO,
        )

    def confirmed(self, *, first: bool) -> Decimal:
        """Return shares that are held and settled: what may be sold."""
        return sum(
            (
                -each.filled if each.role.side is Side.SELL else each.confirmed
                for each in self.orders
                if each.role.is_first == first
            ),
            ZERO,
        )

    @property
    def naked(self) -> Decimal:
        """Return shares of the first leg without a second one; negative the other way round."""
        return self.held(first=True) - self.held(first=False)

    @property
    def dust(self) -> Decimal:
        """Return how much may stay unhedged, as no venue would take an order for it."""
        price = self.paid if self.naked > 0 else self.second_price
        return DUST / price if price > 0 else ZERO

    @property
    def paid(self) -> Decimal:
        """Return what a share of the first leg has cost, fee included."""
        bought = [o for o in self.orders if o.role in (Role.FIRST, Role.REBUY) and o.filled]
        shares = sum((each.filled for each in bought), ZERO)
        return sum((each.cost for each in bought), ZERO) / shares if shares else ZERO

    @property
    def paid_second(self) -> Decimal:
        bought = [each for each in self.orders if each.role is Role.HEDGE and each.filled]
        shares = sum((each.filled for each in bought), ZERO)
        return sum((each.cost for each in bought), ZERO) / shares if shares else self.second_price

    def count(self, role: Role) -> int:
        """Return how many orders of a role were tried; one that never left here is none."""
        return sum(
            each.role is role and not each.waits and each.state is not S.DENIED
            for each in self.orders
        )

    @property
    def unsettled_sales(self) -> Decimal:
        """Return shares that were sold and are not settled: a match that fails brings them back."""
        return sum((e.filled - e.confirmed for e in self.orders if e.role.side is Side.SELL), ZERO)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Nothing to do until there is evidence, or time has passed."""

    state: PairState
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An order to place now, at once and at a hard limit."""

    state: PairState
    role: Role
    shares: Decimal
    limit: Decimal
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """The legs are over, one way or another."""

    state: PairState
    sentence: str


Step = Wait | Place | End


def decide(legs: Legs) -> Step:
    """Return what to do next. Safe to ask at any time: it never repeats an order that is open."""
    if legs.state is P.AWAITING_APPROVAL:
        return _waiting(legs)
    going = [each for each in legs.orders if not each.is_over and not each.waits]
    if any(each.state is S.MANUAL for each in going):
        return End(state=P.MANUAL, sentence="Nobody knows what became of an order.")
    if going and legs.state is P.MANUAL:
        return Wait(state=P.MANUAL, sentence="A person decides, unless evidence comes.")
    if going:
        return _on_its_way(legs, going)
    if abs(legs.naked) < max(legs.dust, Decimal("0.01")) and not _may_hedge_dust(legs):
        return _balanced(legs)
    if legs.state is P.MANUAL:
        return Wait(state=P.MANUAL, sentence="A person decides.")
    if legs.is_stopped:
        return Wait(state=legs.state, sentence="Everything is stopped; one side stays open.")
    if legs.refused_for is not None and legs.refused_for < AGAIN:
        return _refused(legs)
    return _second_leg(legs) if legs.naked > 0 else _lost_first(legs)


def _refused(legs: Legs) -> Step:
    """An order never left here. Try again in a moment, until the time for all of it is over."""
    if (legs.unhedged_for or 0.0) > float(legs.bounds.unwind_wait):
        return End(
            state=P.MANUAL, sentence="Orders for the open side are refused here. A person decides."
        )
    return Wait(state=legs.state, sentence="An order was refused here, unsent; again in a moment.")


def _waiting(legs: Legs) -> Step:
    if all(each.is_over for each in legs.orders):
        return End(state=P.ABORTED, sentence="It was not approved. Nothing was sent.")
    return Wait(state=P.AWAITING_APPROVAL, sentence="It waits for your approval.")


def _on_its_way(legs: Legs, going: Iterable[OrderView]) -> Step:
    """An order is out. Hedge only what evidence shows, and never beside another hedge."""
    roles = {each.role for each in going}
    late = legs.unhedged_for or 0.0
    if roles & {Role.HEDGE, Role.UNWIND, Role.REBUY, Role.UNHEDGE}:
        doubtful = any(each.is_doubtful for each in going if each.role is not Role.FIRST)
        if doubtful and late > float(legs.bounds.hedge_hard):
            return End(
                state=P.MANUAL,
                sentence="The outcome of an order is unknown, and the time for the hedge is over. "
                "Its money stays held; evidence may still settle it.",
            )
        unwinding = roles & {Role.UNWIND, Role.UNHEDGE}
        return Wait(
            state=P.UNWINDING if unwinding else P.HEDGING, sentence="An order is on its way."
        )
    if legs.naked > legs.dust and late >= float(legs.bounds.unknown_wait) and not legs.is_stopped:
        return _second_leg(legs)
    if legs.state in (P.HEDGING, P.UNWINDING, P.HEDGED_PROVISIONAL):
        return Wait(state=legs.state, sentence="The end of the first leg is not told yet.")
    if legs.naked > 0:
        return Wait(state=P.LEG1_FILLED, sentence="The first leg is matched in part.")
    not_sent = all(each.state in (S.RESERVED, S.PREPARED) for each in going)
    state = P.PLANNED if not_sent else P.LEG1_SENT
    return Wait(state=state, sentence="The first leg is on its way.")


def _may_hedge_dust(legs: Legs) -> bool:
    """Tell whether a first hedge is still due: Kalshi takes hundredths of a contract.

    One that was refused here counts too: dust is worth no second order.
    """
    tried = any(each.role is Role.HEDGE and not each.waits for each in legs.orders)
    return legs.naked >= Decimal("0.01") and not tried and not legs.is_stopped


def _balanced(legs: Legs) -> Step:
    if legs.unsettled_sales > 0:
        state = P.MANUAL if legs.state is P.MANUAL else P.UNWINDING
        return Wait(state=state, sentence="What was sold is not settled yet.")
    first, second = legs.held(first=True), legs.held(first=False)
    rest = abs(first - second)
    tail = f" {rest.normalize():f} shares stay open: too few to sell." if rest else ""
    if min(first, second) <= 0:
        if not any(each.filled for each in legs.orders):
            return End(state=P.ABORTED, sentence="Nothing was matched. Nothing is open.")
        return End(state=P.FLAT, sentence=f"Nothing that was bought is held any more.{tail}")
    settled = legs.confirmed(first=True) >= first and legs.confirmed(first=False) >= second
    if not settled:
        return Wait(
            state=P.HEDGED_PROVISIONAL,
            sentence=f"Both sides are matched; the first one is not settled yet.{tail}",
        )
    return End(state=P.HEDGED, sentence=f"{second.normalize():f} shares are hedged.{tail}")


def _second_leg(legs: Legs) -> Step:
    """The first leg is bought and has no second one: hedge within the bounds, else unwind."""
    late, tries = legs.unhedged_for or 0.0, legs.count(Role.HEDGE)
    bounds = legs.bounds
    if not legs.count(Role.UNWIND) and tries < bounds.hedge_tries:
        limit = _hedge_price(legs, tries, late=late)
        if limit is not None and late <= float(bounds.hedge_hard) and _can_pay(legs, limit):
            return Place(
                state=P.HEDGING,
                role=Role.HEDGE,
                shares=_hundredths(legs.naked),
                limit=limit,
                sentence=f"Hedge {tries + 1} of {bounds.hedge_tries}: "
                f"{legs.naked.normalize():f} up to {limit.normalize():f}.",
            )
    return _sell_first(legs, late=late)


def _can_pay(legs: Legs, limit: Decimal) -> bool:
    """Tell whether a hedge is paid for: the first one's money is held, another one's is free."""
    if legs.free is None or any(e.role is Role.HEDGE and e.waits for e in legs.orders):
        return True
    unit = limit + legs.second.rate * limit * (ONE - limit)
    return legs.naked * unit <= legs.free


def _hedge_price(legs: Legs, tries: int, *, late: float) -> Decimal | None:
    """Return the next limit: first what still earns, last what loses no more than the bound."""
    best, worst = ONE - legs.min_edge, ONE + legs.bounds.hedge_loss
    steps = max(legs.bounds.hedge_tries - 1, 1)
    done = steps if late > float(legs.bounds.hedge_soft) else min(tries, steps)
    most = best + (worst - best) * done / steps
    return hedge_limit(paid=legs.paid, rate=legs.second.rate, tick=legs.second.tick, most=most)


def _sell_first(legs: Legs, *, late: float) -> Step:
    bounds, sold = legs.bounds, legs.count(Role.UNWIND)
    ready = _hundredths(min(legs.naked, legs.confirmed(first=True)))
    if sold < bounds.unwind_tries and ready * legs.paid >= DUST:
        limit = unwind_limit(
            paid=legs.paid, rate=legs.first.rate, tick=legs.first.tick, loss=bounds.hedge_loss
        )
        return Place(
            state=P.UNWINDING,
            role=Role.UNWIND,
            shares=ready,
            limit=limit,
            sentence=f"No hedge within the bounds: {ready.normalize():f} of the first leg are "
            f"sold again, from {limit.normalize():f}.",
        )
    settling = legs.confirmed(first=True) < legs.naked
    if settling and sold < bounds.unwind_tries and late < float(bounds.unwind_wait):
        return Wait(state=P.UNWINDING, sentence="The first leg must settle before it can be sold.")
    return End(
        state=P.MANUAL,
        sentence=f"{legs.naked.normalize():f} shares of the first leg are open, and nobody takes "
        "them within the bound. A person decides.",
    )


def _lost_first(legs: Legs) -> Step:
    """The chain lost of the first leg what the second one hedged: buy it again, else sell that."""
    missing, late = -legs.naked, legs.unhedged_for or 0.0
    bounds = legs.bounds
    most = ONE - legs.min_edge
    limit = hedge_limit(
        paid=legs.paid_second, rate=legs.first.rate, tick=legs.first.tick, most=most
    )
    soon = late <= float(bounds.hedge_hard)
    if limit is not None and soon and not legs.count(Role.REBUY) and not legs.count(Role.UNHEDGE):
        return Place(
            state=P.HEDGING,
            role=Role.REBUY,
            shares=_hundredths(missing),
            limit=limit,
            sentence=f"A match of the first leg never became money: {missing.normalize():f} are "
            f"bought again up to {limit.normalize():f}.",
        )
    ready = _hundredths(min(missing, legs.confirmed(first=False)))
    if ready > 0 and legs.count(Role.UNHEDGE) < bounds.unwind_tries:
        lowest = unwind_limit(
            paid=legs.paid_second,
            rate=legs.second.rate,
            tick=legs.second.tick,
            loss=bounds.hedge_loss,
        )
        return Place(
            state=P.UNWINDING,
            role=Role.UNHEDGE,
            shares=ready,
            limit=lowest,
            sentence=f"The second leg lost its first one: {ready.normalize():f} are sold, from "
            f"{lowest.normalize():f}.",
        )
    return End(
        state=P.MANUAL,
        sentence=f"{missing.normalize():f} shares of the second leg are open, and nobody takes "
        "them within the bound. A person decides.",
    )


def _hundredths(shares: Decimal) -> Decimal:
    return shares.quantize(Decimal("0.01"), rounding="ROUND_FLOOR")
