"""Thin doors for Celery."""

import logging

from celery import shared_task

from accounts.limits import shared_limits
from accounts.polymarket_keys import addresses
from markets import clock
from venues.errors import Unreadable
from venues.polymarket.public import Public
from whales.discovery import discover
from whales.scoring import score_followed

log = logging.getLogger(__name__)


@shared_task(acks_late=True, time_limit=3000)
def discover_whales() -> None:
    """Read the leaderboard and score who is on it; pages then list them as candidates."""
    feed = clock.current_feed()
    if feed is None or feed.kind != feed.Kind.LIVE:
        return
    try:
        with Public(addresses(), limits=shared_limits()) as public:
            found = discover(public, now=clock.database_now())
    except Unreadable as problem:
        log.warning("The leaderboard cannot be read: %s", problem)
        return
    log.info("Scored %s wallets of the leaderboard", len(found))


@shared_task(acks_late=True)
def score_whales() -> None:
    feed = clock.current_feed()
    if feed is not None and feed.kind == feed.Kind.RECORDING:
        return  # a replay scores by itself, at moments of the tape
    score_followed(as_of=clock.now().replace(minute=0, second=0, microsecond=0))
