"""How many streams of events one person may hold open: each asks the database every second."""

from django.core.cache import cache

MOST = 16  # tabs and apps of one person
SECONDS = 60  # that a place is kept without a sign of life: of a reader that is gone, or never came


def take(user_id: int) -> str | None:
    """Take a place; returns its name, or None where all are taken."""
    names = (f"stream.{user_id}.{number}" for number in range(MOST))
    return next((name for name in names if cache.add(name, True, timeout=SECONDS)), None)


def keep(place: str) -> None:
    """Say that the stream of a place is alive."""
    cache.touch(place, timeout=SECONDS)


def leave(place: str) -> None:
    cache.delete(place)
