"""The push of everybody's trades, in a thread of its own: fast, undocumented, without replay.

So it is only the quick half of a feed. What it may have missed is read from the Data API by whoever
owns the feed: at the start, after every loss (`is_live` was false), and now and then anyway.
"""

import json
import logging
import queue
import threading
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import Any

from websockets.exceptions import WebSocketException
from websockets.sync.client import connect
from websockets.sync.connection import Connection

from venues.polymarket.parse import BadMessage, NotATrade, data_api_trade
from venues.types import Trade

log = logging.getLogger(__name__)

# One bad topic would end the whole subscription without a word: ask for nothing else.
SUBSCRIBE = {"action": "subscribe", "subscriptions": [{"topic": "activity", "type": "trades"}]}
PING_SECONDS = 5.0
SILENCE = 30.0  # seconds without a frame, after which the connection is taken for dead
WAITS = (1.0, 2.0, 5.0, 10.0)  # seconds before the next try


class Push:
    """Listens until it is closed; connects again after any loss."""

    def __init__(self, url: str, *, silence: float = SILENCE, ping: float = PING_SECONDS) -> None:
        self._url, self._silence, self._ping = url, silence, ping
        self._trades: queue.SimpleQueue[Trade] = queue.SimpleQueue()
        self._wanted: Collection[str] = frozenset()
        self._closing = threading.Event()
        self._connected = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="polymarket-push", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Stop listening; returns once the thread has ended."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(self._silence + self._ping)

    @property
    def is_live(self) -> bool:
        """Tell whether trades of this moment would arrive."""
        return self._connected.is_set()

    def want(self, wallets: Collection[str]) -> None:
        """Keep only trades of these wallets (lower case) from now on."""
        self._wanted = frozenset(wallets)

    def take(self) -> list[Trade]:
        """Return what came since the last call, in the order in which it came."""
        found: list[Trade] = []
        with suppress(queue.Empty):
            while True:
                found.append(self._trades.get_nowait())
        return found

    def _listen(self) -> None:
        failures = 0
        while not self._closing.is_set():
            try:
                with connect(self._url, open_timeout=10, close_timeout=1) as socket:
                    socket.send(json.dumps(SUBSCRIBE))
                    self._connected.set()
                    failures = 0
                    self._hear(socket)
            except (OSError, WebSocketException, TimeoutError) as problem:
                log.warning("The trade push was lost: %s", problem or type(problem).__name__)
            finally:
                self._connected.clear()
            self._closing.wait(WAITS[min(failures, len(WAITS) - 1)])
            failures += 1

    def _hear(self, socket: Connection) -> None:
        """Read frames until somebody hangs up, we close, or nothing comes for too long."""
        heard = time.monotonic()
        while not self._closing.is_set():
            if time.monotonic() - heard > self._silence:
                log.warning("The trade push is silent; connecting again")
                return
            try:
                frame = socket.recv(timeout=self._ping)
            except TimeoutError:
                socket.send("PING")
                continue
            if frame not in ("PONG", "pong", ""):
                heard = time.monotonic()
                self._keep(frame)

    def _keep(self, frame: str | bytes) -> None:
        """Keep a trade of a wanted wallet; everything else is passed over."""
        try:
            row = json.loads(frame)
        except ValueError:
            return
        payload: Any = row.get("payload") if isinstance(row, Mapping) else None
        if not isinstance(payload, Mapping):
            return
        if str(payload.get("proxyWallet", "")).lower() not in self._wanted:
            return
        try:
            self._trades.put(data_api_trade(payload))
        except NotATrade:
            return
        except BadMessage as problem:
            log.warning("A pushed trade cannot be read: %s", problem)
