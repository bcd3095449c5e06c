"""From a wallet's trades to its bets, and from bets to daily returns, without looking ahead.

A moment knows only what was sold or settled before it: a bet that is still open then has no
result, however clear its outcome looks today.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from venues.types import Side

DUST = Decimal("0.000001")


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletTrade:
    market: str
    token: str
    side: Side
    price: Decimal  # USD per share
    shares: Decimal
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    payouts: Mapping[str, Decimal]  # token to USD per share
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Close:
    """A bet, or a part of one, that was sold or settled."""

    market: str
    token: str
    cost: Decimal  # USD
    pnl: Decimal  # USD
    opened_at: datetime
    closed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    on: date
    at_risk: Decimal  # USD of open cost when the day began plus what was bought in it
    pnl: Decimal  # USD realised in it

    @property
    def daily_return(self) -> float:
        return float(self.pnl / self.at_risk) if self.at_risk > 0 else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackRecord:
    closes: tuple[Close, ...]
    days: tuple[Day, ...]  # every day from the first trade to `as_of`, idle ones too
    volume: Decimal  # USD bought and sold
    volume_by_market: Mapping[str, Decimal]
    trades: int


@dataclass(slots=True)
class _Holding:
    shares: Decimal = Decimal(0)
    cost: Decimal = Decimal(0)
    opened_at: datetime | None = None


def track_record(
    trades: Iterable[WalletTrade], resolutions: Mapping[str, Settled], *, as_of: datetime
) -> TrackRecord:
    """Return what was known of a wallet at `as_of` (exclusive)."""
    seen = sorted((trade for trade in trades if trade.at < as_of), key=lambda trade: trade.at)
    settled = {market: each for market, each in resolutions.items() if each.at < as_of}
    holdings: dict[tuple[str, str], _Holding] = defaultdict(_Holding)
    closes: list[Close] = []
    bought: dict[date, Decimal] = defaultdict(Decimal)
    volumes: dict[str, Decimal] = defaultdict(Decimal)
    for trade in seen:
        resolution = settled.get(trade.market)
        if resolution is not None and trade.at >= resolution.at:
            continue  # trading what is already decided is redeeming, not betting
        holding = holdings[trade.market, trade.token]
        dollars = trade.price * trade.shares
        volumes[trade.market] += dollars
        if trade.side is Side.BUY:
            holding.opened_at = holding.opened_at or trade.at
            holding.shares += trade.shares
            holding.cost += dollars
            bought[trade.at.date()] += dollars
        else:
            closes.extend(_sell(holding, trade))
    for (market, token), holding in holdings.items():
        if market in settled and holding.shares > DUST:
            closes.append(_settle(holding, market, token, settled[market]))
    closes.sort(key=lambda close: (close.closed_at, close.token))
    return TrackRecord(
        closes=tuple(closes),
        days=_days(seen, closes, bought, as_of=as_of),
        volume=sum(volumes.values(), Decimal(0)),
        volume_by_market=dict(volumes),
        trades=len(seen),
    )


def _sell(holding: _Holding, trade: WalletTrade) -> Iterable[Close]:
    """Close what is held; shares whose purchase was never seen have no known cost and no result."""
    shares = min(trade.shares, holding.shares)
    if shares <= DUST or holding.opened_at is None:
        return
    cost = holding.cost * shares / holding.shares
    yield Close(
        market=trade.market,
        token=trade.token,
        cost=cost,
        pnl=shares * trade.price - cost,
        opened_at=holding.opened_at,
        closed_at=trade.at,
    )
    holding.shares -= shares
    holding.cost -= cost
    if holding.shares <= DUST:
        holding.shares = holding.cost = Decimal(0)
        holding.opened_at = None


def _settle(holding: _Holding, market: str, token: str, settled: Settled) -> Close:
    payout = settled.payouts.get(token, Decimal(0))
    return Close(
        market=market,
        token=token,
        cost=holding.cost,
        pnl=holding.shares * payout - holding.cost,
        opened_at=holding.opened_at or settled.at,
        closed_at=settled.at,
    )


def _days(
    seen: list[WalletTrade],
    closes: list[Close],
    bought: Mapping[date, Decimal],
    *,
    as_of: datetime,
) -> tuple[Day, ...]:
    if not seen:
        return ()
    realised: dict[date, Decimal] = defaultdict(Decimal)
    released: dict[date, Decimal] = defaultdict(Decimal)
    for close in closes:
        realised[close.closed_at.date()] += close.pnl
        released[close.closed_at.date()] += close.cost
    days, open_cost, on = [], Decimal(0), seen[0].at.date()
    last = (as_of - timedelta(microseconds=1)).date()
    while on <= last:
        at_risk = open_cost + bought.get(on, Decimal(0))
        days.append(Day(on=on, at_risk=at_risk, pnl=realised.get(on, Decimal(0))))
        open_cost = at_risk - released.get(on, Decimal(0))
        on += timedelta(days=1)
    return tuple(days)
