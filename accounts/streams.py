"""How many streams of events one person may hold open: each asks the database every second."""

from django.core.cache import cache

MOST = 16  # tabs and apps of one person
SECONDS = 700  # longer than a stream lives: a place is not lost with its process


def take(user_id: int) -> str | None:
    """Take a place; returns its name, or None where all are taken."""
    names = (f"stream.{user_id}.{number}" for number in range(MOST))
    return next((name for name in names if cache.add(name, True, timeout=SECONDS)), None)


def leave(place: str) -> None:
    cache.delete(place)
