"""Follow the market as it happens: the live counterpart of a replay.

One step reads what the followed whales did, the books that matter now and what ended, and hands the
work that falls due to the same code that a replay uses. Rows remember everything: a watch that was
killed goes on from the moment it last read.

What cannot be read costs only itself: a wallet is read at a later step, a market without a book
has no facts and is refused. The feed counts as seen only after a step that could read everything.
"""

import logging
from collections.abc import Callable, Iterable
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
from trading.chain_feed import ChainFeed
from trading.domain.order_state import WORKING
from trading.hands import Hands, OwnHands
from trading.models import Order
from venues.errors import Unreadable
from venues.polymarket.markets import Listing
from venues.polymarket.public import Public
from venues.polymarket.stream import BookPush, Push
from venues.types import Book, Trade
from whales import ingest

log = logging.getLogger(__name__)

OVERLAP = timedelta(minutes=6)  # read again each time: caches and indexes are minutes late
RECONCILE = timedelta(seconds=30)  # between two reads beside a push that is live
TRY_AGAIN = timedelta(seconds=5)  # after a read that failed
LISTED = timedelta(seconds=15)  # how old what the catalogue says of a market may be
LOOK_FOR_ENDS = timedelta(seconds=30)
ENDS_AT_ONCE = 100  # markets that are asked for their end in one step

# Whose trades matter: somebody follows them, or still holds what was bought from them.
WATCHED = """
SELECT w.address FROM whales_whale w
 WHERE NOT w.own AND (
       EXISTS (SELECT FROM whales_follow f WHERE f.whale_id = w.id AND NOT f.paused)
    OR EXISTS (SELECT FROM trading_order o
                 JOIN trading_position p ON p.account_id = o.account_id
                                        AND p.outcome_id = o.outcome_id
                WHERE o.whale_id = w.id AND p.closed_at IS NULL))
 ORDER BY w.id
"""
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
    chain: ChainFeed | None = None  # the first source, where there is a node
    books: BookPush | None = None

    def __post_init__(self) -> None:
        self._window = timedelta(seconds=settings.SIGNAL_WINDOW_SECONDS)
        self._ingest = ingest.Ingest()
        self._known: dict[tuple[str, str, str, int], datetime] = {}  # trades stored of late
        self._listings: dict[str, tuple[datetime, Listing]] = {}
        self._books: dict[str, Book] = {}
        self._seen = live.Seen()
        self._looked_for_ends: datetime | None = None
        self._after = ""  # the market that was asked last for its end
        self._next_read: datetime | None = None
        self._read_failed = False
        self._was_live = False  # when the last whole read was made
        self._failed: dict[str, str] = {}  # what could not be read in this step, and why
        self._silent: set[str] = set()  # what could not be read in the step before
        self._told: set[str] = set()  # disputes that were told in the log

    def step(self) -> None:
        """Do everything that is due now. Raises Unreadable where nothing could be read."""
        self._failed = {}
        self._keep_pushed()
        tried = self._read_trades() + self._read_books()
        now = self.now()
        for signal in ingest.close_signals(now=now, window=self._window, facts=self._facts):
            self.hands.copy(signal.pk, now=now)
        self._poll()
        self._look_for_ends()
        self._say_what_failed()
        if not self._failed:
            self.feed.seen_at = now
            self.feed.save(update_fields=["seen_at"])
        elif len(self._failed) >= tried:
            raise Unreadable(next(iter(self._failed.values())))

    def _keep_pushed(self) -> None:
        """Store what was pushed before anything else is tried."""
        if self.push is None and self.chain is None:
            return
        watched = self._watched()
        if self.chain is not None:
            try:
                self._store(self.chain.take(watched))
                self.chain.stored()
            except Unreadable as problem:
                self._failed["chain"] = str(problem)
        if self.push is not None:
            self.push.want(watched)
            self._store(self.push.take())

    def _read_trades(self) -> int:
        """Read what watched whales did, where the push may have missed it; returns how many reads
        that took. Only a whole read moves the moment from which the next one, or a restart, begins.
        """
        now, is_live = self.now(), self._is_pushed()
        waits = self._next_read is not None and now < self._next_read
        if waits and (self._read_failed or (is_live and self._was_live)):
            return 0
        since = (self.feed.clock_at or now) - OVERLAP
        watched, found = self._watched(), list[Trade]()
        for address in watched:
            try:
                found += self.public.trades(address, since=since)
            except Unreadable as problem:
                self._failed[address] = str(problem)
        self._store(found)
        self._read_failed = bool(self._failed)
        self._next_read = now + (TRY_AGAIN if self._read_failed else RECONCILE)
        if not self._read_failed:
            self._was_live, self.feed.clock_at = is_live, now
            self.feed.save(update_fields=["clock_at"])
        return len(watched)

    def _is_pushed(self) -> bool:
        """Tell whether trades of this moment would arrive without a read."""
        return any(each is not None and each.is_live for each in (self.push, self.chain))

    def _store(self, found: Iterable[Trade]) -> None:
        """Store trades that are new, each once, whichever way they came."""
        fresh = [each for each in found if self._is_new(each)]
        if not fresh:
            return
        fresh.sort(key=lambda trade: (trade.at, trade.transaction, trade.counter))
        stored = self._ingest.store(fresh)
        self.feed.position += stored.new
        self.feed.save(update_fields=["position"])
        for each in fresh:
            self._known[_key(each)] = each.at
        forget = self.now() - 2 * OVERLAP
        self._known = {key: at for key, at in self._known.items() if at > forget}

    def _is_new(self, trade: Trade) -> bool:
        return _key(trade) not in self._known

    def _watched(self) -> list[str]:
        return [row["address"] for row in rows(WATCHED, {})]

    def _read_books(self) -> int:
        """Read the books of all wanted tokens; returns how many that are."""
        now = self.now()
        wanted = rows(WANTED, {"working": [state.value for state in WORKING]})
        self._read_listings({row["market"] for row in wanted}, now=now)
        self._books = {}
        tokens = [row["token"] for row in wanted if self._is_open(row["market"])]
        self._heed_books(tokens)
        for token in tokens:
            try:
                self._remember_past(token, now=now)
                self._books[token] = self._book(token, now=now)
            except Unreadable as problem:
                self._failed[token] = str(problem)
        for book in self._books.values():
            self._seen.see(book)
        self._seen.keep(tokens)
        catalogue.record_bids(self._books, now=now)
        return len(tokens)

    def _book(self, token: str, *, now: datetime) -> Book:
        """Return a book: as it was pushed, or as it is read where the push cannot be believed.

        It counts as of when it was heard of or asked for: its own time may be of its last change.
        """
        pushed = self.books.book(token) if self.books is not None else None
        if pushed is None or self.books is None:
            return replace(self.public.book(token), at=now)
        return replace(pushed, at=now - timedelta(seconds=self.books.age(token)))

    def _heed_books(self, tokens: list[str]) -> None:
        """Follow these books, and take what their stream told of the markets themselves."""
        if self.books is None:
            return
        self.books.want(tokens)
        catalogue.record_ticks(self.books.new_ticks())
        for market in self.books.ended():
            self._listings.pop(market, None)  # a hint: the catalogue is asked at once
            self._looked_for_ends = None

    def _remember_past(self, token: str, *, now: datetime) -> None:
        """Learn a token's prices of the last day when it is looked at for the first time."""
        if not self._seen.knows(token):
            self._seen.remember(token, self.public.prices(token), now=now)

    def _read_listings(self, markets: Iterable[str], *, now: datetime) -> None:
        old = [
            market
            for market in sorted(markets)
            if market not in self._listings or now - self._listings[market][0] > LISTED
        ]
        kept = set(markets)
        self._listings = {name: each for name, each in self._listings.items() if name in kept}
        found = self._ask(old)
        self._listings |= {each.market: (now, each) for each in found}
        self._record(found, now=now)

    def _ask(self, markets: list[str]) -> list[Listing]:
        """Return what the catalogue says of markets; nothing where it does not answer."""
        try:
            return self.public.listings(markets) if markets else []
        except Unreadable as problem:
            self._failed["catalogue"] = str(problem)
            return []

    def _record(self, found: Iterable[Listing], *, now: datetime) -> None:
        ended = 0
        for each in found:
            try:
                ended += catalogue.record([each], now=now)
            except BadPayout as problem:
                if str(problem) not in self._told:
                    log.error("Not settled: %s", problem)
                    self._told.add(str(problem))
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
            volatility=self._seen.volatility(token, now=book.at),
            now=book.at,
        )

    def _poll(self) -> None:
        """Let working paper orders meet the books that were read after they arrived."""
        working = [state.value for state in WORKING]
        copies = Order.objects.filter(mode="PAPER", state__in=working, pair_trade=None)
        due = copies.values_list("pk", flat=True)
        if due:
            orders.poll(order_ids=list(due), now=self.now(), book_at=self._book_at)

    def _book_at(self, token: str, at: datetime) -> Book | None:
        book = self._books.get(token)
        return book if book is not None and book.at >= at else None

    def _look_for_ends(self) -> None:
        """Ask for the end of markets that nobody looks at now: some each time, in turn."""
        now = self.now()
        if self._looked_for_ends is not None and now - self._looked_for_ends < LOOK_FOR_ENDS:
            return
        self._looked_for_ends = now
        markets = catalogue.to_ask(after=self._after, most=ENDS_AT_ONCE, now=now)
        self._after = markets[-1] if len(markets) == ENDS_AT_ONCE else ""
        self._record(self._ask(markets), now=now)

    def _say_what_failed(self) -> None:
        """Tell of each thing that cannot be read once, until it can be read again."""
        for name, why in self._failed.items():
            if name not in self._silent:
                log.warning("Cannot read %s: %s", name, why)
        self._silent = set(self._failed)


def _key(trade: Trade) -> tuple[str, str, str, int]:
    return trade.transaction, trade.token, f"{trade.source} {trade.side.value}", trade.counter
