"""Kalshi's websocket (reference: kalshi.md section 7): one's own orders, and books.

Books have one sequence number for all markets of a subscription: a number that is missing makes
all of them worthless, and whole ones are asked for again.
"""

import json
import logging
import queue
import threading
import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import orjson

from venues import ladders
from venues.kalshi.auth import Clock, Keys, ServerClock, signed_headers
from venues.kalshi.parse import NO, YES, split, token_of
from venues.ladders import Rungs, price_of, size_of
from venues.listening import Listener
from venues.reading import BadMessage, number, text
from venues.types import Book

log = logging.getLogger(__name__)

FRESH = 15.0  # seconds without any sign of life after which no book is believed
TERMINAL = (10, 25)  # errors after which a subscription is dead
OWN_CHANNELS = ["fill", "user_orders", "market_positions"]
OWN_TYPES = ("fill", "user_order")

Row = Mapping[str, Any]


class Stream(Listener):
    """A signed connection: it needs a key even for what everybody may read."""

    ping_text = ""

    def __init__(
        self, url: str, *, keys: Keys, now: Clock, clock: ServerClock, **options: float
    ) -> None:
        super().__init__(url, **options)
        self._path, self._keys, self._now, self._clock = urlsplit(url).path, keys, now, clock
        self.needs: set[int] = set()  # numbers of commands whose refusal would leave it deaf

    def headers(self) -> dict[str, str]:
        self._clock.check()  # as far as REST has heard of it
        return signed_headers(self._keys, method="GET", path=self._path, now=self._now())

    def heard(self, frame: str) -> None:
        try:
            row = orjson.loads(frame)
        except ValueError:
            return
        if not isinstance(row, Mapping):
            return
        if row.get("type") == "error":
            self._erred(row)
            return
        try:
            self.told(row)
        except (BadMessage, AttributeError, TypeError, ArithmeticError) as problem:
            log.warning("A frame of the %s cannot be read: %s", self.name, problem)
            self.spoiled()

    def told(self, row: Row) -> None:
        """Take one message. Raises BadMessage."""

    def spoiled(self) -> None:
        """Believe nothing that the unreadable message may have been about."""

    def _erred(self, row: Row) -> None:
        found = row.get("msg")
        code = found.get("code") if isinstance(found, Mapping) else None
        log.warning("Kalshi's %s says %s", self.name, str(found)[:200])
        if code in TERMINAL or row.get("id") in self.needs:
            self.hang_up()


class UserPush(Stream):
    """Own fills and orders, as raw rows: they repeat, and come in any order."""

    name = "user stream of Kalshi"

    def __init__(self, url: str, **options: Any) -> None:
        super().__init__(url, **options)
        self._rows: queue.SimpleQueue[Row] = queue.SimpleQueue()

    def take(self) -> list[Row]:
        found: list[Row] = []
        while not self._rows.empty():
            found.append(self._rows.get_nowait())
        return found

    def hello(self) -> Iterable[str]:
        yield command(1, "subscribe", channels=OWN_CHANNELS)

    def told(self, row: Row) -> None:
        message = row.get("msg")
        if row.get("type") in OWN_TYPES and isinstance(message, Mapping):
            self._rows.put(message)


@dataclass
class _Ladders:
    """Both ladders of a market as they are built from frames."""

    yes: dict[int, int]  # bids, size by price, in the units of `venues.ladders`
    no: dict[int, int]
    heard: float  # on the monotonic clock

    def of(self, outcome: str) -> tuple[dict[int, int], dict[int, int]]:
        """Return the bids of an outcome, and those of the other one."""
        return (self.yes, self.no) if outcome == YES else (self.no, self.yes)


class BookPush(Stream):
    """Books of the markets that are wanted, each from a whole one and the changes after it."""

    name = "book stream of Kalshi"

    def __init__(self, url: str, **options: Any) -> None:
        super().__init__(url, **options)
        self._lock = threading.Lock()
        self._wanted: frozenset[str] = frozenset()
        self._ladders: dict[str, _Ladders] = {}
        self._sid, self._seq, self._number = 0, 0, 1
        self._alive = 0.0  # when anything was heard last, on the monotonic clock
        self._at = datetime.min.replace(tzinfo=UTC)
        self._touched: set[str] = set()

    def want(self, tickers: Collection[str]) -> None:
        """Follow these markets, and no others, from now on."""
        with self._lock:
            before, self._wanted = self._wanted, frozenset(tickers)
            for gone in before - self._wanted:
                self._ladders.pop(gone, None)
            sid = self._sid
        if not sid:
            if self._wanted:
                self.hang_up()  # nothing was followed: the next greeting asks for all of it
            return
        for action, some in (
            ("add_markets", self._wanted - before),
            ("delete_markets", before - self._wanted),
        ):
            if some:
                self._update(sid, action, some)

    def book(self, token: str) -> Book | None:
        """Return an outcome's book, or None while it is not known to be whole and fresh."""
        ticker, outcome = split(token)
        with self._lock:
            found = self._believed(ticker)
            if found is None:
                return None
            own, other = found.of(outcome)
            return Book(
                token=token,
                bids=ladders.levels(ladders.best_bids(own)),
                asks=ladders.levels(ladders.mirrored(other)),
                at=self._at,
            )

    def asks(self, token: str) -> Rungs | None:
        """Return what is asked for an outcome, or None while nothing can be believed."""
        ticker, outcome = split(token)
        with self._lock:
            found = self._believed(ticker)
            return None if found is None else ladders.mirrored(found.of(outcome)[1])

    def touched(self) -> set[str]:
        """Return tokens whose book changed, or was lost, since the last call."""
        with self._lock:
            found, self._touched = self._touched, set()
        return {token_of(ticker, outcome) for ticker in found for outcome in (YES, NO)}

    def age(self, token: str) -> float:
        """Return how many seconds ago a token's book was last heard of: a connection that lives
        does not prove that a market's subscription does.
        """
        with self._lock:
            found = self._ladders.get(split(token)[0])
            return time.monotonic() - found.heard if found else FRESH

    def _believed(self, ticker: str) -> _Ladders | None:
        fresh = self.is_live and time.monotonic() - self._alive <= FRESH
        return self._ladders.get(ticker) if fresh else None

    def hello(self) -> Iterable[str]:
        wanted = sorted(self._wanted)
        if wanted:
            yield command(1, "subscribe", channels=["orderbook_delta"], market_tickers=wanted)

    def lost(self) -> None:
        with self._lock:
            self._touched |= self._ladders.keys()
            self._ladders.clear()
            self._sid = self._seq = 0

    def alive(self) -> None:
        """A quiet market is no stale one, as long as its connection answers."""
        self._alive, self._at = time.monotonic(), self._now()

    def spoiled(self) -> None:
        self._whole_again()

    def told(self, row: Row) -> None:
        kind, message = row.get("type"), row.get("msg")
        self.alive()
        if kind == "subscribed" and isinstance(message, Mapping):
            with self._lock:
                self._sid, self._seq = int(number(message.get("sid"), "sid")), 0
            return
        if "seq" in row and row.get("sid") == self._sid and not self._follows(row):
            self._whole_again()
            return
        if isinstance(message, Mapping):
            with self._lock:
                whole = self._take(str(kind), message)
            if not whole:
                self._whole_again()

    def _follows(self, row: Row) -> bool:
        """Count a message; tell whether it is the one after the last."""
        seq = int(number(row["seq"], "seq"))
        expected, self._seq = self._seq + 1, seq
        return seq == expected

    def _take(self, kind: str, message: Row) -> bool:
        """Build ladders; returns whether they still can be believed."""
        if kind == "orderbook_snapshot":
            ticker = text(message, "market_ticker", most=120)
            self._ladders[ticker] = _Ladders(
                yes=_side(message, "yes_dollars_fp"),
                no=_side(message, "no_dollars_fp"),
                heard=time.monotonic(),
            )
            self._touched.add(ticker)
        elif kind == "orderbook_delta":
            ticker = text(message, "market_ticker", most=120)
            found = self._ladders.get(ticker)
            if found is None:
                return True  # a change before its whole book means nothing
            self._touched.add(ticker)
            found.heard = time.monotonic()
            side = {YES: found.yes, NO: found.no}.get(str(message.get("side")))
            if side is None:
                raise BadMessage(f"side {str(message.get('side'))[:20]!r} is neither yes nor no")
            price = price_of(message.get("price_dollars"))
            count = side.get(price, 0) + size_of(message.get("delta_fp"))
            side[price] = count
            if not count:
                del side[price]
            return count >= 0
        return True

    def _whole_again(self) -> None:
        """Forget all books and ask for whole ones: any of them may lack a change."""
        with self._lock:
            self._touched |= self._ladders.keys()
            self._ladders.clear()
            sid, wanted = self._sid, self._wanted
        if sid and wanted:
            log.warning("The %s lost a frame; whole books are asked for again", self.name)
            self._update(sid, "get_snapshot", wanted)

    def _update(self, sid: int, action: str, tickers: Collection[str]) -> None:
        self._number += 1
        if action == "get_snapshot":
            self.needs.add(self._number)
        self.say(
            command(
                self._number,
                "update_subscription",
                sids=[sid],
                action=action,
                market_tickers=sorted(tickers),
            )
        )


def command(number: int, name: str, **params: Any) -> str:
    """Return a command as it is sent."""
    return json.dumps({"id": number, "cmd": name, "params": params})


def _side(message: Row, name: str) -> dict[int, int]:
    """Read one ladder; an empty one has no key. Raises BadMessage."""
    levels = message.get(name) or ()
    if any(not isinstance(level, list) or len(level) != 2 for level in levels):
        raise BadMessage(f"{name} has {str(levels)[:80]!r}, not prices and counts")
    return ladders.sizes_of(levels)
