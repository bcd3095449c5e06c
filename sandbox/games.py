"""One game as both venues list it, with the price that nobody sees."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sandbox import texts
from sandbox.kalshi.listing import Market as KalshiMarket
from sandbox.polymarket.markets import Market as PolymarketMarket
from sandbox.teams import League, Team

GAME = timedelta(minutes=12)  # how long one is played, in sandbox time


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A game that is to be listed: who plays and when, and what decides it."""

    league: League
    away: Team
    home: Team
    starts_at: datetime
    date: datetime  # whose day both venues name it by
    condition: str
    tokens: tuple[str, str]
    fair: float
    luck: float

    @property
    def ends_at(self) -> datetime:
        return self.starts_at + GAME

    @property
    def winner(self) -> int:
        return 0 if self.luck < self.fair else 1

    @property
    def ticker(self) -> str:
        """Return what Kalshi calls the event."""
        teams = f"{self.away.code}{self.home.code}"
        return f"{self.league.series}-{self.date:%y%b%d}{teams}".upper()

    def market(self) -> PolymarketMarket:
        """Return the market that Polymarket lists for it."""
        both, name = (self.away, self.home), self.league.name
        return PolymarketMarket(
            condition=self.condition,
            slug=f"{name}-{self.away.slug}-{self.home.slug}-{self.date:%Y-%m-%d}".lower(),
            question=f"{self.away.nickname} vs. {self.home.nickname}",
            outcomes=(self.away.nickname, self.home.nickname),
            tokens=self.tokens,
            description=texts.polymarket(
                name, (self.away.nickname, self.home.nickname), self.starts_at
            ),
            source=texts.SITES[name],
            teams=tuple((f"{t.city} {t.nickname}", t.nickname, t.code) for t in both),
            delay=1,
            starts_at=self.starts_at,
            ends_at=self.ends_at,
        )


@dataclass(slots=True, kw_only=True)
class Game:
    """One game, before it starts, while it is played and after."""

    draft: Draft
    fair: float  # that the away team wins, in cents
    polymarket: PolymarketMarket
    kalshi: tuple[KalshiMarket, KalshiMarket]  # away, home
    lag: dict[str, float] = field(default_factory=dict)  # in cents, by venue
    quotes: dict[str, list[str]] = field(default_factory=dict)  # order ids, by venue
    over: bool = False

    @property
    def starts_at(self) -> datetime:
        return self.draft.starts_at

    @property
    def ends_at(self) -> datetime:
        return self.draft.ends_at

    @property
    def winner(self) -> int:
        """Return the outcome that would win if the game ended now: 0 for the away team.

        The away team wins if its price is above its luck at the end.
        """
        return 0 if self.draft.luck < self.fair else 1
