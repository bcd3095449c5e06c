"""Score whales as of a moment, from what was known then. The only writer of WhaleScore."""

from datetime import datetime
from decimal import Decimal

from markets.models import Resolution
from venues.types import Side
from whales.domain.score import score
from whales.domain.track_record import Settled, WalletTrade, track_record
from whales.models import Whale, WhaleScore, WhaleTrade


def score_whale(*, whale_id: int, as_of: datetime) -> WhaleScore | None:
    """Score one whale and store it; None before its first settled bet. Safe to repeat."""
    trades = [
        WalletTrade(
            market=str(market),
            token=token,
            side=Side(side),
            price=price,
            shares=shares,
            at=at,
        )
        for market, token, side, price, shares, at in WhaleTrade.objects.filter(
            whale_id=whale_id, at__lt=as_of
        )
        .order_by("at", "pk")
        .values_list("outcome__market_id", "outcome__token", "side", "price", "shares", "at")
    ]
    found = score(track_record(trades, _settled(trades), as_of=as_of))
    if found is None:
        return None
    stored, _ = WhaleScore.objects.update_or_create(
        whale_id=whale_id,
        as_of=as_of,
        defaults={
            "score": found.score,
            "sharpe": found.sharpe,
            "win_rate": found.win_rate,
            "consistency": found.consistency,
            "recent_roi": found.recent_roi,
            "roi": found.roi,
            "bets": found.bets,
            "components": {
                "sharpe": found.sharpe_points,
                "information": found.information_points,
                "calmar": found.calmar_points,
                "consistency": found.consistency_points,
                "volume": found.volume_points,
            },
        },
    )
    return stored


def score_once(*, whale_id: int, as_of: datetime) -> None:
    """Score a whale as of a moment, unless that was done."""
    if not WhaleScore.objects.filter(whale_id=whale_id, as_of=as_of).exists():
        score_whale(whale_id=whale_id, as_of=as_of)


def _settled(trades: list[WalletTrade]) -> dict[str, Settled]:
    rows = Resolution.objects.filter(market_id__in={int(trade.market) for trade in trades})
    return {
        str(row.market_id): Settled(
            payouts={token: Decimal(paid) for token, paid in row.payouts.items()},
            at=row.resolved_at,
        )
        for row in rows.order_by("version")
    }


def score_followed(*, as_of: datetime) -> int:
    """Score every followed whale as of a moment, unless that was done; returns how many."""
    whales = Whale.objects.filter(follows__isnull=False).distinct().values_list("pk", flat=True)
    for whale_id in whales:
        score_once(whale_id=whale_id, as_of=as_of)
    return len(whales)
