"""Watch the pairs of both venues: match, scan, decide, drive what is open, settle.

One process does it, by a lease; another takes over where it died. It remembers nothing that the
rows do not, except what a scan can find again.
"""

import logging
import os
import socket
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from django.conf import settings

from markets import catalogue, kalshi_catalogue, opportunities, pairing
from markets.domain.payoff import Route
from markets.domain.scanner import Found, Scanner, Watched
from markets.models import Opportunity
from markets.opportunities import Recorder
from trading import (
    arbitrage,
    leases,
    pair_approvals,
    pair_gathering,
    pair_settlement,
    pair_trades,
    pair_views,
)
from trading.models import PairTrade
from trading.pair_books import Books
from trading.pair_gathering import Seen
from trading.reconciliation import one_alone
from venues.kalshi.public import Public as KalshiPublic
from venues.ladders import PRICES
from venues.polymarket.public import Public as PolymarketPublic

log = logging.getLogger(__name__)

LEASE = "pairs"
MATCH_EVERY = timedelta(seconds=30)
MATCH_SOON = timedelta(seconds=5)  # while no pair is known
RELOAD_EVERY = timedelta(seconds=5)  # what people changed: approvals, pairs, fees
SETTLE_EVERY = timedelta(seconds=10)
ENDS_EVERY = timedelta(seconds=60)  # between two looks at how the games of open trades ended
REST_EVERY = timedelta(seconds=2)  # between two looks at trades without an open side
MARK_EVERY = timedelta(seconds=2)
TOO_OLD = 1.0  # seconds, of a book that something is decided on
PARTED, PARTED_FOR = 1_000, timedelta(minutes=1)  # mid prices, in hundredths of a cent


@dataclass(kw_only=True)
class PairWatch:
    """Both catalogues and both venues' books, and everything that follows from them."""

    polymarket: PolymarketPublic
    kalshi: KalshiPublic
    books: Books
    now: Callable[[], datetime]
    trades: bool = True  # else it only looks
    begins: bool = True  # new trades; else it only ends what is open
    holder: str = field(
        default_factory=lambda: f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:8]}"
    )

    def __post_init__(self) -> None:
        self._scanner = Scanner([])
        self._recorder = Recorder()
        self._due: dict[str, datetime] = {}
        self._refused: set[tuple[UUID, int, str]] = set()
        self._changed: set[str] = set()
        self._parted: dict[int, datetime] = {}
        self._kept_at: datetime | None = None  # when the lease was kept last

    def step(self) -> bool:
        """Do everything that is due now; tells whether this process has the lease."""
        now = self.now()
        if not leases.take(LEASE, holder=self.holder, now=now):
            self._kept_at = None
            return False
        if self._kept_at is None or now - self._kept_at > leases.HELD:
            self._recorder = Recorder()  # somebody else may have written rows meanwhile
        self._kept_at = now
        self.drive()
        # What takes seconds waits while a side is open: no catalogue is worth a late hedge.
        calm = not pair_views.is_pressing(now=now)
        every = MATCH_EVERY if self._scanner.pairs else MATCH_SOON
        if calm and self._is_due("match", every, now=now):
            self._match(now=now)
            if not leases.take(LEASE, holder=self.holder, now=self.now()):
                self._kept_at = None
                return False  # it took longer than the lease: somebody else goes on
        if self._is_due("reload", RELOAD_EVERY, now=now):
            self._reload()
        self._changed |= self.books.step()
        self._scan(now=self.now())
        self.drive()
        if self._is_due("mark", MARK_EVERY, now=now):
            catalogue.record_bids(self.books.latest(), now=self.now())
        if calm and self.trades and self._is_due("ends", ENDS_EVERY, now=now):
            self._read_ends()
        if self.trades and self._is_due("settle", SETTLE_EVERY, now=now):
            pair_settlement.settle(now=self.now())
        return True

    def drive(self) -> None:
        """Take every open trade on: what has a side open first, and the rest now and then."""
        if not self.trades:
            return
        now = self.now()
        rest = self._is_due("rest", REST_EVERY, now=now)
        if rest:
            pair_approvals.withdraw_gone(now=now)
        for trade_id in pair_views.just_ended(now=now) if rest else ():
            # What a venue told of it since is in the rows: whoever keeps orders asks for that.
            with one_alone(f"pair trade {trade_id}"):
                pair_trades.advance(trade_id=trade_id, now=now, stopped="")
        for trade_id in pair_views.open_trades(urgent=not rest):
            with one_alone(f"pair trade {trade_id}"):
                arbitrage.drive(
                    trade_id=trade_id,
                    now=self.now(),
                    book_at=self.books.book_at,
                    clock_now=self.now,
                )

    def close(self) -> None:
        leases.give_back(LEASE, holder=self.holder, now=self.now())

    def _is_due(self, what: str, every: timedelta, *, now: datetime) -> bool:
        last = self._due.get(what)
        if last is not None and now - last < every:
            return False
        self._due[what] = now
        return True

    def _match(self, *, now: datetime) -> None:
        catalogue.sync_games(self.polymarket, settings.POLYMARKET_SERIES, now=now)
        kalshi_catalogue.sync(self.kalshi, settings.KALSHI_SERIES, now=now)
        found = pairing.sync(now=now)
        log.info(
            "%s pairs of games, %s listings refused, %s frozen now",
            found.pairs,
            len(found.refused),
            found.frozen,
        )
        self._reload()

    def _reload(self) -> None:
        """Look at the pairs as they are now: with what people and catalogues changed."""
        pairs = opportunities.watched(pair_gathering.least_reserve)
        fresh = Scanner(pairs, caps=opportunities.caps())
        self._scanner = fresh
        ours = {half.token for each in pairs for half in (each.away, each.home)}
        theirs = {half.token for each in pairs for half in each.kalshi.values()}
        extra = _tokens_of_open_trades()
        self.books.want(polymarket=ours | extra["polymarket"], kalshi=theirs | extra["kalshi"])
        for token in fresh.tokens:
            fresh.update(token, self.books.asks(token))
        self._changed |= set(fresh.tokens)

    def _scan(self, *, now: datetime) -> None:
        """Look at the pairs whose books changed; decide on what they earn."""
        changed, self._changed = self._changed, set()
        open_pairs = {row.pair_id for row in self._recorder.open.values()}
        looked_at = self._pairs_of(changed) | open_pairs
        if not looked_at:
            return
        for token in self._tokens_of(looked_at):
            self._scanner.update(token, self.books.asks(token))
        found = self._walk(looked_at)
        # What seems to earn something is asked for again where its books are not new.
        again = self.books.refresh(
            self._tokens_of({each.pair for each in found}), older_than=TOO_OLD
        )
        if again:
            for token in again:
                self._scanner.update(token, self.books.asks(token))
            found = self._walk(looked_at)
        self._watch_parting(looked_at, now=now)
        rows = self._recorder.record(found, looked_at=looked_at, now=self.now())
        self._recorder.forget(now=now)
        for row in opportunities.by_pair(rows).values() if self.trades and self.begins else ():
            self._consider(row)

    def _consider(self, row: Opportunity) -> None:
        if row.pair_id not in self._scanner.pairs:
            return
        # A trade that began a moment ago took time: the books are those of now, like their age.
        for token in self._tokens_of([row.pair_id]):
            self._scanner.update(token, self.books.asks(token))
        halves = {route: self._scanner.halves(row.pair_id, route) for route in Route}
        ages = [self.books.age(half.token) for pair in halves.values() for half in pair]
        age = None if any(each is None for each in ages) else max(each or 0.0 for each in ages)
        seen = Seen(opportunity=row, halves=halves, book_age=age)
        began = None
        with one_alone(f"opportunity {row}"):
            began = arbitrage.consider(seen, now=self.now(), known=self._refused)
        if began is not None:
            log.info("A pair trade began: %s", began)
            self.drive()

    def _watch_parting(self, pairs: Iterable[int], *, now: datetime) -> None:
        """Freeze a pair whose venues disagree for long on what one team is worth before its game:
        one of them knows something, or they do not speak of one game.
        """
        for number in pairs:
            pair = self._scanner.pairs.get(number)
            apart = None if pair is None else _apart(pair, self._scanner)
            if apart is None or apart <= PARTED:
                self._parted.pop(number, None)
            elif now - self._parted.setdefault(number, now) > PARTED_FOR:
                words = f"The venues' prices of one team are {apart / 100:.0f}¢ apart for a minute."
                pairing.freeze(pair_id=number, why=words, now=now, before_start=True)

    def _walk(self, pairs: Iterable[int]) -> list[Found]:
        tokens = sorted(self._tokens_of(pairs))
        found: dict[tuple[int, Route], Found] = {}
        for token in tokens:
            for each in self._scanner.scan_token(token):
                found[each.pair, each.quote.route] = each
        return list(found.values())

    def _pairs_of(self, tokens: Iterable[str]) -> set[int]:
        wanted = set(tokens)
        return {
            each.pair for each in self._scanner.pairs.values() if wanted & _tokens_of_pair(each)
        }

    def _tokens_of(self, pairs: Iterable[int]) -> set[str]:
        found: set[str] = set()
        for pair in pairs:
            if pair in self._scanner.pairs:
                found |= _tokens_of_pair(self._scanner.pairs[pair])
        return found

    def _read_ends(self) -> None:
        """Ask both venues how the games of open trades ended."""
        pair_settlement.read_ends(self.polymarket, self.kalshi, now=self.now())


def _apart(pair: Watched, scanner: Scanner) -> int | None:
    """Return how far the middle prices of the away team are apart, in hundredths of a cent."""
    sides = (pair.away, pair.home, pair.kalshi[Route.R3], pair.kalshi[Route.R2])
    best = [scanner.best(side.token) for side in sides]
    if any(each is None for each in best):
        return None
    ours, other, theirs, against = (each or 0 for each in best)
    # What is asked for the other side is what is bid for this one, less a dollar.
    return abs((ours + PRICES - other) - (theirs + PRICES - against)) // 2


def _tokens_of_pair(pair: Watched) -> set[str]:
    return {pair.away.token, pair.home.token, *(half.token for half in pair.kalshi.values())}


def _tokens_of_open_trades() -> dict[str, set[str]]:
    """Return tokens whose books are needed to close something, by venue."""
    found: dict[str, set[str]] = {"polymarket": set(), "kalshi": set()}
    going: Sequence[PairTrade] = list(
        PairTrade.objects.filter(pk__in=pair_views.open_trades()).select_related(
            "first__market", "second__market"
        )
    )
    for trade in going:
        for leg in (trade.first, trade.second):
            found[leg.market.venue].add(leg.token)
    return found
