"""Thin doors for Celery."""

import logging
from urllib.parse import urlsplit

from celery import shared_task
from django.conf import settings

from accounts.venues import kalshi_public
from markets import clock, kalshi_catalogue

log = logging.getLogger(__name__)


@shared_task(acks_late=True)
def read_kalshi() -> None:
    """Read Kalshi's games, unless what runs is a recording."""
    feed = clock.current_feed()
    if feed is None or feed.kind == feed.Kind.RECORDING:
        return
    if feed.kind == feed.Kind.SANDBOX and urlsplit(settings.KALSHI_URL).hostname != "127.0.0.1":
        return  # a sandbox has games of its own
    told = kalshi_catalogue.sync(kalshi_public(), settings.KALSHI_SERIES, now=clock.database_now())
    log.info("Kalshi lists %s contracts of games", told)
