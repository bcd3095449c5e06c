"""The receipt of a decision: its five factors in dollars, the cuts, and what was checked."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from risk.domain.gate import CHECKS
from risk.domain.reasons import ADVICE, Reason, kind
from trading.models import Decision
from venues.words import dollars, factor, percent, price
from web.queries import width_class

CHECK_WORDS = {
    Reason.STOPPED: "Nothing is stopped",
    Reason.OWN_WALLET: "Not our own wallet",
    Reason.FOLLOW_FILTER: "The follow's filter lets it pass",
    Reason.SIGNAL_OLD: "The trade is fresh",
    Reason.FACTS_MISSING: "The market's figures are known",
    Reason.MARKET_CLOSED: "The market is open",
    Reason.DUPLICATE: "Not copied already",
    Reason.WHALE_UNPROVEN: "The whale has a record",
    Reason.WHALE_QUALITY: "The whale is good enough",
    Reason.PRICE_MOVED: "The price has not run away",
    Reason.NO_EDGE: "There is an edge at the most we would pay",
    Reason.LIMIT_DAILY_TRADES: "Copies of the day",
    Reason.LIMIT_POSITIONS: "Number of positions",
}
AFTER = (
    (Reason.BREAKER_DAILY, "No breaker is open"),
    (Reason.TOO_SMALL, "The size is over the minimum, inside every limit"),
    (Reason.CONFIDENCE_LOW, "Confidence is high enough"),
    (Reason.LOSS_ROOM, "The loss limits have room for fee and spread"),
)
CAP_WORDS = {
    "max_position_pct": "most of equity in one position",
    "max_position_size": "most dollars in one position",
    "free_cash": "free cash",
    "max_total_exposure": "room under the total limit",
    "max_per_market": "room in this market",
    "max_per_category": "room in this category",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One bar of the waterfall."""

    name: str
    why: str
    factor: str
    dollars: Decimal
    width: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    words: str
    passed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    steps: list[Step]
    cuts: list[tuple[str, Decimal, bool]]  # limit, dollars, whether it bound
    checks: list[Checked]
    advice: str
    kind: str


def receipt(decision: Decision) -> Receipt:
    reason = Reason(decision.reason)
    return Receipt(
        steps=_steps(decision.factors, decision.inputs),
        cuts=_cuts(decision.factors),
        checks=_checks(decision, reason),
        advice=ADVICE.get(reason, ""),
        kind=kind(reason).value,
    )


def _steps(factors: dict[str, Any], inputs: dict[str, Any]) -> list[Step]:
    if not factors:
        return []
    why = {
        "whale": (
            f"score {float(inputs['quality']):.0f}, Sharpe {float(inputs['sharpe']):.1f}, "
            f"wins {float(inputs['win_rate']):.0f}%"
        ),
        "market": (
            f"{dollars(inputs['liquidity'])} liquid, {price(inputs['spread'])} spread, "
            f"{float(inputs['hours']):.0f} h"
        ),
        "risk": (
            f"drawdown {percent(inputs['drawdown'])}, day's loss {dollars(inputs['day_loss'])}, "
            f"{inputs['positions']} positions"
        ),
        "portfolio": f"{dollars(inputs['exposure'])} in use of {dollars(inputs['equity'])}",
    }
    running = Decimal(str(factors["base"]))
    rows = [
        (
            "Base Kelly",
            f"{percent(float(inputs['win_rate']) / 100)} against {price(inputs['price'])}, capped, "
            f"× {inputs['kelly_fraction'].rstrip('0')}",
            "",
            running,
        )
    ]
    for name in ("whale", "market", "risk", "portfolio"):
        running *= Decimal(str(factors[name]))
        rows.append((name.capitalize(), why[name], f"× {factor(factors[name])}", running))
    most = max(row[3] for row in rows)
    return [
        Step(name=name, why=words, factor=times, dollars=total, width=width_class(total, most))
        for name, words, times, total in rows
    ]


def _cuts(factors: dict[str, Any]) -> list[tuple[str, Decimal, bool]]:
    if not factors:
        return []
    wanted = Decimal(str(factors["wanted"]))
    caps = {name: Decimal(str(value)) for name, value in factors["caps"].items()}
    lowest = min(caps.values())
    return [
        (CAP_WORDS[name], room, room == lowest and room < wanted) for name, room in caps.items()
    ]


def _checks(decision: Decision, reason: Reason) -> list[Checked]:
    if decision.side != "BUY":
        return []
    names = [(code, CHECK_WORDS[code]) for code, _ in CHECKS] + list(AFTER)
    failed = _place(reason, [code for code, _ in names])
    return [
        Checked(words=words, passed=failed is None or number < failed)
        for number, (_, words) in enumerate(names)
        if failed is None or number <= failed
    ]


def _place(reason: Reason, codes: list[Reason]) -> int | None:
    if reason in (Reason.COPIED, Reason.CLOSED_BY_HAND):
        return None
    if reason in codes:
        return codes.index(reason)
    if reason.value.startswith("BREAKER"):
        return codes.index(Reason.BREAKER_DAILY)
    if reason in (Reason.LIVE_OFF, Reason.PAPER_OFF):
        return 0
    return codes.index(Reason.TOO_SMALL)
