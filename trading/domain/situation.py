"""What FLOW 1's decision reads and answers: the whale's order, one account, and what it does."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from risk.domain.breakers import Losses, Trip
from risk.domain.presets import Limits
from risk.domain.reasons import Reason, Refusal
from venues.money import ZERO
from venues.types import Side


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

    signal_id: int
    source: str  # names the event; one account decides on it once
    whale_id: int
    whale: str  # address
    own_wallet: bool
    side: Side
    price: Decimal  # what the whale paid or got, USD per share
    shares: Decimal
    at: datetime
    outcome_id: int
    market_id: int
    venue: str
    market: str  # title
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


def plain(each: Situation, refusal: Refusal, *, inputs: dict[str, Any]) -> Answer:
    """Answer without a size: an exit that is not made, or an entry whose facts are missing."""
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
