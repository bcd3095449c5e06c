"""A few teams of each league, as the two venues write them."""

import uuid
from dataclasses import dataclass

NAMESPACE = uuid.UUID("7ea35000-0000-4000-8000-000000000000")


@dataclass(frozen=True, slots=True, kw_only=True)
class Team:
    city: str
    nickname: str
    code: str

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


def _teams(*rows: tuple[str, str, str]) -> tuple[Team, ...]:
    return tuple(Team(city=city, nickname=nickname, code=code) for city, nickname, code in rows)


LEAGUES = (
    League(
        name="NBA",
        series="KXNBAGAME",
        strike="basketball_team",
        shard=3,
        teams=_teams(
            ("Oklahoma City", "Thunder", "OKC"),
            ("San Antonio", "Spurs", "SAS"),
            ("Boston", "Celtics", "BOS"),
            ("Denver", "Nuggets", "DEN"),
            ("Milwaukee", "Bucks", "MIL"),
            ("Phoenix", "Suns", "PHX"),
        ),
    ),
    League(
        name="NHL",
        series="KXNHLGAME",
        strike="hockey_team",
        shard=0,
        teams=_teams(
            ("Vegas", "Golden Knights", "VGK"),
            ("Minnesota", "Wild", "MIN"),
            ("Toronto", "Maple Leafs", "TOR"),
            ("Colorado", "Avalanche", "COL"),
            ("Winnipeg", "Jets", "WPG"),
            ("Dallas", "Stars", "DAL"),
        ),
    ),
    League(
        name="NFL",
        series="KXNFLGAME",
        strike="football_team",
        shard=0,
        teams=_teams(
            ("Kansas City", "Chiefs", "KC"),
            ("Buffalo", "Bills", "BUF"),
            ("Tampa Bay", "Buccaneers", "TB"),
            ("Dallas", "Cowboys", "DAL"),
            ("Detroit", "Lions", "DET"),
            ("Green Bay", "Packers", "GB"),
        ),
    ),
)
