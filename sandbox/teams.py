"""Teams of each league, as the two venues write them."""

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


def _league(name: str, *, strike: str, shard: int, codes: str = "") -> League:
    """Return a league with some of its teams, in this order, or with all of them."""
    known = {each.code: each for each in TEAMS[name]}
    chosen = [known[code] for code in codes.split()] or list(known.values())
    return League(
        name=name,
        series=f"KX{name}GAME",
        strike=strike,
        shard=shard,
        teams=tuple(
            Team(city=each.city, nickname=each.nickname, code=each.code, slug=each.slugs[0])
            for each in chosen
        ),
    )


LEAGUES = (
    _league("NBA", strike="basketball_team", shard=3, codes="OKC SAS BOS DEN MIL PHX"),
    _league("NHL", strike="hockey_team", shard=0, codes="VGK MIN TOR COL WPG DAL"),
    _league("NFL", strike="football_team", shard=0, codes="KC BUF TB DAL DET GB"),
)
# For a session so long that six teams would meet twice on a day.
WHOLE_LEAGUES = tuple(_league(each.name, strike=each.strike, shard=each.shard) for each in LEAGUES)
