"""Raw listings of a venue from a file: JSON lines, a JSON list or object, or a table; plain or
compressed.
"""

import csv
import gzip
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Row = Mapping[str, Any]
Placed = tuple[str, Any]  # where in its file something was found
LISTS = ("events", "markets")
NAMELESS = "It names nothing that this venue lists."
NAMES = ("slug", "event_ticker", "ticker", "market_slug")


class UnreadableListing(Exception):
    """A file that holds no listings; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """A part of a file that is no listing."""

    path: Path
    position: str
    why: str

    def __str__(self) -> str:
        return f"{self.path}, {self.position}: {self.why}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listings:
    """What a file holds: its rows, and what of it could not be read."""

    rows: tuple[Row, ...]
    unreadable: tuple[Unreadable, ...]


def read(path: Path, is_named: Callable[[Row], bool]) -> Listings:
    """Return the rows of a file, and what is none: a venue's row names what it lists.

    Raises UnreadableListing.
    """
    try:
        body = path.read_bytes()
        text = (gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body).decode("utf-8-sig")
    except (OSError, EOFError, UnicodeDecodeError) as problem:
        raise UnreadableListing(f"{path} cannot be read: {problem}") from problem
    rows: list[Row] = []
    unreadable: list[Unreadable] = []
    for position, found in _placed(text):
        if isinstance(found, str):
            unreadable.append(Unreadable(path=path, position=position, why=found))
        elif not is_named(found):
            unreadable.append(Unreadable(path=path, position=position, why=NAMELESS))
        else:
            rows.append(found)
            unreadable += (
                Unreadable(path=path, position=f"{position}, {place}", why=why)
                for place, why in _bad_parts(found)
            )
    if not rows and all(each.why != NAMELESS for each in unreadable):
        first = f" {unreadable[0].position}: {unreadable[0].why}" if unreadable else ""
        raise UnreadableListing(
            f"{path} holds no listing. JSON, JSON lines or CSV of events or markets is read.{first}"
        )
    return Listings(rows=tuple(rows), unreadable=tuple(unreadable))


def _placed(text: str) -> Iterator[Placed]:
    """Yield what a text holds with its position: a row, or in words why there is none."""
    if text.lstrip()[:1] not in ("{", "["):
        yield from _table(text)
        return
    try:
        yield from _unpacked("the file", json.loads(text))
        return
    except (ValueError, RecursionError):
        pass  # then each line is for itself: one that is cut costs itself alone
    for number, line in enumerate(text.splitlines(), start=1):
        position = f"line {number}"
        if not line.strip():
            continue
        try:
            found = json.loads(line)
        except (ValueError, RecursionError) as problem:
            yield position, f"It is no JSON ({problem})."
        else:
            yield from _unpacked(position, found)


def _table(text: str) -> Iterator[Placed]:
    """Yield the lines of a table under its first one."""
    last = [0]  # csv itself does not count a line that it cannot read
    lines = csv.DictReader(_counted(io.StringIO(text), last))
    while True:
        try:
            row = next(lines)
        except StopIteration:
            return
        except csv.Error as problem:
            yield f"line {last[0]}", f"It is no line of a table ({problem})."
        else:
            yield f"line {last[0]}", row


def _counted(lines: Iterable[str], last: list[int]) -> Iterator[str]:
    for line in lines:
        last[0] += 1
        yield line


def _unpacked(position: str, found: Any) -> Iterator[Placed]:
    """Yield the rows of an answer: a list, an object with one, or one row."""
    if isinstance(found, list):
        for number, each in enumerate(found, start=1):
            place = f"item {number}"
            if position != "the file":
                place = f"{position}, {place}"
            yield place, each if isinstance(each, Mapping) else _no_object(each)
        return
    if not isinstance(found, Mapping):
        yield position, _no_object(found)
        return
    lists = [name for name in LISTS if isinstance(found.get(name), list)]
    if any(name in found for name in NAMES):
        yield position, found
    elif lists:
        for name in lists:
            yield from _unpacked(
                name if position == "the file" else f"{position}, {name}", found[name]
            )
    else:
        inner = (
            found[name] for name in ("event", "market") if isinstance(found.get(name), Mapping)
        )
        yield position, next(inner, found)


def _no_object(found: Any) -> str:
    return f"It is no object: {json.dumps(found)[:60]}."


def _bad_parts(row: Row) -> Iterator[tuple[str, str]]:
    """Yield the markets of an event that cannot be read, with their place in it."""
    markets = row.get("markets")
    for number, each in enumerate(markets if isinstance(markets, list) else (), start=1):
        place = f"market {number}"
        if not isinstance(each, Mapping):
            yield place, _no_object(each)
        elif not any(each.get(name) for name in ("slug", "ticker", "conditionId")):
            yield place, NAMELESS
