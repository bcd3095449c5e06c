"""What happened in the sandbox, line by line: the same seed gives the same bytes."""

import hashlib
import json
from collections import deque
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from itertools import islice
from typing import Any

from sandbox.clock import iso

KEPT = 200_000  # lines; the digest covers them all

Listener = Callable[[str, dict[str, Any]], None]


class EventLog:
    """Numbered events in order, kept as canonical JSON lines and told to listeners at once."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque(maxlen=KEPT)
        self._count = 0
        self._listeners: list[Listener] = []
        self._digest = hashlib.sha256()
        self.latest: datetime | None = None  # when the last line was written

    def listen(self, listener: Listener) -> None:
        self._listeners.append(listener)

    def forget(self, listener: Listener) -> None:
        self._listeners.remove(listener)

    def write(self, kind: str, at: datetime, **fields: Any) -> None:
        self._count += 1
        row = {"number": self._count, "at": iso(at), "kind": kind, **fields}
        line = json.dumps(row, sort_keys=True, separators=(",", ":"), default=_text)
        self._lines.append(line)
        self.latest = at
        self._digest.update(line.encode() + b"\n")
        for listener in tuple(self._listeners):
            listener(kind, fields)

    def lines(self, *, after: int = 0) -> list[str]:
        """Return the lines that follow line number `after`, as far as they are kept."""
        first = self._count - len(self._lines)
        return list(islice(self._lines, max(after - first, 0), None))

    def __len__(self) -> int:
        """Return how many lines were ever written."""
        return self._count

    def digest(self) -> str:
        """Return the SHA-256 of all lines so far."""
        return self._digest.hexdigest()


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, Decimal):
        return f"{value:f}"
    return str(value)
