"""The books of both venues as pairs need them: pushed where they are, read where they are not.

A book counts as of when it was heard of or asked for. One that is quiet is asked for again before
anything is decided on it: silence of a stream proves nothing.
"""

import logging
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from venues import ladders
from venues.errors import Unreadable
from venues.kalshi.parse import split
from venues.kalshi.public import Public as KalshiPublic
from venues.kalshi.stream import BookPush as KalshiPush
from venues.ladders import Asks, Rungs
from venues.polymarket.public import Public as PolymarketPublic
from venues.polymarket.stream import BookPush as PolymarketPush
from venues.types import Book

log = logging.getLogger(__name__)

READ_KALSHI = 0.5  # seconds between two reads of all its books, without a stream
READ_QUIET = 5.0  # seconds after which a quiet book is read again, whatever it earns
AT_ONCE = 20  # books of Polymarket that are read in one step


@dataclass(frozen=True, slots=True)
class _Kept:
    """A book that was read: what is asked at once, all of it when somebody needs it."""

    asks: Rungs | Asks
    book: Callable[[], Book]
    heard: float  # on the monotonic clock


@dataclass(kw_only=True)
class Books:
    """Knows the latest believable book of every token that is wanted."""

    polymarket: PolymarketPublic
    kalshi: KalshiPublic
    now: Callable[[], datetime]
    polymarket_push: PolymarketPush | None = None
    kalshi_push: KalshiPush | None = None  # needs a key; without one its books are read
    _ours: frozenset[str] = frozenset()
    _theirs: frozenset[str] = frozenset()  # tokens
    _kept: dict[str, _Kept] = field(default_factory=dict)
    _read_kalshi_at: float = 0.0
    _read_ours_at: dict[str, float] = field(default_factory=dict)

    def want(self, *, polymarket: Collection[str], kalshi: Collection[str]) -> None:
        """Follow these tokens, and no others, from now on."""
        self._ours, self._theirs = frozenset(polymarket), frozenset(kalshi)
        self._kept = {
            token: each for token, each in self._kept.items() if token in self._ours | self._theirs
        }
        if self.polymarket_push is not None:
            self.polymarket_push.want(self._ours)
        if self.kalshi_push is not None:
            self.kalshi_push.want({split(token)[0] for token in self._theirs})

    def step(self) -> set[str]:
        """Hear and read what is due; returns the tokens whose books may have changed."""
        touched: set[str] = set()
        if self.polymarket_push is not None:
            touched |= self.polymarket_push.touched() & self._ours
        if self.kalshi_push is not None:
            touched |= self.kalshi_push.touched() & self._theirs
        touched |= self._read_quiet()
        if not self._is_pushed_kalshi() and self._is_due_kalshi():
            touched |= self._read_kalshi(self._theirs)
        return touched

    def asks(self, token: str) -> Rungs | Asks:
        """Return what is asked for a token, best first; nothing where no book is believed."""
        kept = self._kept.get(token)
        if self._is_pushed(token):
            push = self._push_of(token)
            return (push.asks(token) if push is not None else None) or ()
        return () if kept is None else kept.asks

    def age(self, token: str) -> float | None:
        """Return how many seconds ago a book was heard of or asked for; None where there is none.

        The younger of what was pushed and what was read counts.
        """
        ages = [
            each for each in (self._pushed_age(token), self._kept_age(token)) if each is not None
        ]
        return min(ages, default=None)

    def _is_older(self, token: str, seconds: float) -> bool:
        """Tell whether a book is older than that, or not known at all."""
        age = self.age(token)
        return age is None or age > seconds

    def _pushed_age(self, token: str) -> float | None:
        """Return how old a pushed book is; None where none is believed."""
        push = self._push_of(token)
        if push is None or push.asks(token) is None:
            return None
        return push.age(token)

    def _kept_age(self, token: str) -> float | None:
        kept = self._kept.get(token)
        return None if kept is None else time.monotonic() - kept.heard

    def _is_pushed(self, token: str) -> bool:
        """Tell whether what was pushed is younger than what was read: the younger one is believed,
        as a stream that lost a frame does not know it.
        """
        pushed, kept = self._pushed_age(token), self._kept_age(token)
        return pushed is not None and (kept is None or pushed <= kept)

    def refresh(self, tokens: Iterable[str], *, older_than: float) -> set[str]:
        """Ask again for books that are older; returns those that were read."""
        old = [token for token in tokens if self._is_older(token, older_than)]
        read = {token for token in old if token in self._ours and self._read_ours(token)}
        theirs = [token for token in old if token in self._theirs]
        return read | (self._read_kalshi(theirs) if theirs else set())

    def book_at(self, token: str, at: datetime) -> Book | None:
        """Return the first book that is known to be of a time or later; asks for one if need be."""
        now = self.now()
        if at > now:
            return None
        found = self._latest(token, now=now)
        if found is None or found.at < at:
            self.refresh([token], older_than=0.0)
            kept = self._kept.get(token)
            found = None if kept is None else kept.book()
        return found if found is not None and found.at >= at else None

    def latest(self) -> dict[str, Book]:
        """Return the books of all tokens, for marks."""
        now = self.now()
        found = ((token, self._latest(token, now=now)) for token in self._ours | self._theirs)
        return {token: book for token, book in found if book is not None}

    def _latest(self, token: str, *, now: datetime) -> Book | None:
        push = self._push_of(token) if self._is_pushed(token) else None
        book = push.book(token) if push is not None else None
        kept = self._kept.get(token)
        if book is not None:
            age = self._pushed_age(token) or 0.0
            return Book(
                token=token,
                bids=book.bids,
                asks=book.asks,
                at=now - timedelta(seconds=age),
            )
        return kept.book() if kept is not None else None

    def _push_of(self, token: str) -> PolymarketPush | KalshiPush | None:
        return self.polymarket_push if token in self._ours else self.kalshi_push

    def _is_pushed_kalshi(self) -> bool:
        push = self.kalshi_push
        return push is not None and all(push.asks(token) is not None for token in self._theirs)

    def _is_due_kalshi(self) -> bool:
        return bool(self._theirs) and time.monotonic() - self._read_kalshi_at >= READ_KALSHI

    def _read_quiet(self) -> set[str]:
        """Read some of Polymarket's books that nothing was heard of for a while."""
        now = time.monotonic()
        quiet = [
            token
            for token in sorted(self._ours, key=lambda each: self._read_ours_at.get(each, 0.0))
            if self._is_older(token, READ_QUIET) and now - self._read_ours_at.get(token, 0.0) > 1.0
        ]
        return {token for token in quiet[:AT_ONCE] if self._read_ours(token)}

    def _read_ours(self, token: str) -> bool:
        self._read_ours_at[token] = time.monotonic()
        asked, at = time.monotonic(), self.now()
        try:
            book = self.polymarket.book(token)
        except Unreadable as problem:
            log.warning("A book of Polymarket cannot be read: %s", problem)
            return False
        whole = Book(token=token, bids=book.bids, asks=book.asks, at=at)
        self._kept[token] = _Kept(ladders.rungs(book.asks), lambda: whole, asked)
        return True

    def _read_kalshi(self, tokens: Collection[str]) -> set[str]:
        self._read_kalshi_at = time.monotonic()
        asked, at = time.monotonic(), self.now()
        try:
            tickers = sorted({split(token)[0] for token in tokens})
            found = self.kalshi.written_books(tickers, at=at)
        except Unreadable as problem:
            log.warning("The books of Kalshi cannot be read: %s", problem)
            return set()
        for token, book in found.items():
            if token in self._theirs:
                self._kept[token] = _Kept(book.asks, book.book, asked)
        return set(found) & self._theirs
