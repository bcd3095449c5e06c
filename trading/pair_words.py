"""A pair trade in words."""

from accounts.models import Account
from trading.models import PairTrade
from venues.words import dollars, price, shares


def announcement(trade: PairTrade) -> str:
    """Return the news of a trade in the form that users were promised."""
    cost = trade.first_price * trade.shares + trade.second_price * trade.shares
    cost += trade.first_fee + trade.second_fee
    away, _, home = trade.game.title.partition(" @ ")
    return "\n".join(
        (
            f"{mark_of(trade)} 💰 New Arb: {away} vs {home}",
            f"Mode: {'Paper' if trade.mode == Account.Mode.PAPER else 'Real'} Trading",
            f"Sport: {trade.game.league}",
            "Type: perfect",
            f"Profit: {dollars(trade.expected)}",
            f"ROI: {100 * trade.expected / cost:.2f}%",
            f"Cost: {dollars(cost)}",
            f"Time: {trade.created_at:%Y-%m-%d %H:%M:%S} UTC",
        )
    )


def mark_of(trade: PairTrade) -> str:
    """Return the mark by which people tell real money from paper."""
    return "📄 PAPER" if trade.mode == Account.Mode.PAPER else "🔴 LIVE"


def planned(trade: PairTrade) -> str:
    return (
        f"{shares(trade.shares)} at {price(trade.first_price)} on Polymarket and "
        f"{price(trade.second_price)} on Kalshi: {dollars(trade.expected, signed=True)} expected."
    )
