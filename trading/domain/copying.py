"""FLOW 1's decision: one whale order, all accounts that follow the whale, at once and pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from risk.domain import breakers, gate, sizing
from risk.domain.breakers import Losses, Trip
from risk.domain.presets import Limits
from risk.domain.reasons import Reason, Refusal
from venues import money
from venues.money import ZERO
from venues.polymarket.fees import worst_cost_per_share
from venues.types import Side
from venues.words import dollars, factor, shares

Number = float | Decimal | int
MAX_LIMIT = Decimal("0.99")
MIN_LIMIT = Decimal("0.01")


@dataclass(frozen=True, slots=True, kw_only=True)
class WhaleFigures:
    """What sizing knows of a whale; assumed by hand or earned."""

    quality: float
    sharpe: float
    win_rate: float
    consistency: float
    recent_roi: float
    assumed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Chance:
    """The whale's order and its market, the same for every account."""

    whale: str
    own_wallet: bool
    side: Side
    price: Decimal  # what the whale paid or got, USD per share
    shares: Decimal
    at: datetime
    market: str
    category: str
    market_open: bool
    fee_rate: Decimal
    ask: Decimal | None
    spread: Decimal
    liquidity: Decimal
    volatility: float
    hours: float
    sold_fraction: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """One account at the moment of the decision."""

    account_id: UUID
    limits: Limits
    stopped: str
    stopped_all: str
    mode_refusal: Refusal | None
    follow_paused: bool
    copy_exits: bool
    categories: tuple[str, ...]
    size_factor: Decimal
    max_trade: Decimal | None
    figures: WhaleFigures | None
    seconds_since_copy: float | None
    copies_today: int
    open_trips: tuple[Trip, ...]
    cash: Decimal
    reserved: Decimal
    equity: Decimal
    high_water: Decimal
    positions: int
    exposure: Decimal
    market_exposure: Decimal
    category_exposure: Decimal
    losses: Losses
    sellable: Decimal = ZERO  # shares bought from this whale and not yet being sold

    @property
    def free_cash(self) -> Decimal:
        return self.cash - self.reserved

    @property
    def drawdown(self) -> float:
        if self.high_water <= 0:
            return 0.0
        return max(float((self.high_water - self.equity) / self.high_water), 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """An order to make."""

    side: Side
    limit_price: Decimal  # USD per share
    shares: Decimal
    worst_cost: Decimal  # USD; zero for a sale
    immediate_cost: Decimal = ZERO  # USD of fee and spread


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one account does about the whale's order, and all the words for it."""

    account_id: UUID
    reason: Reason
    sentence: str
    intent: Intent | None
    arithmetic: str
    size: Decimal
    confidence: float | None
    inputs: dict[str, Any]
    factors: dict[str, Any]
    assumed: bool
    trips: tuple[Trip, ...] = ()  # breakers that this decision found open for the first time


def decide_entries(
    chance: Chance, situations: Sequence[Situation], *, now: datetime
) -> list[Answer]:
    """Answer for every account; the order of the answers is that of the situations."""
    sized = [each for each in situations if each.figures is not None and chance.ask is not None]
    inputs = [_inputs(chance, each) for each in sized]
    sizes = sizing.per_account(
        sizing.size(
            sizing.inputs_from(inputs), sizing.settings_from([each.limits for each in sized])
        )
    )
    found = {
        each.account_id: (size, numbers)
        for each, size, numbers in zip(sized, sizes, inputs, strict=True)
    }
    return [_entry(chance, each, found.get(each.account_id), now=now) for each in situations]


def _entry(
    chance: Chance,
    each: Situation,
    sized: tuple[sizing.Size, dict[str, Number]] | None,
    *,
    now: datetime,
) -> Answer:
    trips = breakers.trips(each.losses, each.limits)
    fresh = tuple(
        trip for trip in trips if all(trip.kind is not known.kind for known in each.open_trips)
    )
    refusal = gate.before_sizing(_candidate(chance, each, trips=trips, now=now))
    if sized is None:
        missing = refusal or Refusal(reason=Reason.FACTS_MISSING, sentence="Nothing is known yet.")
        return replace(
            _plain(each, missing, inputs={"whale_price": str(chance.price)}), trips=fresh
        )
    return _answer(chance, each, refusal, sized, fresh)


def limit_price(chance: Chance, max_drift: Decimal) -> Decimal:
    """Return the most an entry pays: the whale's price plus the allowed drift, on the tick."""
    return min(money.floor_tick(chance.price + max_drift), MAX_LIMIT)


def worst_cost(*, limit: Decimal, shares: Decimal, fee_rate: Decimal) -> Decimal:
    """Return the most that shares bought at up to `limit` can cost, fee included, in cents."""
    return money.ceil_cents(shares * worst_cost_per_share(limit_price=limit, rate=fee_rate))


def decide_exit(chance: Chance, situation: Situation, *, now: datetime) -> Answer:
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
        return _plain(situation, refusal, inputs=inputs)
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


def _candidate(
    chance: Chance, each: Situation, *, trips: tuple[Trip, ...], now: datetime
) -> gate.Candidate:
    figures = each.figures
    return gate.Candidate(
        limits=each.limits,
        stopped=each.stopped,
        mode_refusal=each.mode_refusal,
        whale=chance.whale,
        own_wallet=chance.own_wallet,
        follow_paused=each.follow_paused,
        category=chance.category,
        categories=each.categories,
        signal_age=max(now - chance.at, timedelta(0)),
        market_open=chance.market_open,
        hours_to_close=chance.hours,
        seconds_since_copy=each.seconds_since_copy,
        open_trips=each.open_trips + trips,
        quality=figures.quality if figures else None,
        whale_price=chance.price,
        ask=chance.ask,
        max_drift=each.limits.max_price_drift,
        limit_price=limit_price(chance, each.limits.max_price_drift),
        win_rate=figures.win_rate if figures else 0.0,
        copies_today=each.copies_today,
        positions=each.positions,
        equity=each.equity,
    )


def _inputs(chance: Chance, each: Situation) -> dict[str, Number]:
    """Name every number that sizing reads; money as the safe side sees it, in whole cents."""
    assert each.figures is not None
    return {
        "price": limit_price(chance, each.limits.max_price_drift),
        "quality": each.figures.quality,
        "sharpe": each.figures.sharpe,
        "win_rate": each.figures.win_rate,
        "consistency": each.figures.consistency,
        "recent_roi": each.figures.recent_roi,
        "liquidity": chance.liquidity,
        "spread": chance.spread,
        "volatility": chance.volatility,
        "hours": chance.hours,
        "equity": money.floor_cents(each.equity),
        "free_cash": money.floor_cents(each.free_cash),
        "positions": each.positions,
        "exposure": money.ceil_cents(each.exposure),
        "market_exposure": money.ceil_cents(each.market_exposure),
        "category_exposure": money.ceil_cents(each.category_exposure),
        "drawdown": each.drawdown,
        "day_loss": each.losses.day_loss,
    }


def _answer(
    chance: Chance,
    each: Situation,
    refusal: Refusal | None,
    sized: tuple[sizing.Size, dict[str, Number]],
    trips: tuple[Trip, ...],
) -> Answer:
    found, numbers = sized
    size = _follow_size(each, found.size)
    intent = _intent(chance, each, size)
    refusal = refusal or gate.after_sizing(_sized(chance, each, found, size=size, intent=intent))
    return Answer(
        account_id=each.account_id,
        reason=refusal.reason if refusal else Reason.COPIED,
        sentence=refusal.sentence if refusal else _copied_words(intent, size),
        intent=None if refusal else intent,
        arithmetic=_arithmetic(found, size),
        size=size,
        confidence=round(found.confidence, 4),
        inputs={
            **numbers,  # Decimals become text where the row is written
            "whale_price": chance.price,
            "ask": chance.ask,
            "market_name": chance.market,
            "category": chance.category,
            "min_position_size": each.limits.min_position_size,
            "kelly_fraction": each.limits.kelly_fraction,
            "base_position_pct": each.limits.base_position_pct,
        },
        factors=_factors(found, each),
        assumed=each.figures.assumed if each.figures else False,
        trips=trips,
    )


def _follow_size(each: Situation, size: Decimal) -> Decimal:
    """Apply the follow's overrides, which only ever make a trade smaller."""
    size = money.floor_cents(size * each.size_factor)
    return size if each.max_trade is None else min(size, money.floor_cents(each.max_trade))


def _intent(chance: Chance, each: Situation, size: Decimal) -> Intent:
    limit = limit_price(chance, each.limits.max_price_drift)
    unit = worst_cost_per_share(limit_price=limit, rate=chance.fee_rate)
    bought = money.floor_shares(size / unit)
    fee = (unit - limit) * bought
    return Intent(
        side=Side.BUY,
        limit_price=limit,
        shares=bought,
        worst_cost=worst_cost(limit=limit, shares=bought, fee_rate=chance.fee_rate),
        immediate_cost=money.ceil_cents(fee + chance.spread * bought),
    )


def _sized(
    chance: Chance, each: Situation, found: sizing.Size, *, size: Decimal, intent: Intent
) -> gate.Sized:
    return gate.Sized(
        limits=each.limits,
        wanted=found.wanted,
        allowed=found.size,
        size=size,
        binding_cap=found.binding_cap,
        confidence=found.confidence,
        equity=each.equity,
        free_cash=each.free_cash,
        reserved=each.reserved,
        used={
            "max_total_exposure": each.exposure,
            "max_per_market": each.market_exposure,
            "max_per_category": each.category_exposure,
        },
        market=chance.market,
        category=chance.category,
        immediate_cost=intent.immediate_cost,
        losses=each.losses,
    )


def _factors(found: sizing.Size, each: Situation) -> dict[str, Any]:
    return {
        "base": round(found.base, 4),
        "whale": round(found.whale, 6),
        "market": round(found.market, 6),
        "risk": round(found.risk, 6),
        "portfolio": round(found.portfolio, 6),
        "wanted": found.wanted,
        "caps": {
            name: math.floor(100 * cap + 1e-6) / 100
            for name, cap in zip(sizing.CAPS, found.caps, strict=True)
        },
        "follow_factor": each.size_factor,
    }


def _arithmetic(found: sizing.Size, size: Decimal) -> str:
    """Say the sum as people write it; a factor of 1 is left out."""
    words = f"Base Kelly {dollars(found.base)} x whale {factor(found.whale)}"
    words += f" x market {factor(found.market)}"
    for name, value in (("risk", found.risk), ("portfolio", found.portfolio)):
        if round(value, 4) != 1:
            words += f" x {name} {factor(value)}"
    words += f" = {dollars(found.wanted)}"
    return words if size == found.wanted else f"{words}, cut to {dollars(size)}"


def _copied_words(intent: Intent, size: Decimal) -> str:
    return (
        f"Copied for {dollars(size)}: {shares(intent.shares)} up to "
        f"{100 * intent.limit_price:.1f}¢, which can cost {dollars(intent.worst_cost)} at most."
    )


def _plain(each: Situation, refusal: Refusal, *, inputs: dict[str, Any]) -> Answer:
    """Answer without sizing: an exit that is not made, or an entry whose facts are missing."""
    return Answer(
        account_id=each.account_id,
        reason=refusal.reason,
        sentence=refusal.sentence,
        intent=None,
        arithmetic="",
        size=ZERO,
        confidence=None,
        inputs=inputs,
        factors={},
        assumed=bool(each.figures and each.figures.assumed),
    )
