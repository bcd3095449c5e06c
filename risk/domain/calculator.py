"""Sizing by the symbols of reference/sizing.md, for the `size` command and the rehearsal pages."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from decimal import Decimal
from typing import Any

from risk.domain import sizing
from risk.domain.gate import CAP_REASONS
from risk.domain.presets import PRESETS, Limits
from risk.domain.reasons import Reason
from venues.words import dollars, factor

SYMBOLS = {
    "price": "price",
    "q": "quality",
    "s": "sharpe",
    "w": "win_rate",
    "c": "consistency",
    "r": "recent_roi",
    "L": "liquidity",
    "sp": "spread",
    "v": "volatility",
    "h": "hours",
    "E": "equity",
    "A": "free_cash",
    "n": "positions",
    "X": "exposure",
    "Xm": "market_exposure",
    "Xc": "category_exposure",
    "dd": "drawdown",
    "dl": "day_loss",
}
RANGES: dict[str, tuple[float, float]] = {
    "price": (0, 1),
    "q": (0, 100),
    "w": (0, 100),
    "c": (0, 100),
    "L": (0, math.inf),
    "sp": (0, 1),
    "v": (0, math.inf),
    "h": (-math.inf, math.inf),
    "E": (0, 1e12),
    "A": (-1e12, 1e12),
    "n": (0, 1e6),
    "X": (0, 1e12),
    "Xm": (0, 1e12),
    "Xc": (0, 1e12),
    "dd": (0, 1),
    "dl": (0, 1e12),
}


class BadCase(ValueError):
    """An input that cannot be sized; the text says which, what and why."""


def size_cases(cases: Sequence[Any]) -> list[dict[str, Any]]:
    """Answer each case with its factors, its size in dollars and whether it would be traded.

    A case holds the symbols, and optionally `preset` (a name) or `settings` (the table's names).
    """
    if not cases:
        return []
    inputs = [_inputs(number, case) for number, case in enumerate(cases, start=1)]
    limits = [_limits(number, case) for number, case in enumerate(cases, start=1)]
    sizes = sizing.size(sizing.inputs_from(inputs), sizing.settings_from(limits))
    return [
        _answer(found, each, limit)
        for found, each, limit in zip(sizing.per_account(sizes), inputs, limits, strict=True)
    ]


def _answer(found: sizing.Size, inputs: Mapping[str, float], limits: Limits) -> dict[str, Any]:
    reasons = _reasons(found, inputs, limits)
    words = (
        f"Base Kelly {dollars(found.base)} x whale {factor(found.whale)} "
        f"x market {factor(found.market)} x risk {factor(found.risk)} "
        f"x portfolio {factor(found.portfolio)} = {dollars(found.wanted)}"
    )
    return {
        "base": round(found.base, 6),
        "whale_multiplier": round(found.whale, 6),
        "market_multiplier": round(found.market, 6),
        "risk_multiplier": round(found.risk, 6),
        "portfolio_multiplier": round(found.portfolio, 6),
        "size_usd": float(found.size),
        "confidence": round(found.confidence, 6),
        "accepted": not reasons,
        "reasons": [reason.value for reason in reasons],
        "notes": _notes(inputs, limits),
        "words": words if found.size == found.wanted else f"{words}, cut to {dollars(found.size)}",
    }


def _notes(inputs: Mapping[str, float], limits: Limits) -> list[str]:
    """Name what a follow would refuse although the size itself is fine: the whale, not the sum."""
    low = inputs["quality"] < float(limits.min_whale_quality)
    return [Reason.WHALE_QUALITY.value] if low else []


def _reasons(found: sizing.Size, inputs: Mapping[str, float], limits: Limits) -> list[Reason]:
    reasons = []
    if inputs["win_rate"] / 100 <= inputs["price"]:
        reasons.append(Reason.NO_EDGE)
    if inputs["positions"] >= limits.max_positions:
        reasons.append(Reason.LIMIT_POSITIONS)
    if found.size < limits.min_position_size:
        cut = found.wanted >= limits.min_position_size
        reasons.append(CAP_REASONS[found.binding_cap] if cut else Reason.TOO_SMALL)
    if found.confidence < float(limits.min_confidence):
        reasons.append(Reason.CONFIDENCE_LOW)
    return reasons


def _inputs(number: int, case: Any) -> dict[str, float]:
    if not isinstance(case, dict):
        raise BadCase(f"Case {number} is not a JSON object.")
    unknown = set(case) - set(SYMBOLS) - {"preset", "settings"}
    if unknown:
        raise BadCase(f"Case {number}: unknown key {sorted(unknown)[0]!r}.")
    missing = [symbol for symbol in SYMBOLS if symbol not in case]
    if missing:
        raise BadCase(f"Case {number}: {', '.join(missing)} missing.")
    return {SYMBOLS[symbol]: _number(number, symbol, case[symbol]) for symbol in SYMBOLS}


def _number(number: int, symbol: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise BadCase(f"Case {number}: {symbol} is not a number.")
    try:
        parsed = float(value)
    except (ValueError, OverflowError):
        raise BadCase(f"Case {number}: {symbol} {value!r} is not a number.") from None
    low, high = RANGES.get(symbol, (-1e9, 1e9))
    inside = low < parsed < high if symbol == "price" else low <= parsed <= high
    if not math.isfinite(parsed) or not inside:
        raise BadCase(f"Case {number}: {symbol} {parsed} is not between {low} and {high}.")
    return parsed


def _limits(number: int, case: Mapping[str, Any]) -> Limits:
    name = case.get("preset", "default")
    if not isinstance(name, str) or name not in PRESETS:
        raise BadCase(f"Case {number}: preset {name!r} is none of {', '.join(PRESETS)}.")
    given = case.get("settings") or {}
    if not isinstance(given, dict):
        raise BadCase(f"Case {number}: settings is not a JSON object.")
    known = {field.name: field for field in fields(Limits)}
    changes: dict[str, Any] = {}
    for key, value in given.items():
        if key not in known:
            raise BadCase(f"Case {number}: there is no setting {key!r}.")
        parsed = _number(number, key, value)
        if parsed <= 0 and key not in ("min_whale_quality", "min_confidence"):
            raise BadCase(f"Case {number}: {key} must be over 0.")
        whole = not isinstance(getattr(PRESETS[name], key), Decimal)
        if whole and parsed != int(parsed):
            raise BadCase(f"Case {number}: {key} is a whole number, not {parsed}.")
        changes[key] = int(parsed) if whole else Decimal(str(value))
    return replace(PRESETS[name], **changes)
