"""The teams of each league, as the two venues write them."""

import uuid
from dataclasses import dataclass

from venues.teams import TEAMS

NAMESPACE = uuid.UUID("7ea35000-0000-4000-8000-000000000000")


@dataclass(frozen=True, slots=True, kw_only=True)
class Team:
    city: str
    nickname: str
    code: str
    slug: str  # its code in the slugs of the other venue

    @property
    def target(self) -> str:
        """Return the id by which one venue knows the team, whatever it is called."""
        return str(uuid.uuid5(NAMESPACE, f"{self.city} {self.nickname}"))


@dataclass(frozen=True, slots=True, kw_only=True)
class League:
    name: str
    series: str
    strike: str
    shard: int
    teams: tuple[Team, ...]


def _league(name: str, *, strike: str, shard: int) -> League:
    teams = (
        Team(city=each.city, nickname=each.nickname, code=each.code, slug=each.slugs[0])
        for each in TEAMS[name]
    )
    series = f"KX{name}GAME"
    return League(name=name, series=series, strike=strike, shard=shard, teams=tuple(teams))


LEAGUES = (
    _league("NBA", strike="basketball_team", shard=3),
    _league("NHL", strike="hockey_team", shard=0),
    _league("NFL", strike="football_team", shard=0),
)
