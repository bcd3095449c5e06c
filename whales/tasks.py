"""Thin doors for Celery."""

from celery import shared_task

from markets import clock
from whales.scoring import score_followed


@shared_task(acks_late=True)
def score_whales() -> None:
    feed = clock.current_feed()
    if feed is not None and feed.kind == feed.Kind.RECORDING:
        return  # a replay scores by itself, at moments of the tape
    score_followed(as_of=clock.now().replace(minute=0, second=0, microsecond=0))
