"""Whale quality, 0 to 100, from a track record (reference: sizing.md, "Whale quality score").

The ratios are annualised over daily returns of days with money at risk, and shrunk towards zero
skill by `n / (n + 50)` for n settled bets, so that a short lucky streak does not saturate them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

import numpy as np

from venues.money import Floats
from whales.domain.track_record import TrackRecord

DAYS_A_YEAR = 365
SHRINK_BETS = 50
ROLLING_DAYS = 30
CONCENTRATED = 1800  # Herfindahl index, 0..10,000
RECENT = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    score: float  # 0..100
    sharpe_points: float  # of 30
    information_points: float  # of 25
    calmar_points: float  # of 20
    consistency_points: float  # of 15
    volume_points: float  # of 10
    sharpe: float  # shrunk
    win_rate: float  # percent of settled bets
    consistency: float  # 0..100, 50 is neutral
    recent_roi: float  # percent over the last 30 days
    roi: float  # percent of all money bet
    bets: int


def score(record: TrackRecord) -> Score | None:
    """Return the score, or None before the first settled bet."""
    bets = len(record.closes)
    if not bets:
        return None
    returns = np.array([day.daily_return for day in record.days if day.at_risk > 0])
    shrink = bets / (bets + SHRINK_BETS)
    sharpe = shrink * _sharpe(returns)
    stability = _stability(returns)
    points = (
        _points(12 * sharpe, most=30),
        _points(20 * shrink * _information_ratio(returns), most=25),
        _points(6.67 * shrink * _calmar(returns), most=20),
        15 * stability * shrink,
        _points(2.5 * float(np.log10(max(float(record.volume), 1.0) / 10_000)), most=10),
    )
    total = sum(points)
    if bets < 50:
        total *= 0.5 + bets / 100
    if _herfindahl(list(record.volume_by_market.values())) > CONCENTRATED:
        total *= 0.9
    return Score(
        score=min(max(total, 0.0), 100.0),
        sharpe_points=points[0],
        information_points=points[1],
        calmar_points=points[2],
        consistency_points=points[3],
        volume_points=points[4],
        sharpe=sharpe,
        win_rate=100 * sum(close.pnl > 0 for close in record.closes) / bets,
        consistency=100 * stability,
        recent_roi=_recent_roi(record),
        roi=_roi([(close.pnl, close.cost) for close in record.closes]),
        bets=bets,
    )


def _points(raw: float, *, most: float) -> float:
    return float(min(max(raw, 0.0), most))


def _sharpe(returns: Floats) -> float:
    if len(returns) < 2 or returns.std(ddof=1) == 0:
        return 0.0
    return float(returns.mean() / returns.std(ddof=1) * np.sqrt(DAYS_A_YEAR))


def _information_ratio(returns: Floats) -> float:
    """Return the Sharpe ratio of losses-only risk: mean over downside deviation."""
    downside = np.minimum(returns, 0)
    deviation = float(np.sqrt((downside**2).mean())) if len(returns) else 0.0
    if deviation == 0:
        return max(_sharpe(returns), 0.0)
    return float(returns.mean() / deviation * np.sqrt(DAYS_A_YEAR))


def _calmar(returns: Floats) -> float:
    if not len(returns):
        return 0.0
    wealth = np.cumprod(1 + np.clip(returns, -0.99, None))
    peak = np.maximum.accumulate(np.maximum(wealth, 1.0))
    worst = float(np.max(1 - wealth / peak))
    yearly = float(returns.mean()) * DAYS_A_YEAR
    return yearly / worst if worst > 0 else max(yearly, 0.0)


def _stability(returns: Floats) -> float:
    """Return 1 for a rolling Sharpe that never varies, falling to 0; 0.5 when too short to tell."""
    if len(returns) < ROLLING_DAYS + 5:
        return 0.5
    rolling = [
        _sharpe(returns[start : start + ROLLING_DAYS])
        for start in range(len(returns) - ROLLING_DAYS + 1)
    ]
    spread = float(np.std(rolling))
    return float(1 / (1 + spread / max(abs(float(np.mean(rolling))), 1.0)))


def _herfindahl(volumes: Sequence[Decimal]) -> float:
    total = float(sum(volumes))
    return sum((100 * float(each) / total) ** 2 for each in volumes) if total else 0.0


def _recent_roi(record: TrackRecord) -> float:
    if not record.days:
        return 0.0
    since = record.days[-1].on - RECENT
    return _roi([(each.pnl, each.cost) for each in record.closes if each.closed_at.date() > since])


def _roi(results: Sequence[tuple[Decimal, Decimal]]) -> float:
    cost = sum((cost for _, cost in results), Decimal(0))
    return float(100 * sum((pnl for pnl, _ in results), Decimal(0)) / cost) if cost else 0.0
