"""FLOW 1's decision on a purchase: pure, all accounts that follow the whale at once."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from risk.domain import breakers, gate, sizing
from risk.domain.breakers import Trip
from risk.domain.reasons import Reason, Refusal
from trading.domain.situation import Answer, Chance, Intent, Situation, plain
from venues import money
from venues.polymarket.fees import worst_cost_per_share
from venues.types import Side
from venues.words import dollars, factor, shares

Number = float | Decimal | int
MAX_LIMIT = Decimal("0.99")


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What an entry may pay, USD per share."""

    limit: Decimal
    unit: Decimal  # the limit and the fee of a share bought at it


def decide_entries(
    chance: Chance, situations: Sequence[Situation], *, now: datetime
) -> list[Answer]:
    """Answer for every account; the order of the answers is that of the situations."""
    terms = {
        drift: _terms(chance, drift)
        for drift in {each.limits.max_price_drift for each in situations}
    }
    sized = [each for each in situations if each.figures is not None and chance.ask is not None]
    inputs = [_inputs(chance, each, terms[each.limits.max_price_drift]) for each in sized]
    sizes = sizing.per_account(
        sizing.size(
            sizing.inputs_from(inputs), sizing.settings_from([each.limits for each in sized])
        )
    )
    found = {
        each.account_id: (size, numbers)
        for each, size, numbers in zip(sized, sizes, inputs, strict=True)
    }
    return [
        _entry(
            chance,
            each,
            terms[each.limits.max_price_drift],
            found.get(each.account_id),
            now=now,
        )
        for each in situations
    ]


def limit_price(price: Decimal, max_drift: Decimal) -> Decimal:
    """Return the most an entry pays: the whale's price plus the allowed drift, on the tick."""
    return min(money.floor_tick(price + max_drift), MAX_LIMIT)


def worst_cost(*, limit: Decimal, shares: Decimal, fee_rate: Decimal) -> Decimal:
    """Return the most that shares bought at up to `limit` can cost, fee included, in cents."""
    return money.ceil_cents(shares * worst_cost_per_share(limit_price=limit, rate=fee_rate))


def _terms(chance: Chance, max_drift: Decimal) -> Terms:
    limit = limit_price(chance.price, max_drift)
    return Terms(limit=limit, unit=worst_cost_per_share(limit_price=limit, rate=chance.fee_rate))


def _entry(
    chance: Chance,
    each: Situation,
    terms: Terms,
    sized: tuple[sizing.Size, dict[str, Number]] | None,
    *,
    now: datetime,
) -> Answer:
    trips = breakers.trips(each.losses, each.limits)
    fresh = tuple(
        trip for trip in trips if all(trip.kind is not known.kind for known in each.open_trips)
    )
    refusal = gate.before_sizing(_candidate(chance, each, terms, trips=trips, now=now))
    if sized is None:
        missing = refusal or Refusal(reason=Reason.FACTS_MISSING, sentence="Nothing is known yet.")
        return replace(plain(each, missing, inputs={"whale_price": str(chance.price)}), trips=fresh)
    return _answer(chance, each, terms, sized, refusal=refusal, trips=fresh)


def _candidate(
    chance: Chance, each: Situation, terms: Terms, *, trips: tuple[Trip, ...], now: datetime
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
        limit_price=terms.limit,
        win_rate=figures.win_rate if figures else 0.0,
        copies_today=each.copies_today,
        positions=each.positions,
        equity=each.equity,
    )


def _inputs(chance: Chance, each: Situation, terms: Terms) -> dict[str, Number]:
    """Name every number that sizing reads; money as the safe side sees it, in whole cents."""
    assert each.figures is not None
    return {
        "price": terms.limit,
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
    terms: Terms,
    sized: tuple[sizing.Size, dict[str, Number]],
    *,
    refusal: Refusal | None,
    trips: tuple[Trip, ...],
) -> Answer:
    found, numbers = sized
    size = _follow_size(each, found.size)
    intent = _intent(chance, terms, size)
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


def _intent(chance: Chance, terms: Terms, size: Decimal) -> Intent:
    bought = money.floor_shares(size / terms.unit)
    fee = (terms.unit - terms.limit) * bought
    return Intent(
        side=Side.BUY,
        limit_price=terms.limit,
        shares=bought,
        worst_cost=money.ceil_cents(bought * terms.unit),
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
