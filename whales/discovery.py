"""Find wallets worth following: the leaderboard names them, their own settled bets judge them."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from markets import catalogue
from venues.errors import Unreadable
from venues.polymarket.public import Public, Ranked
from whales import ingest, scoring
from whales.models import Whale

log = logging.getLogger(__name__)

CANDIDATES = 50
BATCH = 50  # markets asked for at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    whale_id: int
    address: str
    name: str
    score: float


def discover(
    public: Public, *, now: datetime, progress: Callable[[float], None] = lambda part: None
) -> list[Candidate]:
    """Read what the leaders ever traded and how it ended, and score them; best first.

    A rank is no proof: it counts money, not skill, and what is still open. Raises Unreadable when
    there is no leaderboard; a wallet that cannot be read is left out. `progress` is told which part
    of the work is done.
    """
    ranked = public.leaderboard(period="month", most=CANDIDATES)
    for place, each in enumerate(ranked, start=1):
        _learn(public, each)
        progress(place / len(ranked) / 2)
    markets = catalogue.undecided()
    for start in range(0, len(markets), BATCH):
        catalogue.record(public.listings(markets[start : start + BATCH]), now=now)
        progress(0.5 + min(start + BATCH, len(markets)) / len(markets) / 2)
    found = [_judge(each, now=now) for each in ranked]
    return sorted((each for each in found if each), key=lambda each: -each.score)


def _learn(public: Public, ranked: Ranked) -> None:
    """Store what a wallet traded."""
    try:
        trades = public.trades(ranked.wallet)
    except Unreadable as problem:
        log.warning("%s is left out: %s", ranked.wallet, problem)
        return
    ingest.store_trades(trades)
    Whale.objects.filter(address=ranked.wallet).update(name=ranked.name)


def _judge(ranked: Ranked, *, now: datetime) -> Candidate | None:
    whale = Whale.objects.filter(address=ranked.wallet).first()
    score = scoring.score_whale(whale_id=whale.pk, as_of=now) if whale else None
    if whale is None or score is None:
        return None
    return Candidate(whale_id=whale.pk, address=whale.address, name=whale.name, score=score.score)
