"""One game as both venues list it, with the price that nobody sees."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sandbox.kalshi.listing import Market as KalshiMarket
from sandbox.polymarket.markets import Market as PolymarketMarket
from sandbox.teams import League, Team

GAME = timedelta(minutes=12)  # how long one is played, in sandbox time


@dataclass(slots=True, kw_only=True)
class Game:
    """One game, before it starts, while it is played and after."""

    league: League
    away: Team
    home: Team
    starts_at: datetime
    fair: float  # that the away team wins, in cents
    luck: float  # the away team wins if its price is above this at the end, in cents
    polymarket: PolymarketMarket
    kalshi: tuple[KalshiMarket, KalshiMarket]  # away, home
    lag: dict[str, float] = field(default_factory=dict)  # in cents, by venue
    quotes: dict[str, list[str]] = field(default_factory=dict)  # order ids, by venue
    over: bool = False

    @property
    def ends_at(self) -> datetime:
        return self.starts_at + GAME

    @property
    def winner(self) -> int:
        """Return the outcome that would win if the game ended now: 0 for the away team."""
        return 0 if self.luck < self.fair else 1
