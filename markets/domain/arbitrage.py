"""What two books of one game earn together: both sides walked level by level, net of both fees.

Everything is whole numbers until the walk is done, so nothing is rounded on the way: a share's cost
at a price p (hundredths of a cent) with a fee rate r (millionths) is

    p x 10^10 + r x p x (10^4 - p)    of 10^-14 dollars,

which rises with p for every rate below one; so the cheapest levels are the best ones, and a walk
may stop at the first pair of levels that earns too little.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal

from markets.domain.payoff import Route, Worst, worst
from venues import money
from venues.kalshi import fees as kalshi_fees
from venues.ladders import PRICES, SIZES, Rungs
from venues.money import ZERO
from venues.polymarket.fees import taker_fee

UNIT = 10**14  # of a dollar, in which costs of a share are counted
RATE = 10**6  # of a fee rate
ONE = Decimal(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One venue's half of a route: what is asked, and what its orders must be."""

    token: str
    asks: Rungs
    fee_rate: Decimal  # fee = shares x rate x price x (1 - price)
    tick: Decimal = money.TICK
    min_shares: Decimal = ZERO
    min_dollars: Decimal = ZERO

    @property
    def rate(self) -> int:
        return int(self.fee_rate * RATE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """How much may be bought: USD with fees on each venue, and in all."""

    first: Decimal
    second: Decimal
    total: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a walk is allowed to take."""

    reserve: Decimal  # USD a share for the branches where the contracts part
    min_edge: Decimal = ZERO  # USD a share after fees and reserve, of the last share
    depth: int = 1  # a level of Kalshi's counts for so much less: the rest is room for the hedge
    lot: Decimal = ONE  # shares are bought in multiples of it


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """One venue's half of a quote."""

    token: str
    limit: Decimal  # USD, the worst price of the walk
    average: Decimal  # USD a share, without the fee
    cost: Decimal  # USD without the fee
    fee: Decimal  # USD, by the venue's own rounding, each level one match
    depth: Decimal  # shares that are asked up to the limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """What a route earns for a number of shares, the same on both venues."""

    route: Route
    shares: Decimal
    first: Leg  # Polymarket
    second: Leg  # Kalshi
    reserve: Decimal  # USD a share

    @property
    def worst(self) -> Worst:
        """Return the branch in which it loses most."""
        unit = self.capital / self.shares
        return worst(self.route, cost=unit, kalshi_price=self.second.average)

    @property
    def capital(self) -> Decimal:
        return self.first.cost + self.first.fee + self.second.cost + self.second.fee

    @property
    def fees(self) -> Decimal:
        return self.first.fee + self.second.fee

    @property
    def gross(self) -> Decimal:
        """Return USD before fees: a dollar a share, less what is asked."""
        return self.shares - self.first.cost - self.second.cost

    @property
    def profit(self) -> Decimal:
        """Return USD after fees where both contracts pay alike."""
        return self.shares - self.capital

    @property
    def net(self) -> Decimal:
        """Return USD after fees and the reserve."""
        return self.profit - self.reserve * self.shares

    @property
    def edge(self) -> Decimal:
        """Return USD a share after fees and the reserve."""
        return self.net / self.shares

    @property
    def roi(self) -> Decimal:
        """Return the net edge as a part of the capital."""
        return self.net / self.capital

    @property
    def worst_loss(self) -> Decimal:
        """Return USD that the worst branch loses, as a positive number; 0 if none does."""
        return max(-self.worst.result * self.shares, ZERO)


Step = tuple[int, int, int]  # Polymarket's price, Kalshi's price, size
Matches = Sequence[tuple[Decimal, Decimal]]  # price, shares


def unit_cost(price: int, rate: int) -> int:
    """Return what a share costs at a price, fee included, in units of 10^-14 dollars."""
    return price * (UNIT // PRICES) + rate * price * (PRICES - price)


def steps(first: Side, second: Side, *, most: int, depth: int = 1) -> Iterator[Step]:
    """Walk both books together while a share costs no more than `most` (units of 10^-14 dollars)
    on both venues; each step is some shares at one price each.
    """
    ours, theirs = first.asks, second.asks
    r1, r2 = first.rate, second.rate
    i = j = 0
    if not ours or not theirs:
        return
    (p, left1), (q, left2) = ours[0], theirs[0]
    left2 //= depth
    cost1, cost2 = unit_cost(p, r1), unit_cost(q, r2)
    while cost1 + cost2 <= most:
        size = left1 if left1 < left2 else left2
        if size > 0:
            yield p, q, size
        left1, left2 = left1 - size, left2 - size
        if left1 <= 0:
            i += 1
            if i == len(ours):
                return
            p, left1 = ours[i]
            cost1 = unit_cost(p, r1)
        if left2 <= 0:
            j += 1
            if j == len(theirs):
                return
            q, left2 = theirs[j]
            left2 //= depth
            cost2 = unit_cost(q, r2)


def quote(
    route: Route, first: Side, second: Side, *, asked: Asked, caps: Caps | None = None
) -> Quote | None:
    """Return what a route earns within its caps, or None where not one lot earns enough."""
    most = _units(ONE - asked.reserve - asked.min_edge)
    taken = _capped(steps(first, second, most=most, depth=asked.depth), first, second, caps=caps)
    found = _whole_lots(taken, asked.lot)
    if not found:
        return None
    ours, theirs = _leg(first, found, 0, _polymarket_fee), _leg(second, found, 1, _kalshi_fee)
    shares = _shares(sum([size for *_, size in found]))
    made = Quote(route=route, shares=shares, first=ours, second=theirs, reserve=asked.reserve)
    return made if made.net > 0 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """What the two best levels of a route come to, USD a share; fees before rounding."""

    cost: Decimal  # both prices
    fees: Decimal
    reserve: Decimal

    @property
    def gross(self) -> Decimal:
        return ONE - self.cost

    @property
    def net(self) -> Decimal:
        return self.gross - self.fees - self.reserve

    @property
    def sentence(self) -> str:
        """Return why it earns something, or does not."""
        parts = (
            f"{cents(self.cost)} for a dollar leaves {cents(self.gross)}; fees take "
            f"{cents(self.fees)} and the reserve {cents(self.reserve)}"
        )
        if self.net > 0:
            return f"{parts}: {cents(self.net)} are left."
        return f"{parts}: nothing is left ({cents(self.net)})."


def gap(first: Side, second: Side, *, reserve: Decimal) -> Gap | None:
    """Return what the best levels of both books come to, or None where one is empty."""
    if not first.asks or not second.asks:
        return None
    p, q = (Decimal(side.asks[0][0]).scaleb(-4) for side in (first, second))
    fees = first.fee_rate * p * (1 - p) + second.fee_rate * q * (1 - q)
    return Gap(cost=p + q, fees=fees, reserve=reserve)


def cents(dollars: Decimal) -> str:
    return f"{100 * dollars:.2f}¢"


def best(quotes: Sequence[Quote]) -> Quote | None:
    """Return the route with the largest net edge; among equal ones, the smaller worst branch."""
    return max(
        quotes,
        key=lambda each: (money.nearest_cents(each.net), each.worst.result),
        default=None,
    )


def fits(found: Quote, first: Side, second: Side) -> str:
    """Return why a quote is too small for a venue, or an empty string. Never raised to fit."""
    for side, leg in ((first, found.first), (second, found.second)):
        if found.shares < side.min_shares:
            return f"{found.shares:f} shares are under the {side.min_shares:f} that a venue takes."
        if leg.cost < side.min_dollars:
            return f"${leg.cost:.2f} is under the ${side.min_dollars:.2f} that a venue takes."
    return ""


def hedge_limit(*, paid: Decimal, rate: Decimal, tick: Decimal, most: Decimal) -> Decimal | None:
    """Return the highest price on the tick at which a share of the second leg, with its fee and
    what the first one has cost, stays within `most` USD; None where there is none.
    """
    room = most - paid
    price = money.floor_tick(min(room, ONE - tick), tick=tick)
    while price > 0 and price + rate * price * (1 - price) > room:
        price -= tick
    return price if price > 0 else None


def unwind_limit(*, paid: Decimal, rate: Decimal, tick: Decimal, loss: Decimal) -> Decimal:
    """Return the lowest price on the tick at which selling a share that cost `paid` (fee included)
    loses no more than `loss` USD after its own fee.
    """
    price = max(money.ceil_tick(paid - loss, tick=tick), tick)
    while price - rate * price * (1 - price) < paid - loss and price < ONE - tick:
        price += tick
    return min(price, ONE - tick)


def _capped(
    found: Iterator[Step], first: Side, second: Side, *, caps: Caps | None
) -> Iterator[Step]:
    """Stop where one of the caps is reached; the last step is cut to fit."""
    if caps is None:
        yield from found
        return
    left = [_units(caps.first) * SIZES, _units(caps.second) * SIZES, _units(caps.total) * SIZES]
    for p, q, size in found:
        one, other = unit_cost(p, first.rate), unit_cost(q, second.rate)
        unit = (one, other, one + other)
        fit = min(size, *(room // each for room, each in zip(left, unit, strict=True)))
        if fit > 0:
            yield p, q, fit
        if fit < size:
            return
        left = [room - size * each for room, each in zip(left, unit, strict=True)]


def _whole_lots(found: Iterator[Step], lot: Decimal) -> list[Step]:
    """Cut the walk to a multiple of the lot, from its worst end."""
    taken = list(found)
    unit = int(lot * SIZES)
    over = sum([size for *_, size in taken]) % unit
    while over and taken:
        p, q, size = taken.pop()
        if size > over:
            taken.append((p, q, size - over))
            break
        over -= size
    return taken


def _leg(
    side: Side, found: Sequence[Step], place: int, fee: Callable[[Matches, Decimal], Decimal]
) -> Leg:
    by_price: dict[int, int] = {}
    for step in found:
        by_price[step[place]] = by_price.get(step[place], 0) + step[2]
    matches = [(Decimal(price).scaleb(-4), _shares(size)) for price, size in by_price.items()]
    cost = Decimal(sum([price * size for price, size in by_price.items()])).scaleb(-10)
    worst_price = max(by_price)
    depth = 0
    for price, size in side.asks:
        if price > worst_price:
            break
        depth += size
    return Leg(
        token=side.token,
        limit=Decimal(worst_price).scaleb(-4),
        average=cost / _shares(sum(by_price.values())),
        cost=cost,
        fee=fee(matches, side.fee_rate),
        depth=_shares(depth),
    )


def _polymarket_fee(matches: Matches, rate: Decimal) -> Decimal:
    return sum([taker_fee(price=p, shares=s, rate=rate) for p, s in matches], ZERO)


def _kalshi_fee(matches: Matches, rate: Decimal) -> Decimal:
    total, owed = ZERO, ZERO
    for price, shares in matches:
        model = money.ceil_micro(rate * shares * price * (1 - price))
        charged = kalshi_fees.charge(revenue=-price * shares, model=model, accumulated=owed)
        total, owed = total + charged.fee, charged.accumulated
    return total


def _units(dollars: Decimal) -> int:
    return int((dollars * UNIT).to_integral_value(ROUND_FLOOR))


def _shares(size: int) -> Decimal:
    return Decimal(size).scaleb(-6)
