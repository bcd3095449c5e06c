"""Raw listings of a venue from a file: JSON lines, a JSON list or object, or a table; plain or
compressed.
"""

import csv
import gzip
import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

Row = Mapping[str, Any]
LISTS = ("events", "markets")


class UnreadableListing(Exception):
    """A file that holds no listings; the text says why."""


def read(path: Path) -> list[Row]:
    """Return the rows of a file. Raises UnreadableListing."""
    try:
        body = path.read_bytes()
        text = (gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body).decode("utf-8-sig")
    except (OSError, EOFError, UnicodeDecodeError) as problem:
        raise UnreadableListing(f"{path} cannot be read: {problem}") from problem
    found = list(_rows(text))
    if not found:
        raise UnreadableListing(
            f"{path} holds no listing. JSON, JSON lines or CSV of events or markets is read."
        )
    return found


def _rows(text: str) -> Iterator[Row]:
    if text.lstrip()[:1] not in ("{", "["):
        yield from csv.DictReader(io.StringIO(text))
        return
    whole = _parsed(text)
    # A line that is cut, or no listing, costs itself alone.
    for part in [whole] if whole is not None else map(_parsed, text.splitlines()):
        yield from _unpacked(part)


def _parsed(text: str) -> Any:
    """Return what a text says as JSON; None where it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _unpacked(found: Any) -> Iterator[Row]:
    """Yield the rows of an answer: a list, an object with one, or one row."""
    if isinstance(found, list):
        yield from (each for each in found if isinstance(each, Mapping))
    elif isinstance(found, Mapping):
        lists = [found[name] for name in LISTS if isinstance(found.get(name), list)]
        is_row = any(name in found for name in ("slug", "event_ticker", "ticker", "market_slug"))
        if lists and not is_row:
            for rows in lists:
                yield from _unpacked(rows)
        elif isinstance(found.get("event"), Mapping) and not is_row:
            yield found["event"]
        elif isinstance(found.get("market"), Mapping) and not is_row:
            yield found["market"]
        else:
            yield found
