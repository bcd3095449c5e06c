"""Which codes teams have in Kalshi's tickers, and what an event's ticker says by them."""

import re
from dataclasses import dataclass
from datetime import date, datetime

from venues.teams import TEAMS

# Of game series, by league.
SERIES = {"KXNBAGAME": "NBA", "KXNFLGAME": "NFL", "KXNHLGAME": "NHL", "KXMLBGAME": "MLB"}
FORMERLY = {("NFL", "LA"): "LAR"}  # the Rams, until 2025
# Codes have two or three letters and no separator between them.
CODES = {
    league: frozenset(team.code for team in teams) | {old for (of, old) in FORMERLY if of == league}
    for league, teams in TEAMS.items()
}
# SERIES-26OCT08TBDAL, with the time of day where a team plays twice.
EVENT = re.compile(r"([A-Z0-9]+)-(\d{2}[A-Z]{3}\d{2})(\d{4})?([A-Z]{4,6})(G\d)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Playing:
    """What the ticker of a game's event says."""

    league: str
    day: date  # in New York; it has been a day off
    codes: tuple[str, str]  # the visitor comes first, as a rule
    is_one_of_several: bool  # the ticker tells games of one day apart


def playing(event: str) -> Playing | None:
    """Read an event's ticker by the code table; None where it is not one clear pair of teams."""
    found = EVENT.fullmatch(event)
    league = SERIES.get(found.group(1)) if found else None
    if found is None or league is None:
        return None
    try:
        day = datetime.strptime(found.group(2).title() + "+0000", "%y%b%d%z").date()
    except ValueError:
        return None
    pairs = _pairs(found.group(4), CODES[league])
    if len(pairs) != 1:
        return None
    several = bool(found.group(3) or found.group(5))
    return Playing(league=league, day=day, codes=pairs[0], is_one_of_several=several)


def team_code(league: str, code: str) -> str | None:
    """Return a team's present code, or None for one that is not in the table."""
    if code not in CODES.get(league, ()):
        return None
    return FORMERLY.get((league, code), code)


def _pairs(text: str, codes: frozenset[str]) -> list[tuple[str, str]]:
    parts = ((text[:at], text[at:]) for at in (2, 3))
    return [(one, other) for one, other in parts if one in codes and other in codes]
