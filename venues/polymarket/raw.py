"""What the live feeds say, word for word, for whoever writes it down."""

import json
import queue
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from venues.listening import Listener
from venues.polymarket.stream import SUBSCRIBE, rows_of

Told = tuple[str, datetime, dict[str, Any]]  # channel, when it came, the message
BOOK_EVENTS = frozenset({"book", "price_change", "tick_size_change", "market_resolved"})


class RawTrades(Listener):
    """Everybody's trades, or those of some wallets, as they were pushed."""

    name = "trade push"
    frames_never_stop = True

    def __init__(self, url: str, *, wallets: Collection[str] = (), **options: float) -> None:
        super().__init__(url, **options)
        self._wallets = frozenset(wallet.lower() for wallet in wallets)
        self._told: queue.SimpleQueue[Told] = queue.SimpleQueue()

    def hello(self) -> Iterable[str]:
        return (json.dumps(SUBSCRIBE),)

    def heard(self, frame: str) -> None:
        for row in rows_of(frame):
            payload = row.get("payload")
            if isinstance(payload, Mapping) and (
                not self._wallets or str(payload.get("proxyWallet")).lower() in self._wallets
            ):
                self._told.put(("trades", datetime.now(UTC), dict(payload)))

    def take(self) -> list[Told]:
        return _drained(self._told)


class RawBooks(Listener):
    """Books of some tokens and every change of them, as they were pushed."""

    name = "book stream"

    def __init__(self, url: str, *, tokens: Collection[str], **options: float) -> None:
        super().__init__(f"{url}/ws/market", **options)
        self._tokens = sorted(tokens)
        self._told: queue.SimpleQueue[Told] = queue.SimpleQueue()

    def hello(self) -> Iterable[str]:
        asked = {"type": "market", "assets_ids": self._tokens, "custom_feature_enabled": True}
        return (json.dumps(asked),)

    def heard(self, frame: str) -> None:
        for row in rows_of(frame):
            kind = str(row.get("event_type"))
            if kind in BOOK_EVENTS:
                self._told.put((kind, datetime.now(UTC), dict(row)))

    def take(self) -> list[Told]:
        return _drained(self._told)


def _drained(told: "queue.SimpleQueue[Told]") -> list[Told]:
    found: list[Told] = []
    with suppress(queue.Empty):
        while True:
            found.append(told.get_nowait())
    return found
