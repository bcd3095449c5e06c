"""Follow the market as it happens: the live counterpart of a replay.

One step reads what the followed whales did, the books that matter now and what ended, and hands the
work that falls due to the same code that a replay uses. Rows remember everything: a watch that was
killed goes on from the moment it last read.
"""

import logging
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from django.conf import settings

from markets import catalogue
from markets.domain import live
from markets.domain.estimators import Facts
from markets.models import Feed
from markets.queries import rows
from markets.resolutions import BadPayout
from trading import orders
from trading.domain.order_state import WORKING
from trading.hands import Hands, OwnHands
from trading.models import Order
from venues.polymarket.feed import Push
from venues.polymarket.markets import Listing
from venues.polymarket.public import Public
from venues.types import Book, Trade
from whales import ingest
from whales.ingest import Moved
from whales.models import Whale

log = logging.getLogger(__name__)

OVERLAP = timedelta(minutes=2)  # read again each time: news reach an index late and out of order
RECONCILE = timedelta(seconds=30)  # between two reads beside a push that is live
LISTED = timedelta(seconds=15)  # how old what the catalogue says of a market may be
LOOK_FOR_ENDS = timedelta(seconds=5)

# Tokens whose books matter now: a whale has just traded them, somebody holds them, or wants to.
WANTED = """
SELECT DISTINCT o.token, m.external_id AS market
  FROM markets_outcome o JOIN markets_market m ON m.id = o.market_id
 WHERE m.venue = 'polymarket' AND m.status <> 'RESOLVED' AND o.id IN (
       SELECT outcome_id FROM whales_whaletrade WHERE pending
       UNION SELECT outcome_id FROM trading_position WHERE closed_at IS NULL
       UNION SELECT outcome_id FROM trading_order WHERE state = ANY(%(working)s))
 ORDER BY o.token
"""


@dataclass(kw_only=True)
class Watch:
    """One venue's public market, watched for the whales that somebody follows."""

    feed: Feed
    public: Public
    now: Callable[[], datetime]  # the database's clock
    hands: Hands = field(default_factory=OwnHands)
    push: Push | None = None

    def __post_init__(self) -> None:
        self._window = timedelta(seconds=settings.SIGNAL_WINDOW_SECONDS)
        self._ingest = ingest.Ingest()
        self._known: dict[tuple[str, str, str, int], datetime] = {}  # trades stored of late
        self._listings: dict[str, tuple[datetime, Listing]] = {}
        self._books: dict[str, Book] = {}
        self._seen = live.Seen()
        self._looked_for_ends: datetime | None = None
        self._read_at: datetime | None = None
        self._was_live = False

    def step(self) -> None:
        """Do everything that is due now. Raises Unreadable where the venue does not answer."""
        self._read_trades()
        self._read_books()
        now = self.now()
        for signal in ingest.close_signals(now=now, window=self._window, facts=self._facts):
            self.hands.copy(signal.pk, now=now)
        self._poll()
        self._look_for_ends()

    def _read_trades(self) -> None:
        """Store what followed whales did since the last look, each trade once.

        The push brings trades at once; the Data API is read where it may have missed some. Only
        that moves the moment from which a restart reads again.
        """
        now, followed = self.now(), self._followed()
        found, clock_at = self._pushed(followed), self.feed.clock_at
        if self._must_read(now):
            since = (clock_at or now) - OVERLAP
            for address in followed:
                found += self.public.trades(address, since=since)
            self._read_at = clock_at = now
        fresh = [each for each in found if self._is_new(each)]
        fresh.sort(key=lambda trade: (trade.at, trade.transaction, trade.counter))
        position = self.feed.position + len(fresh)
        moved = Moved(feed=self.feed.pk, position=position, clock_at=clock_at)
        self._ingest.store(fresh, moved=moved)
        self.feed.position, self.feed.clock_at = position, clock_at
        forget = now - 2 * max(OVERLAP, RECONCILE)
        self._known = {key: at for key, at in self._known.items() if at > forget}

    def _pushed(self, followed: Collection[str]) -> list[Trade]:
        if self.push is None:
            return []
        self.push.want(followed)
        return self.push.take()

    def _must_read(self, now: datetime) -> bool:
        """Tell whether the push may have missed something: it is down, was down, or time passed."""
        live = self.push is not None and self.push.is_live
        came_back, self._was_live = live and not self._was_live, live
        return not live or came_back or self._read_at is None or now - self._read_at >= RECONCILE

    def _followed(self) -> list[str]:
        found = Whale.objects.filter(follows__paused=False, own=False).distinct()
        return list(found.order_by("pk").values_list("address", flat=True))

    def _is_new(self, trade: Trade) -> bool:
        key = (trade.transaction, trade.token, trade.side.value, trade.counter)
        new = key not in self._known
        self._known[key] = trade.at
        return new

    def _read_books(self) -> None:
        now = self.now()
        wanted = rows(WANTED, {"working": [state.value for state in WORKING]})
        self._read_listings({row["market"] for row in wanted}, now=now)
        # A book counts as of when it was asked for: its own time may be that of its last change.
        self._books = {
            row["token"]: replace(self.public.book(row["token"]), at=now)
            for row in wanted
            if self._is_open(row["market"])
        }
        for book in self._books.values():
            self._seen.see(book)
        catalogue.record_bids(self._books, now=now)

    def _read_listings(self, markets: Iterable[str], *, now: datetime) -> None:
        old = [
            market
            for market in sorted(markets)
            if market not in self._listings or now - self._listings[market][0] > LISTED
        ]
        found = self.public.listings(old) if old else []
        self._listings |= {each.market: (now, each) for each in found}
        self._record(found, now=now)

    def _record(self, found: Iterable[Listing], *, now: datetime) -> None:
        for each in found:
            try:
                ended = catalogue.record([each], now=now)
            except BadPayout as problem:
                log.error("Not settled: %s", problem)
                continue
            if ended:
                self.hands.settle(now=now)

    def _is_open(self, market: str) -> bool:
        known = self._listings.get(market)
        return known is None or known[1].payouts is None

    def _facts(self, market: str, token: str) -> Facts | None:
        book, listed = self._books.get(token), self._listings.get(market)
        if book is None or listed is None:
            return None
        return live.facts(
            book,
            liquidity=listed[1].liquidity,
            closes_at=listed[1].closes_at,
            seen=self._seen.of(token),
            now=book.at,
        )

    def _poll(self) -> None:
        """Let working paper orders meet the books that were read after they arrived."""
        working = [state.value for state in WORKING]
        due = Order.objects.filter(mode="PAPER", state__in=working).values_list("pk", flat=True)
        if due:
            orders.poll(order_ids=list(due), now=self.now(), book_at=self._book_at)

    def _book_at(self, token: str, at: datetime) -> Book | None:
        book = self._books.get(token)
        return book if book is not None and book.at >= at else None

    def _look_for_ends(self) -> None:
        """Ask for the end of every market that is not decided; a few at a time would never end."""
        now = self.now()
        if self._looked_for_ends is not None and now - self._looked_for_ends < LOOK_FOR_ENDS:
            return
        self._looked_for_ends = now
        undecided = catalogue.undecided()
        if undecided:
            self._record(self.public.listings(undecided), now=now)
