"""The five steps from a whale's trade to a size, for one account or a million at once.

Formulas: reference/sizing.md. Ratios are float arrays; money crosses back in `venues.money`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from decimal import Decimal
from functools import reduce

import numpy as np

from risk.domain.presets import Limits
from venues.money import Floats, dollars_from_cents, floor_cents_array, nearest_cents_array

# The settings that sizing reads, in the table's own names.
SETTINGS = (
    "base_position_pct",
    "max_position_pct",
    "kelly_fraction",
    "max_positions",
    "min_position_size",
    "max_position_size",
    "max_total_exposure",
    "max_per_market",
    "max_per_category",
    "min_liquidity",
    "max_spread",
)
# The hard limits, in the order in which a tie is blamed.
CAPS = (
    "max_position_pct",
    "max_position_size",
    "free_cash",
    "max_total_exposure",
    "max_per_market",
    "max_per_category",
)


# The C library gives freed memory back to the system at once until it has seen a large block freed;
# from then on arrays reuse warm pages.
np.empty(2_000_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What sizing reads; each field is an array of one value for each account."""

    price: Floats  # USD per share
    quality: Floats  # whale score, 0..100
    sharpe: Floats
    win_rate: Floats  # percent
    consistency: Floats  # 0..100, 50 is neutral
    recent_roi: Floats  # percent
    liquidity: Floats  # USD
    spread: Floats  # USD per share
    volatility: Floats  # fraction
    hours: Floats  # until the market closes
    equity: Floats  # USD
    free_cash: Floats  # USD
    positions: Floats  # open positions and entries in flight
    exposure: Floats  # USD at open cost, orders in flight included
    market_exposure: Floats
    category_exposure: Floats
    drawdown: Floats  # fraction under the equity high-water mark
    day_loss: Floats  # USD, 0 when the day is up


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """The answer, factor by factor; money in whole cents."""

    base: Floats  # USD
    whale: Floats
    market: Floats
    risk: Floats
    portfolio: Floats
    wanted_cents: Floats  # the product of the five, before any hard limit
    size_cents: Floats  # after the hard limits, before the minimum-size rule
    caps: tuple[Floats, ...]  # USD, one array for each of CAPS
    confidence: Floats  # 0..100


def inputs_from(rows: Sequence[Mapping[str, float | Decimal | int]]) -> Inputs:
    return Inputs(
        **{
            field.name: np.array([float(row[field.name]) for row in rows])
            for field in fields(Inputs)
        }
    )


def settings_from(limits: Sequence[Limits]) -> dict[str, Floats]:
    return {name: np.array([float(getattr(limit, name)) for limit in limits]) for name in SETTINGS}


def size(inputs: Inputs, settings: Mapping[str, Floats]) -> Sizes:
    """Return sizes, factors and confidence for every account at once."""
    base = base_kelly(inputs, settings)
    whale = whale_multiplier(inputs)
    market = market_multiplier(inputs, settings)
    risk = risk_multiplier(inputs, settings)
    portfolio = portfolio_multiplier(inputs, settings)
    wanted = nearest_cents_array(base * whale * market * risk * portfolio)
    caps = _caps(inputs, settings)
    return Sizes(
        base=base,
        whale=whale,
        market=market,
        risk=risk,
        portfolio=portfolio,
        wanted_cents=wanted,
        size_cents=np.minimum(wanted, floor_cents_array(reduce(np.minimum, caps))),
        caps=caps,
        confidence=confidence(inputs, whale * market * risk * portfolio),
    )


def base_kelly(inputs: Inputs, settings: Mapping[str, Floats]) -> Floats:
    edge = (inputs.win_rate / 100 - inputs.price) / (1 - inputs.price)
    kelly = np.minimum(np.maximum(edge, 0), 2 * settings["base_position_pct"])
    return np.maximum(inputs.equity, 0) * kelly * settings["kelly_fraction"]


def whale_multiplier(inputs: Inputs) -> Floats:
    raw = (
        0.5
        + inputs.quality / 100
        + np.minimum(np.maximum(inputs.sharpe, 0) / 10, 0.3)
        + 0.5 * np.maximum(inputs.win_rate - 60, 0) / 100
        + np.clip(inputs.recent_roi / 1000, -0.2, 0.2)
        + (inputs.consistency - 50) / 1000
    )
    return np.clip(raw, 0.5, 2.0)


def market_multiplier(inputs: Inputs, settings: Mapping[str, Floats]) -> Floats:
    liquidity = np.where(
        inputs.liquidity < settings["min_liquidity"],
        0.5,
        0.7 + 0.5 * np.minimum(inputs.liquidity / 100_000, 1),
    )
    spread = 0.2 * np.minimum(inputs.spread / settings["max_spread"], 1)
    return np.clip(liquidity - spread + np.minimum(inputs.hours / 1152, 0.1), 0.5, 1.5)


def risk_multiplier(inputs: Inputs, settings: Mapping[str, Floats]) -> Floats:
    day_loss = _ratio(inputs.day_loss, inputs.equity)
    limit = settings["max_positions"]
    drawdown = np.where(inputs.drawdown > 0.10, 1 - np.minimum(inputs.drawdown, 0.5), 1.0)
    day = np.where(day_loss > 0.05, 1 - np.minimum(2 * day_loss, 0.5), 1.0)
    volatility = np.where(
        inputs.volatility > 0.3, 1 - np.minimum(2 * (inputs.volatility - 0.3), 0.3), 1.0
    )
    crowded = 1 - 0.3 * (inputs.positions - 0.75 * limit) / (0.25 * limit)
    count = np.where(inputs.positions > 0.75 * limit, np.maximum(crowded, 0.7), 1.0)
    return drawdown * day * volatility * count


def portfolio_multiplier(inputs: Inputs, settings: Mapping[str, Floats]) -> Floats:
    total = _taper(inputs.exposure, inputs, settings["max_total_exposure"], start=0.9, most=0.8)
    market = _taper(inputs.market_exposure, inputs, settings["max_per_market"], start=0.8, most=0.9)
    category = _taper(
        inputs.category_exposure, inputs, settings["max_per_category"], start=0.8, most=0.7
    )
    full = inputs.positions >= settings["max_positions"]
    return np.where(full, 0.0, total * market * category)


def confidence(inputs: Inputs, multipliers: Floats) -> Floats:
    raw = (
        0.5 * inputs.quality
        + 15 * np.minimum(inputs.liquidity / 50_000, 1)
        + 15 * np.maximum(1 - inputs.spread / 0.05, 0)
        + 10 * multipliers
    )
    capped: Floats = np.minimum(raw, 100)
    return capped


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """One account's part of the answer, in plain numbers."""

    base: float  # USD
    whale: float
    market: float
    risk: float
    portfolio: float
    wanted: Decimal  # USD
    size: Decimal  # USD
    caps: tuple[float, ...]  # USD, in the order of CAPS
    confidence: float

    @property
    def binding_cap(self) -> str:
        """Name the hard limit that cuts most."""
        return CAPS[self.caps.index(min(self.caps))]


def per_account(sizes: Sizes) -> list[Size]:
    """Take the arrays apart, one Size for each account."""
    columns = zip(
        sizes.base.tolist(),
        sizes.whale.tolist(),
        sizes.market.tolist(),
        sizes.risk.tolist(),
        sizes.portfolio.tolist(),
        sizes.wanted_cents.tolist(),
        sizes.size_cents.tolist(),
        zip(*(cap.tolist() for cap in sizes.caps), strict=True),
        sizes.confidence.tolist(),
        strict=True,
    )
    return [
        Size(
            base=base,
            whale=whale,
            market=market,
            risk=risk,
            portfolio=portfolio,
            wanted=dollars_from_cents(wanted),
            size=dollars_from_cents(size),
            caps=caps,
            confidence=confidence,
        )
        for base, whale, market, risk, portfolio, wanted, size, caps, confidence in columns
    ]


def _taper(used: Floats, inputs: Inputs, limit: Floats, *, start: float, most: float) -> Floats:
    share = _ratio(used, inputs.equity)
    over = (share - start * limit) / ((1 - start) * limit)
    return np.where(share > start * limit, 1 - np.minimum(over, most), 1.0)


def _ratio(part: Floats, whole: Floats) -> Floats:
    """Return part / whole; anything is too much of an account that is worth nothing."""
    if whole.min(initial=1.0) > 0:
        return part / whole
    safe = np.where(whole > 0, whole, 1.0)
    return np.where(whole > 0, part / safe, np.where(part > 0, np.inf, 0.0))


def _caps(inputs: Inputs, settings: Mapping[str, Floats]) -> tuple[Floats, ...]:
    room = (
        settings["max_position_pct"] * inputs.equity,
        settings["max_position_size"],
        inputs.free_cash,
        settings["max_total_exposure"] * inputs.equity - inputs.exposure,
        settings["max_per_market"] * inputs.equity - inputs.market_exposure,
        settings["max_per_category"] * inputs.equity - inputs.category_exposure,
    )
    return tuple(np.maximum(each, 0) for each in room)
