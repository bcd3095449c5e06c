"""What a market is like, estimated from the tape seen so far, where a recording has no books.

Each estimator is named, and its name travels with its value into the decision's inputs:

* `trailing_volume` (liquidity): dollars traded in the market over the last 7 days. What people
  traded in a week is of the order of what the pool or book could take.
* `adjacent_sides` (spread): the moving average, weight 0.1, of the distance between a print and the
  latest print of the other side, same outcome. 5 cents until both sides were seen: the widest
  spread that still counts as tradeable.
* `day_range` (volatility): highest minus lowest print of the last 24 hours over the latest print.
* `lindy` (closing time): a market is expected to live on as long as it has lived. The tape does
  not tell its end, and using it would be looking ahead.
* `taker_print` (ask): the latest print if a buyer took it, else that print plus the spread.
"""

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from venues.types import Side, Trade

VOLUME_SPAN = timedelta(days=7)
RANGE_SPAN = timedelta(hours=24)
UNSEEN_SPREAD = Decimal("0.05")
SPREAD_WEIGHT = Decimal("0.1")
MAX_PRICE = Decimal("0.99")
NAMES = {
    "liquidity": "trailing_volume",
    "spread": "adjacent_sides",
    "volatility": "day_range",
    "hours": "lindy",
    "ask": "taker_print",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of one outcome at one moment."""

    ask: Decimal  # USD per share
    last: Decimal  # USD per share
    liquidity: Decimal  # USD
    spread: Decimal  # USD per share
    volatility: float  # fraction
    hours: float  # until the market closes


@dataclass(slots=True)
class _Outcome:
    last: Trade | None = None
    last_of: dict[Side, Decimal] = field(default_factory=dict)
    spread: Decimal | None = None
    recent: deque[tuple[datetime, Decimal]] = field(default_factory=deque)

    def see(self, trade: Trade) -> None:
        other = self.last_of.get(Side.SELL if trade.side is Side.BUY else Side.BUY)
        if other is not None:
            gap = abs(trade.price - other)
            old = gap if self.spread is None else self.spread
            self.spread = old + SPREAD_WEIGHT * (gap - old)
        self.last_of[trade.side] = trade.price
        self.last = trade
        self.recent.append((trade.at, trade.price))


class TapeEstimator:
    """Fold a tape, oldest trade first, into the facts of each outcome."""

    def __init__(self) -> None:
        self._outcomes: dict[str, _Outcome] = {}
        self._first_seen: dict[str, datetime] = {}
        self._volumes: dict[str, deque[tuple[datetime, Decimal]]] = {}
        self._volume_sums: dict[str, Decimal] = {}

    def see(self, trade: Trade) -> None:
        self._outcomes.setdefault(trade.token, _Outcome()).see(trade)
        self._first_seen.setdefault(trade.market, trade.at)
        dollars = trade.price * trade.shares
        self._volumes.setdefault(trade.market, deque()).append((trade.at, dollars))
        self._volume_sums[trade.market] = self._volume_sums.get(trade.market, Decimal(0)) + dollars

    def facts(self, *, market: str, token: str, now: datetime) -> Facts | None:
        """Return what the tape up to `now` tells, or None for an outcome never seen."""
        outcome = self._outcomes.get(token)
        if outcome is None or outcome.last is None:
            return None
        last, spread = outcome.last, outcome.spread or UNSEEN_SPREAD
        ask = last.price if last.side is Side.BUY else min(last.price + spread, MAX_PRICE)
        return Facts(
            ask=ask,
            last=last.price,
            liquidity=self._trailing_volume(market, now),
            spread=spread,
            volatility=_day_range(outcome, now),
            hours=(now - self._first_seen[market]) / timedelta(hours=1),
        )

    def _trailing_volume(self, market: str, now: datetime) -> Decimal:
        volumes = self._volumes[market]
        while volumes and volumes[0][0] <= now - VOLUME_SPAN:
            self._volume_sums[market] -= volumes.popleft()[1]
        return self._volume_sums[market]


def _day_range(outcome: _Outcome, now: datetime) -> float:
    recent = outcome.recent
    while len(recent) > 1 and recent[0][0] <= now - RANGE_SPAN:
        recent.popleft()
    prices = [seen for _, seen in recent]
    return float((max(prices) - min(prices)) / prices[-1])
