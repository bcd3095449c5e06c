"""A websocket that is kept open in a thread of its own: connect, greet, hear, connect again.

What was told while it was down is lost. Whoever owns a listener reads that elsewhere after every
time at which `is_live` was false.
"""

import logging
import threading
import time
from collections.abc import Iterable
from contextlib import suppress

from websockets.exceptions import WebSocketException
from websockets.sync.client import connect
from websockets.sync.connection import Connection

from venues.errors import NotSent

log = logging.getLogger(__name__)

PING_SECONDS = 5.0
SILENCE = 30.0  # seconds without a sign of life, after which the connection is taken for dead
WAITS = (1.0, 2.0, 5.0, 10.0)  # seconds before the next try
LARGEST = 4_000_000  # bytes of one frame


class Listener:
    """Listens until it is closed; connects again after any loss.

    Subclasses say `hello` and read what is `heard`. Where frames are rare by nature a pong is a
    sign of life too; where they never stop, silence with pongs is a stalled stream.
    """

    name = "stream"
    frames_never_stop = False
    ping_text = "PING"  # empty: a ping of the protocol itself

    def __init__(self, url: str, *, silence: float = SILENCE, ping: float = PING_SECONDS) -> None:
        self._url, self._silence, self._ping = url, silence, ping
        self._closing, self._connected = threading.Event(), threading.Event()
        self._socket: Connection | None = None
        self._hung_up = False  # by ourselves, to greet anew
        self._thread = threading.Thread(target=self._listen, name=self.name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Stop listening; returns once the thread has ended."""
        self._closing.set()
        self.hang_up()  # or it would wait for the next frame first
        if self._thread.is_alive():
            self._thread.join(self._silence + self._ping)

    @property
    def is_live(self) -> bool:
        """Tell whether what happens at this moment would be heard."""
        return self._connected.is_set()

    def headers(self) -> dict[str, str]:
        """Return what a new connection is asked for with."""
        return {}

    def hello(self) -> Iterable[str]:
        """Return what is said first on every new connection."""
        return ()

    def heard(self, frame: str) -> None:
        """Take one frame that is no pong. Must not raise."""

    def alive(self) -> None:
        """Note that the connection answered, though it had nothing to tell."""

    def lost(self) -> None:
        """Forget what only a whole stream can know."""

    def say(self, frame: str) -> None:
        """Send something on the connection that is open now, if one is."""
        socket = self._socket
        if socket is not None:
            with suppress(OSError, WebSocketException):
                socket.send(frame)

    def hang_up(self) -> None:
        """End this connection, so that the next one greets anew."""
        socket = self._socket
        if socket is not None:
            self._hung_up = True
            with suppress(OSError, WebSocketException):
                socket.close()

    def _listen(self) -> None:
        failures = 0
        while not self._closing.is_set():
            try:
                with connect(
                    self._url,
                    open_timeout=10,
                    close_timeout=1,
                    max_size=LARGEST,
                    additional_headers=self.headers(),
                ) as socket:
                    for frame in self.hello():
                        socket.send(frame)
                    self._socket = socket
                    self._connected.set()
                    failures = 0
                    self._hear(socket)
            except (OSError, WebSocketException, TimeoutError, NotSent) as problem:
                if not self._hung_up:
                    log.warning("The %s was lost: %s", self.name, problem or type(problem).__name__)
            finally:
                self._socket, self._hung_up = None, False
                self._connected.clear()
                self.lost()
            self._closing.wait(WAITS[min(failures, len(WAITS) - 1)])
            failures += 1

    def _hear(self, socket: Connection) -> None:
        """Read frames until somebody hangs up, we close, or nothing comes for too long."""
        heard = time.monotonic()
        while not self._closing.is_set():
            if time.monotonic() - heard > self._silence:
                log.warning("The %s is silent; connecting again", self.name)
                return
            try:
                frame = socket.recv(timeout=self._ping)
            except TimeoutError:
                if self._is_alive(socket):
                    heard = time.monotonic()
                    self.alive()
                continue
            is_pong = frame in ("PONG", "pong", "")
            if not is_pong or not self.frames_never_stop:
                heard = time.monotonic()
            if not is_pong:
                self.heard(frame if isinstance(frame, str) else frame.decode("utf-8", "replace"))

    def _is_alive(self, socket: Connection) -> bool:
        """Ping; tell whether a pong of the protocol came. One in words is heard like a frame."""
        if self.ping_text:
            socket.send(self.ping_text)
            return False
        return socket.ping().wait(self._ping) and not self.frames_never_stop
