"""Markets, games and pairs of them, and the feeds that tell of them. One module per subject."""

from markets.models.games import Game, Opportunity, Pair, PairApproval
from markets.models.markets import PRICE, Feed, Market, Outcome, Resolution

__all__ = [
    "PRICE",
    "Feed",
    "Game",
    "Market",
    "Opportunity",
    "Outcome",
    "Pair",
    "PairApproval",
    "Resolution",
]
