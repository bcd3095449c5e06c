"""What the sandbox's contracts say: rules of its own words, with the clauses of real ones."""

import hashlib
from datetime import datetime
from zoneinfo import ZoneInfo

NEW_YORK = ZoneInfo("America/New_York")
SITES = {
    "NBA": "https://www.nba.com/",
    "NFL": "https://www.nfl.com/",
    "NHL": "https://www.nhl.com/",
}
COMPETITIONS = {"NBA": "Pro Basketball (M)", "NFL": "Pro Football", "NHL": "Pro Hockey"}
DECIDED = {
    "NBA": "Overtime is included.",
    "NFL": "Overtime is included. If the game ends in a tie, it pays 50-50.",
    "NHL": "Overtime is included, and so are shootouts.",
}


def polymarket(league: str, teams: tuple[str, str], starts_at: datetime) -> str:
    """Return the description of a game's market."""
    local = starts_at.astimezone(NEW_YORK)
    when = f"{local:%B} {local.day} at {local.hour % 12 or 12}:{local:%M}{local:%p} ET"
    wins = " ".join(f'If the {team} win, it pays "{team}".' for team in teams)
    return (
        f"A sandbox market on the {league} game scheduled for {when}. {wins} If the game is "
        "postponed, the market stays open until it has been completed. If it is cancelled with no "
        f"make-up game, it pays 50-50. {DECIDED[league]}"
    )


def kalshi(league: str, team: str, cities: tuple[str, str], day: datetime) -> tuple[str, str]:
    """Return both rules of a team's contract."""
    game = f"{cities[0]} vs {cities[1]} {league}"
    date = f"{day:%b} {day.day}, {day.year}"
    tie = "If the game ends in a tie, it pays $0.50 for each team. " if league == "NFL" else ""
    return (
        f"If {team} wins the {game} game originally scheduled for {date}, then the market resolves "
        "to Yes.",
        f"{tie}If the game is postponed but begins within 48 hours from its originally scheduled "
        "start time, the market will remain open and resolve based on the official final result. "
        "If the game is not started within 48 hours, the market will resolve to a fair price.",
    )


def rulebook(league: str) -> bytes:
    """Return the document behind a series' address."""
    return f"The sandbox's rulebook for games of the {league}.\n".encode()


def rulebook_hash(league: str) -> str:
    return hashlib.sha256(rulebook(league)).hexdigest()
