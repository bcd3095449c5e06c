"""Names of what is never traded: a team, a game or a listing, each in the one form that matches."""

import re
from datetime import date

from markets.domain.matching import LEAGUES, SLUG
from venues.kalshi.teams import playing, team_code
from venues.teams import TEAMS, by_slug

FORMS = (
    "Write a team as NBA:LAL, a game as LAL@BOS (the visitor first; as NBA:LAL@BOS where two "
    "leagues may be meant), or the slug of a market, as nba-lal-bos-2026-11-21."
)
LONGEST = 80  # characters of a name; no slug of a game is longer
MOST = 200
TEAM = re.compile(r"([A-Z]+):([A-Z]+)")
GAME = re.compile(r"(?:([A-Z]+):)?([A-Z]+)@([A-Z]+)")


def canonical(name: str) -> str | None:
    """Return a name as pairs are known by it, or None for one that no pair can have."""
    if len(name) > LONGEST:
        return None
    upper = name.strip().upper()
    if team := TEAM.fullmatch(upper):
        code = _code(*team.groups())
        return code and f"{team.group(1)}:{code}"
    if game := GAME.fullmatch(upper):
        return _game(*game.groups())
    return _listing(upper)


def _code(league: str, code: str) -> str | None:
    """Return Kalshi's present code of a team, however its venues or people write it."""
    if league not in LEAGUES:
        return None
    known = team_code(league, code)
    usual = (team.code for team in TEAMS[league] if team.usual == code)
    slugged = by_slug(league, code)
    return known or next(usual, None) or (slugged.code if slugged else None)


def _game(league: str | None, away: str, home: str) -> str | None:
    """Return the key of a game; without a league it must be the same in all that have it."""
    if league is not None:
        found = _key(league, away, home)
        return found and f"{league}:{found}"
    keys = {_key(each, away, home) for each in LEAGUES} - {None}
    return keys.pop() if len(keys) == 1 else None


def _key(league: str, away: str, home: str) -> str | None:
    codes = (_code(league, away), _code(league, home))
    return f"{codes[0]}@{codes[1]}" if all(codes) and codes[0] != codes[1] else None


def _listing(name: str) -> str | None:
    """Return the slug of a market, or the ticker of an event, that is about a game."""
    told = playing(name)
    if told is not None:
        return name if told.league in LEAGUES else None
    slug = SLUG.fullmatch(name.lower())
    if slug is None or slug.group(5) or slug.group(1).upper() not in LEAGUES:
        return None
    teams = [by_slug(slug.group(1).upper(), code) for code in slug.group(2, 3)]
    if None in teams or teams[0] is teams[1] or not _is_day(slug.group(4)):
        return None
    return name.lower()


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
