"""What time it is, for doors: the tape's clock while a recording is the feed, else the database's.

Tasks, views and commands read it once and pass it down; nothing below a door asks for the time.
"""

from datetime import datetime

from django.db import connection

from markets.models import Feed


def current_feed() -> Feed | None:
    return Feed.objects.order_by("-started_at", "-pk").first()


def make_current(feed: Feed) -> None:
    """Let a feed be the one that pages, commands and tasks speak of: the newest."""
    feed.started_at = database_now()
    feed.save(update_fields=["started_at"])


def now() -> datetime:
    feed = current_feed()
    if feed is not None and feed.kind == Feed.Kind.RECORDING and feed.clock_at is not None:
        return feed.clock_at
    return database_now()


def database_now() -> datetime:
    """Return the database's clock: one clock for every process and machine."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        moment: datetime = cursor.fetchone()[0]
    return moment
