"""The limits of pair trades, and the gate that every opportunity passes for every account.

Source of the bounds: failure-modes.md section 4; of the reserves: game-rules.md section 6. Bet
amount, minimum ROI, position size, trades a day and daily loss are those of `presets.Limits`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from risk.domain.presets import Limits
from risk.domain.reasons import Reason, Refusal
from venues.money import ZERO
from venues.words import dollars, percent, price, shares


@dataclass(frozen=True, slots=True, kw_only=True)
class PairLimits:
    """Every bound of a pair trade. Money is in dollars, edges are USD a share, times seconds."""

    leagues: tuple[str, ...] = ("NBA", "NFL", "NHL")
    accept_standard: tuple[str, ...] = ()  # leagues whose standard shape needs no own approval
    excluded: tuple[str, ...] = ()  # teams (`NBA:LAL`), games (`LAL@BOS`) or slugs
    min_lifetime: Decimal = Decimal("1")  # of an opportunity
    max_worst_loss: Decimal = Decimal("60")  # in the worst branch, Polymarket's leg held
    max_edge: Decimal = Decimal("0.10")  # a part of the capital: more is too good to be true
    reserve_nba: Decimal = Decimal("0.005")
    reserve_nfl: Decimal = Decimal("0.006")
    reserve_nhl: Decimal = Decimal("0.005")
    max_book_age: Decimal = Decimal("1.5")
    depth_multiple: int = 2  # of Kalshi's depth over what is hedged there
    fok_multiple: int = 3  # of Polymarket's depth, from which all or nothing is asked for
    max_delay: int = 3  # for which Polymarket may hold an order that takes
    trade_in_play: bool = False
    quiet_seconds: int = 120  # before a start or a pause, in which no pair begins
    max_unhedged: Decimal = Decimal("50")
    max_unhedged_part: Decimal = Decimal("0.01")  # of the equity
    max_provisional: Decimal = Decimal("200")  # matched on Polymarket and not settled yet
    hedge_loss: Decimal = Decimal("0.04")  # a share: how far a hedge or an unwind may go
    hedge_tries: int = 3
    hedge_soft: Decimal = Decimal("5")  # then only the last price is tried
    hedge_hard: Decimal = Decimal("15")  # then the first leg is sold
    unknown_wait: Decimal = Decimal("3")  # before evidence of a doubtful first leg is hedged
    unwind_tries: int = 3
    unwind_wait: Decimal = Decimal("120")  # for shares that are not settled, before a person is

    def reserve(self, league: str) -> Decimal:
        """Return USD a share taken off an edge; an unknown league has the largest."""
        known: dict[str, Decimal] = {
            "NBA": self.reserve_nba,
            "NFL": self.reserve_nfl,
            "NHL": self.reserve_nhl,
        }
        return known.get(league, max(known.values()))


DEFAULT_PAIRS = PairLimits()


@dataclass(frozen=True, slots=True, kw_only=True)
class PairCandidate:
    """An opportunity as one account meets it, with all that the gate reads."""

    limits: Limits
    bounds: PairLimits
    mode_refusal: Refusal | None
    stopped: str
    keys_missing: str  # why a venue cannot be reached for this account, or empty
    trips: Refusal | None  # an open breaker
    league: str
    names: frozenset[str]  # by which a user may exclude it
    delay: int  # seconds
    frozen: str
    blocked: str
    is_approved: bool
    provisional: Decimal  # USD matched on Polymarket that the chain has not confirmed
    markets_open: bool
    fees_known: bool
    seconds_to_start: float
    pause: str  # of a venue, in words
    book_age: float | None  # seconds, of the older book; None where one is missing
    is_busy: bool  # a pair trade of this game runs on this account
    has_open_leg: bool  # of another pair on this account
    server_legs: str  # why the server starts no more, or empty
    pairs_today: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PairSize:
    """What the caps leave of an opportunity for one account."""

    roi: Decimal  # a part of the capital, after fees, reserve and the leg risk
    raw_roi: Decimal  # after fees and reserve
    worst_loss: Decimal
    worst_branch: str
    worst_pays: Decimal  # USD a share
    too_small: str  # for a venue, in words, or empty
    lasted: float  # seconds, of the route
    was_traded: bool  # this stretch of the route, by this account


Check = Callable[[PairCandidate], str | None]


def _excluded(c: PairCandidate) -> str | None:
    if c.league not in c.bounds.leagues:
        return f"{c.league} is off."
    found = sorted(c.names & {name.casefold() for name in c.bounds.excluded})
    if found:
        return f"On your exclusion list: {found[0]}."
    if c.delay > c.bounds.max_delay:
        return (
            f"The venue delays matching in this market by {c.delay} s; you allow "
            f"{c.bounds.max_delay} s."
        )
    return None


def _game_time(c: PairCandidate) -> str | None:
    if not c.markets_open or not c.fees_known:
        return "One of the two markets takes no orders now."
    if not c.bounds.trade_in_play and c.seconds_to_start < c.bounds.quiet_seconds:
        return "The game has begun, or begins within moments."
    return None


def _book_age(c: PairCandidate) -> str | None:
    if c.book_age is None:
        return "A book of the pair is not known now."
    if c.book_age > float(c.bounds.max_book_age):
        return (
            f"The book is {c.book_age:.1f} s old; we trade on books up to "
            f"{c.bounds.max_book_age.normalize():f} s."
        )
    return None


def _unsettled(c: PairCandidate) -> str | None:
    if c.provisional < c.bounds.max_provisional:
        return None
    return (
        f"${c.provisional:.2f} are matched on Polymarket and not settled yet; you allow "
        f"${c.bounds.max_provisional:.2f}."
    )


def _daily(c: PairCandidate) -> str | None:
    most = c.limits.max_daily_pairs
    return f"{c.pairs_today} of {most} trades today." if c.pairs_today >= most else None


CHECKS: tuple[tuple[Reason, Check], ...] = (
    (Reason.STOPPED, lambda c: c.stopped or None),
    (Reason.KEY_MISSING, lambda c: c.keys_missing or None),
    (Reason.EXCLUDED, _excluded),
    (Reason.PAIR_CHANGED, lambda c: c.blocked or c.frozen or None),
    (
        Reason.PAIR_UNAPPROVED,
        lambda c: (
            None if c.is_approved else "Nobody has approved that both contracts settle alike."
        ),
    ),
    (Reason.MARKET_CLOSED, _game_time),
    (Reason.VENUE_PAUSE, lambda c: c.pause or None),
    (Reason.BOOK_OLD, _book_age),
    (
        Reason.GAME_BUSY,
        lambda c: "One trade per game and account; one is running." if c.is_busy else None,
    ),
    (
        Reason.LEG_OPEN,
        lambda c: (
            "Another pair has one side open; no new pair until it is hedged or flat."
            if c.has_open_leg
            else (c.server_legs or None)
        ),
    ),
    (Reason.STILL_SETTLING, _unsettled),
    (Reason.LIMIT_DAILY_TRADES, _daily),
)


def before_sizing(c: PairCandidate) -> Refusal | None:
    """Return the first reason against this opportunity for this account, or None."""
    if c.mode_refusal:
        return c.mode_refusal
    for reason, check in CHECKS:
        sentence = check(c)
        if sentence:
            return Refusal(reason=reason, sentence=sentence)
    return c.trips


def after_sizing(size: PairSize, limits: Limits, bounds: PairLimits) -> Refusal | None:
    """Return why this size may not be traded, or None. A small size is never raised."""
    if size.was_traded:
        return Refusal(
            reason=Reason.GAME_BUSY, sentence="This stretch of the opportunity was traded already."
        )
    if size.lasted < float(bounds.min_lifetime):
        least_s = bounds.min_lifetime.normalize()
        return Refusal(
            reason=Reason.EDGE_BRIEF,
            sentence=f"It lasted {size.lasted:.1f} s; you ask for {least_s:f} s.",
        )
    if size.raw_roi > bounds.max_edge:
        return Refusal(
            reason=Reason.EDGE_TOO_GOOD,
            sentence=f"{percent(size.raw_roi)} after fees is more likely a wrong pair or a dead "
            "book than a gift.",
        )
    if size.too_small:
        return Refusal(reason=Reason.DEPTH_SHORT, sentence=size.too_small)
    least = limits.min_roi / 100
    if size.roi < least:
        return Refusal(
            reason=Reason.EDGE_SMALL,
            sentence=f"{percent(size.roi)} after fees, reserve and leg risk; you ask for "
            f"{percent(least)}.",
        )
    if size.worst_loss > bounds.max_worst_loss:
        return Refusal(
            reason=Reason.PAIR_WORST,
            sentence=f"If {size.worst_branch}, the pair pays {price(size.worst_pays)}: "
            f"{dollars(-size.worst_loss, signed=True)}, your limit is "
            f"{dollars(bounds.max_worst_loss)}.",
        )
    return None


def no_size(
    *, wanted: Decimal, depth: Decimal, bounds: PairLimits, short_of: tuple[str, Decimal] | None
) -> Refusal:
    """Say why not one share of an opportunity can be had: no cash in one place, or no depth."""
    if short_of is not None:
        place, has = short_of
        return Refusal(
            reason=Reason.OTHER_CASH,
            sentence=f"{place} has {dollars(max(has, ZERO))} free; this needs {dollars(wanted)}.",
        )
    return Refusal(
        reason=Reason.DEPTH_SHORT,
        sentence=f"Kalshi offers {shares(depth)} at that price; we want "
        f"{bounds.depth_multiple} times what we hedge.",
    )
