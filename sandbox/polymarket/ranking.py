"""Who earned most: the leaderboard, from every fill the exchange remembers."""

from collections import defaultdict
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sandbox.polymarket.exchange import Exchange
from sandbox.polymarket.markets import Market
from sandbox.polymarket.rows import Settlement

ZERO, HALF = Decimal(0), Decimal("0.5")
PERIODS = {
    "day": timedelta(days=1),
    "week": timedelta(days=7),
    "month": timedelta(days=30),
    "all": timedelta(days=36_500),
}
ORDERS = ("PNL", "VOLUME")


def leaderboard(
    exchange: Exchange, *, period: str, order: str, now: datetime
) -> list[dict[str, Any]]:
    """Return wallets, best first: what they gained on fills of the period, at what these are worth
    now, after fees; volume is in shares. The house is not on it.
    """
    since = now - PERIODS[period]
    gains: dict[str, Decimal] = defaultdict(Decimal)
    volumes: dict[str, Decimal] = defaultdict(Decimal)
    for trade in exchange.trades:
        if trade.at < since or trade.status is Settlement.FAILED:
            continue
        for leg in (trade.taker, *trade.makers):
            sign = 1 if leg.order.buy else -1
            gain = sign * leg.shares * (worth(trade.market, leg.order.token) - leg.price)
            gains[leg.order.wallet.address] += gain - leg.fee
            volumes[leg.order.wallet.address] += leg.shares
    gains.pop(exchange.house, None)
    by = gains if order == "PNL" else volumes
    ranked = sorted(gains, key=lambda address: (-by[address], address))
    return [
        {
            "rank": rank,
            "user_id": address,
            "pnl": float(gains[address]),
            "volume": float(volumes[address]),
            "user_name": exchange.wallets[address].name,
            "profile_image": "",
            "x_username": "",
            "verified": False,
        }
        for rank, address in enumerate(ranked, start=1)
    ]


def worth(market: Market, token: str) -> Decimal:
    """Return what a share pays, or what it last cost, USD."""
    if market.payout is not None:
        return market.payout[market.index(token)]
    last = market.last_price
    return HALF if last is None else market.own_price(token, last)
