"""Polymarket's websockets (reference: polymarket.md section 10): everybody's trades, one's own
orders, and books. None of them replays what was missed, repeats nothing, or keeps an order.
"""

import json
import logging
import queue
import threading
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from operator import itemgetter
from typing import Any

import orjson

from venues import ladders
from venues.ladders import Rungs, price_of, size_of
from venues.listening import Listener
from venues.polymarket.auth import ApiKey
from venues.polymarket.parse import NotATrade, data_api_trade, unix_time
from venues.reading import BadMessage, number, text
from venues.types import Book, Trade

log = logging.getLogger(__name__)

# One bad topic would end the whole subscription without a word: ask for nothing else.
SUBSCRIBE = {"action": "subscribe", "subscriptions": [{"topic": "activity", "type": "trades"}]}
AT_ONCE = 500  # tokens of one subscription; with more, snapshots have been seen to fail
PRICE_AND_SIZE = itemgetter("price", "size")
NO_BEST = ("0", "1", "0.00", "1.00", "0.0", "1.0", 0, 1)  # of a side that is empty
FRESH = 10.0  # seconds without a frame of a token after which its book is not believed

Row = Mapping[str, Any]


class Push(Listener):
    """Everybody's trades: fast, undocumented, without replay. So it is only the quick half of a
    feed; what it may have missed is read from the Data API by whoever owns the feed.
    """

    name = "trade push"
    frames_never_stop = True

    def __init__(self, url: str, **options: float) -> None:
        super().__init__(url, **options)
        self._trades: queue.SimpleQueue[Trade] = queue.SimpleQueue()
        self._wanted: Collection[str] = frozenset()

    def want(self, wallets: Collection[str]) -> None:
        """Keep only trades of these wallets (lower case) from now on."""
        self._wanted = frozenset(wallets)

    def take(self) -> list[Trade]:
        """Return what came since the last call, in the order in which it came."""
        return list(_drained(self._trades))

    def hello(self) -> Iterable[str]:
        return (json.dumps(SUBSCRIBE),)

    def heard(self, frame: str) -> None:
        """Keep a trade of a wanted wallet; everything else is passed over."""
        for row in rows_of(frame):
            payload: Any = row.get("payload")
            if not isinstance(payload, Mapping):
                continue
            if str(payload.get("proxyWallet", "")).lower() not in self._wanted:
                continue
            try:
                self._trades.put(data_api_trade(payload))
            except NotATrade:
                continue
            except BadMessage as problem:
                log.warning("A pushed trade cannot be read: %s", problem)


class UserPush(Listener):
    """Orders and trades of one API key, as raw rows: they repeat, and come in any order."""

    name = "user stream"

    def __init__(self, url: str, *, api: ApiKey, **options: float) -> None:
        super().__init__(f"{url}/ws/user", **options)
        self._api = api
        self._rows: queue.SimpleQueue[Row] = queue.SimpleQueue()

    def take(self) -> list[Row]:
        return list(_drained(self._rows))

    def hello(self) -> Iterable[str]:
        auth = {
            "apiKey": self._api.key,
            "secret": self._api.secret.reveal(),
            "passphrase": self._api.passphrase.reveal(),
        }
        return (json.dumps({"type": "user", "auth": auth}),)

    def heard(self, frame: str) -> None:
        for row in rows_of(frame):
            if row.get("event_type") in ("order", "trade"):
                self._rows.put(row)


@dataclass
class _Ladder:
    """One book as it is built from frames."""

    bids: dict[int, int]  # size by price, in the units of `venues.ladders`
    asks: dict[int, int]
    at: datetime
    heard: float  # on the monotonic clock


class BookPush(Listener):
    """Books of the tokens that are wanted, each from a whole one and the changes after it.

    After any loss nothing is known until the next whole book: the first frame of a subscription.
    """

    name = "book stream"

    def __init__(self, url: str, **options: float) -> None:
        super().__init__(f"{url}/ws/market", **options)
        self._lock = threading.Lock()
        self._wanted: frozenset[str] = frozenset()
        self._ladders: dict[str, _Ladder] = {}
        self._ticks: dict[str, Decimal] = {}
        self._ended: set[str] = set()
        self._touched: set[str] = set()

    def want(self, tokens: Collection[str]) -> None:
        """Follow these tokens, and no others, from now on."""
        with self._lock:
            before, self._wanted = self._wanted, frozenset(tokens)
            for token in before - self._wanted:
                self._ladders.pop(token, None)
        for operation, changed in (
            ("subscribe", self._wanted - before),
            ("unsubscribe", before - self._wanted),
        ):
            for part in _parts(changed):
                self.say(json.dumps({"operation": operation, "assets_ids": part}))

    def book(self, token: str) -> Book | None:
        """Return a token's book, or None while there is none that can be believed."""
        with self._lock:
            found = self._ladders.get(token)
            if found is None or time.monotonic() - found.heard > FRESH or not self.is_live:
                return None
            return Book(
                token=token,
                bids=ladders.levels(ladders.best_bids(found.bids)),
                asks=ladders.levels(ladders.best_asks(found.asks)),
                at=found.at,
            )

    def asks(self, token: str) -> Rungs | None:
        """Return what is asked for a token, or None while nothing can be believed."""
        with self._lock:
            found = self._ladders.get(token)
            if found is None or time.monotonic() - found.heard > FRESH or not self.is_live:
                return None
            return ladders.best_asks(found.asks)

    def touched(self) -> set[str]:
        """Return tokens whose book changed, or was lost, since the last call."""
        with self._lock:
            found, self._touched = self._touched, set()
        return found

    def age(self, token: str) -> float:
        """Return how many seconds ago a token's book was last heard of."""
        with self._lock:
            found = self._ladders.get(token)
            return time.monotonic() - found.heard if found else FRESH

    def new_ticks(self) -> dict[str, Decimal]:
        """Return the tick sizes that changed since the last call, by token."""
        with self._lock:
            found, self._ticks = self._ticks, {}
        return found

    def ended(self) -> set[str]:
        """Return markets that were said to be resolved since the last call: a hint, no more."""
        with self._lock:
            found, self._ended = self._ended, set()
        return found

    def hello(self) -> Iterable[str]:
        wanted = list(_parts(self._wanted))
        first = wanted[0] if wanted else []
        yield json.dumps({"type": "market", "assets_ids": first, "custom_feature_enabled": True})
        for part in wanted[1:]:
            yield json.dumps({"operation": "subscribe", "assets_ids": part})

    def lost(self) -> None:
        with self._lock:
            self._touched |= self._ladders.keys()
            self._ladders.clear()

    def heard(self, frame: str) -> None:
        for row in rows_of(frame):
            try:
                with self._lock:
                    self._take(row)
            except (BadMessage, AttributeError, TypeError) as problem:
                log.warning("A frame about a book cannot be read: %s", problem)
                self._forget(row)

    def _take(self, row: Row) -> None:
        kind = row.get("event_type")
        if kind == "book":
            token, at = text(row, "asset_id", most=160), unix_time(row.get("timestamp"))
            known = self._ladders.get(token)
            if known is not None and at < known.at:
                return  # an old frame that came late
            self._ladders[token] = _Ladder(
                bids=_side(row, "bids"), asks=_side(row, "asks"), at=at, heard=time.monotonic()
            )
            self._touched.add(token)
        elif kind == "price_change":
            changes = row.get("price_changes") or ()
            for change in changes:
                self._change(change)
            for change in {each.get("asset_id"): each for each in changes}.values():
                self._compare(change)
        elif kind == "tick_size_change":
            token = text(row, "asset_id", most=160)
            self._ticks[token] = number(row.get("new_tick_size"), "new_tick_size")
        elif kind == "market_resolved":
            self._ended.add(text(row, "market", most=120))

    def _change(self, change: Row) -> None:
        token = str(change.get("asset_id"))
        found = self._ladders.get(token)
        if found is None:
            return  # a change before its whole book means nothing
        price, size = price_of(change.get("price")), size_of(change.get("size"))
        self._touched.add(token)
        side = found.bids if change.get("side") == "BUY" else found.asks
        if size:
            side[price] = size
        else:
            side.pop(price, None)
        found.heard = time.monotonic()

    def _compare(self, change: Row) -> None:
        """Ask for the whole book again when the venue's best prices are not ours: a frame is
        missing, or came twice.
        """
        token = str(change.get("asset_id"))
        found = self._ladders.get(token)
        if found is None:
            return
        for side, best, name in ((found.bids, max, "best_bid"), (found.asks, min, "best_ask")):
            told = change.get(name)
            if told in (None, "") or told in NO_BEST:
                continue
            if not side or best(side) != price_of(told):
                self._again(token)
                return
        if found.bids and found.asks and max(found.bids) >= min(found.asks):
            self._again(token)

    def _again(self, token: str) -> None:
        self._ladders.pop(token, None)
        self._touched.add(token)
        self.say(json.dumps({"operation": "unsubscribe", "assets_ids": [token]}))
        self.say(json.dumps({"operation": "subscribe", "assets_ids": [token]}))

    def _forget(self, row: Row) -> None:
        """Believe nothing of the tokens that an unreadable frame was about."""
        with self._lock:
            changes = row.get("price_changes")
            changes = changes if isinstance(changes, list) else []
            for named in (row, *(each for each in changes if isinstance(each, Mapping))):
                self._ladders.pop(str(named.get("asset_id")), None)
                self._touched.add(str(named.get("asset_id")))


def rows_of(frame: str) -> Iterator[Row]:
    """Yield the objects of a frame, which may be one or a list of them."""
    try:
        found = orjson.loads(frame)
    except ValueError:
        return
    for row in found if isinstance(found, list) else [found]:
        if isinstance(row, Mapping):
            yield row


def _side(row: Row, name: str) -> dict[int, int]:
    """Read one side of a whole book. Raises BadMessage."""
    levels = row.get(name)
    if not isinstance(levels, list):
        raise BadMessage(f"{name} is no list of levels")
    try:
        return ladders.sizes_of(map(PRICE_AND_SIZE, levels))
    except KeyError as missing:
        raise BadMessage(f"a level of {name} has no {missing}") from None


def _parts(tokens: Collection[str]) -> Iterator[list[str]]:
    ordered = sorted(tokens)
    for start in range(0, len(ordered), AT_ONCE):
        yield ordered[start : start + AT_ONCE]


def _drained(waiting: "queue.SimpleQueue[Any]") -> Iterator[Any]:
    with suppress(queue.Empty):
        while True:
            yield waiting.get_nowait()
