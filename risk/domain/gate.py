"""The pre-trade checks, in the order in which a person would want to hear of them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from risk.domain import breakers
from risk.domain.breakers import Losses, Trip
from risk.domain.presets import Limits
from risk.domain.reasons import Reason, Refusal
from venues.money import ZERO
from venues.words import dollars, duration, percent, price, wallet


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """An entry that one account might make, with all that the checks before sizing read."""

    limits: Limits
    stopped: str  # who stopped what, or empty
    mode_refusal: Refusal | None  # live trading off, paper off
    whale: str  # address
    own_wallet: bool
    follow_paused: bool
    category: str
    categories: tuple[str, ...]  # the follow's filter; empty lets all pass
    signal_age: timedelta
    market_open: bool
    hours_to_close: float
    seconds_since_copy: float | None  # of the same whale, market, outcome and side
    open_trips: tuple[Trip, ...]
    quality: float | None  # None: no settled bet yet
    whale_price: Decimal  # USD per share
    ask: Decimal | None  # USD per share, None when nothing is known of the market
    max_drift: Decimal  # USD per share
    limit_price: Decimal  # the most we would pay, USD per share
    win_rate: float  # percent
    copies_today: int
    positions: int  # open, and entries in flight
    equity: Decimal


Check = Callable[[Candidate], str | None]


def _stopped(c: Candidate) -> str | None:
    return c.stopped or None


def _own_wallet(c: Candidate) -> str | None:
    return (
        "This wallet trades from this server; we would chase ourselves." if c.own_wallet else None
    )


def _follow_filter(c: Candidate) -> str | None:
    if c.follow_paused:
        return "This follow is paused."
    if c.categories and c.category not in c.categories:
        return f"Outside this follow's filter: category {c.category}."
    return None


def _age(c: Candidate) -> str | None:
    if c.signal_age <= timedelta(seconds=c.limits.max_signal_age):
        return None
    return (
        f"The trade reached us {duration(c.signal_age)} after it happened; "
        f"your limit is {c.limits.max_signal_age} s."
    )


def _market(c: Candidate) -> str | None:
    if not c.market_open:
        return "This market is closed."
    if c.hours_to_close < float(c.limits.min_hours_to_close):
        return f"This market closes in {duration(timedelta(hours=max(c.hours_to_close, 0)))}."
    return None


def _facts(c: Candidate) -> str | None:
    if c.equity <= 0:
        return "This account is worth nothing, so nothing new is risked."
    return None if c.ask is not None else "No price of this outcome is known yet."


def _duplicate(c: Candidate) -> str | None:
    since = c.seconds_since_copy
    if since is None or since >= c.limits.duplicate_seconds:
        return None
    return f"The same whale, market and side was copied {since:.0f} s ago; one a minute."


def _unproven(c: Candidate) -> str | None:
    return None if c.quality is not None else f"{wallet(c.whale)} has no settled bet yet."


def _quality(c: Candidate) -> str | None:
    if c.quality is None or c.quality >= float(c.limits.min_whale_quality):
        return None
    return (
        f"{wallet(c.whale)} scores {c.quality:.0f}, you follow from "
        f"{c.limits.min_whale_quality.normalize():f}."
    )


def _drift(c: Candidate) -> str | None:
    if c.ask is None or c.ask <= c.whale_price + c.max_drift:
        return None
    return (
        f"The whale paid {price(c.whale_price)}, the ask is {price(c.ask)}: "
        f"{price(c.ask - c.whale_price)} more, your limit is {price(c.max_drift)}."
    )


def _edge(c: Candidate) -> str | None:
    if c.win_rate / 100 > c.limit_price:
        return None
    return (
        f"At {price(c.limit_price)} this must win more than "
        f"{percent(c.limit_price)} of the time; the whale wins {percent(c.win_rate / 100)}."
    )


def _daily_copies(c: Candidate) -> str | None:
    most = c.limits.max_daily_copies
    return f"{c.copies_today} of {most} trades today." if _reached(c.copies_today, most) else None


def _positions(c: Candidate) -> str | None:
    most = c.limits.max_positions
    return f"{c.positions} of {most} positions open." if _reached(c.positions, most) else None


def _reached(count: int, most: int | None) -> bool:
    return most is not None and count >= most


CHECKS: tuple[tuple[Reason, Check], ...] = (
    (Reason.STOPPED, _stopped),
    (Reason.OWN_WALLET, _own_wallet),
    (Reason.FOLLOW_FILTER, _follow_filter),
    (Reason.SIGNAL_OLD, _age),
    (Reason.FACTS_MISSING, _facts),
    (Reason.MARKET_CLOSED, _market),
    (Reason.DUPLICATE, _duplicate),
    (Reason.WHALE_UNPROVEN, _unproven),
    (Reason.WHALE_QUALITY, _quality),
    (Reason.PRICE_MOVED, _drift),
    (Reason.NO_EDGE, _edge),
    (Reason.LIMIT_DAILY_TRADES, _daily_copies),
    (Reason.LIMIT_POSITIONS, _positions),
)


def before_sizing(candidate: Candidate) -> Refusal | None:
    """Return the first reason against this entry, or None."""
    if candidate.mode_refusal:
        return candidate.mode_refusal
    for reason, check in CHECKS:
        sentence = check(candidate)
        if sentence:
            return Refusal(reason=reason, sentence=sentence)
    if candidate.open_trips:
        return breakers.refusal(candidate.open_trips[0])
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sized:
    """What the checks after sizing read of one account."""

    limits: Limits
    wanted: Decimal  # USD, the product of the five steps
    allowed: Decimal  # USD, after the hard limits
    size: Decimal  # USD, after the follow's own overrides too
    binding_cap: str  # the limit that cut most, a name of sizing.CAPS
    confidence: float
    equity: Decimal
    free_cash: Decimal
    reserved: Decimal
    used: dict[str, Decimal]  # USD in use, by the name of the exposure limit
    market: str
    category: str
    immediate_cost: Decimal  # USD of fee and spread
    losses: Losses


CAP_REASONS = {
    "max_position_pct": Reason.LIMIT_POSITION,
    "max_position_size": Reason.LIMIT_POSITION,
    "free_cash": Reason.CASH_SHORT,
    "max_total_exposure": Reason.LIMIT_TOTAL,
    "max_per_market": Reason.LIMIT_MARKET,
    "max_per_category": Reason.LIMIT_CATEGORY,
}


def after_sizing(sized: Sized) -> Refusal | None:
    """Return why this size may not be traded, or None. A small size is never raised."""
    minimum = sized.limits.min_position_size
    if sized.size < minimum:
        if sized.allowed >= minimum:
            return Refusal(
                reason=Reason.TOO_SMALL,
                sentence=(
                    f"This follow cuts {dollars(sized.allowed)} to {dollars(sized.size)}, under "
                    f"your minimum of {dollars(minimum)}. We never round up."
                ),
            )
        if sized.wanted >= minimum:
            return Refusal(reason=CAP_REASONS[sized.binding_cap], sentence=_cap_words(sized))
        return Refusal(
            reason=Reason.TOO_SMALL,
            sentence=(
                f"The five factors allow {dollars(sized.wanted)}, under your minimum of "
                f"{dollars(minimum)}. We never round up."
            ),
        )
    if sized.confidence < float(sized.limits.min_confidence):
        return Refusal(
            reason=Reason.CONFIDENCE_LOW,
            sentence=(
                f"Confidence is {sized.confidence:.0f}, you ask for "
                f"{sized.limits.min_confidence.normalize():f}."
            ),
        )
    return breakers.loss_room(sized.losses, sized.limits, immediate_cost=sized.immediate_cost)


def _cap_words(sized: Sized) -> str:
    cap = sized.binding_cap
    if cap == "free_cash":
        return (
            f"Free cash is {dollars(sized.free_cash)} ({dollars(sized.reserved)} is held); "
            f"this needs {dollars(sized.wanted)}."
        )
    if cap in ("max_position_pct", "max_position_size"):
        return (
            f"A position may cost {dollars(sized.size)} at most, under your minimum of "
            f"{dollars(sized.limits.min_position_size)}."
        )
    who = {"max_per_market": sized.market, "max_per_category": sized.category}.get(cap, "In all it")
    return (
        f"{who} holds {dollars(sized.used.get(cap, ZERO))}, your limit is "
        f"{percent(getattr(sized.limits, cap))} of {dollars(sized.equity)}."
    )
