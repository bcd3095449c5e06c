"""Recorded trades, streamed row by row, in the order of time; bad rows are told, never raised."""

import codecs
import csv
import gzip
import hashlib
import heapq
import json
import pickle
import re
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from backtest.formats import LINE_BYTES, Parser, Plain, midterms_trade, open_plain, sniff
from venues.polymarket.parse import NotATrade
from venues.reading import BadMessage
from venues.types import Trade

CHUNK = 1 << 16
# A page around rows: `{"data": [` after any plain fields.
WRAPPED = re.compile(rb'\{[^\[\]{}]*"data"\s*:\s*\[')
BETWEEN = re.compile(r"\}\s*,\s*(?=\{)")  # two objects of an array
SORT_ROWS = 200_000  # rows held in memory while sorting a file that is not in order


@dataclass(frozen=True, slots=True, kw_only=True)
class BadRow:
    file: str
    line: int
    reason: str
    excerpt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """A good row that is no trade."""

    line: int
    kind: str


Row = Trade | BadRow | Skipped
Item = tuple[int, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """What one pass over the files told."""

    key: str  # SHA-256 over the files' bytes
    files: dict[str, str]  # path to SHA-256
    trades: int
    skipped: int
    bad: int
    sorted: bool
    first_at: datetime | None
    last_at: datetime | None
    volume_of_first_tenth: dict[str, Decimal]  # USD by wallet


def scan(paths: Iterable[Path], *, each: Callable[[str, Row], None] | None = None) -> Scan:
    """Read every file once: count, check the order, measure the early volume.

    `each` sees every row with its file's SHA-256: for a progress bar, or to keep the bad ones.

    Raises UnreadableRecording for a file that is none of the formats.
    """
    paths = list(paths)
    files = {str(path): _sha256(path) for path in paths}
    trades = skipped = bad = 0
    in_order, first, last = True, None, None
    for path in paths:
        previous: datetime | None = None
        for row in read(path):
            if each:
                each(files[str(path)], row)
            if isinstance(row, BadRow):
                bad += 1
            elif isinstance(row, Skipped):
                skipped += 1
            else:
                trades += 1
                in_order = in_order and (previous is None or row.at >= previous)
                previous = row.at
                first = row.at if first is None else min(first, row.at)
                last = row.at if last is None else max(last, row.at)
    return Scan(
        key=hashlib.sha256("".join(sorted(files.values())).encode()).hexdigest(),
        files=files,
        trades=trades,
        skipped=skipped,
        bad=bad,
        sorted=in_order,
        first_at=first,
        last_at=last,
        volume_of_first_tenth=_early_volume(paths, trades=trades, in_order=in_order),
    )


def _early_volume(paths: list[Path], *, trades: int, in_order: bool) -> dict[str, Decimal]:
    volumes: dict[str, Decimal] = {}
    for count, trade in enumerate(in_time_order(paths, in_order=in_order)):
        if count >= max(trades // 10, 1):
            break
        volumes[trade.wallet] = volumes.get(trade.wallet, Decimal(0)) + trade.price * trade.shares
    return volumes


def in_time_order(paths: Iterable[Path], *, in_order: bool) -> Iterator[Trade]:
    """Yield the trades of all files, oldest first; equal times keep the files' order.

    A file that is not in order is sorted through temporary files, in bounded memory.
    """
    streams = [_trades(path) if in_order else _sorted(_trades(path)) for path in paths]
    return heapq.merge(*streams, key=lambda trade: trade.at)


def read(path: Path) -> Iterator[Row]:
    """Yield every row of a file as a trade, a bad row, or a good row that is no trade."""
    parser = sniff(path)
    csv_header = parser is midterms_trade
    line = 0
    try:
        for line, raw in _items(path, json_items=not csv_header):
            if csv_header and line == 1:
                continue
            yield _parsed(path, line, raw, parser)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        yield _bad(path, line + 1, b"", "the compressed file ends, or breaks, in the middle")


def _parsed(path: Path, line: int, raw: bytes, parser: Parser) -> Row:
    try:
        return parser(raw.decode("utf-8"))
    except UnicodeDecodeError:
        return _bad(path, line, raw, "not UTF-8 text")
    except NotATrade as kind:
        return Skipped(line=line, kind=str(kind))
    except BadMessage as reason:
        return _bad(path, line, raw, str(reason))
    except json.JSONDecodeError as error:
        return _bad(path, line, raw, f"broken JSON: {error.msg}")
    except (ValueError, ArithmeticError, RecursionError, csv.Error) as error:
        return _bad(path, line, raw, f"cannot be read: {error}")


def _bad(path: Path, line: int, raw: bytes, reason: str) -> BadRow:
    excerpt = raw[:300].decode("utf-8", "replace").replace("\x00", "")
    return BadRow(
        file=path.name, line=line, reason=reason.replace("\x00", "")[:300], excerpt=excerpt
    )


def _items(path: Path, *, json_items: bool) -> Iterator[Item]:
    """Yield lines with their numbers; objects of one JSON array count as lines."""
    with open_plain(path) as stream:
        head = stream.peek(4096)
        head = head.removeprefix(b"\xef\xbb\xbf").lstrip()
        if json_items and _is_one_document(head):
            yield from _array_items(stream)
            return
        number = 0
        while raw := stream.readline(LINE_BYTES):
            number += 1
            while raw and not raw.endswith(b"\n") and len(raw) >= LINE_BYTES:
                rest = stream.readline(LINE_BYTES)  # the tail of an endless line
                if not rest or rest.endswith(b"\n"):
                    break
            if number == 1:
                raw = raw.removeprefix(b"\xef\xbb\xbf")
            if raw.strip():
                yield number, raw.strip()


def _is_one_document(head: bytes) -> bool:
    """Tell an array, or a wrapped page, from lines of objects."""
    if head.startswith(b"["):
        return True
    return WRAPPED.match(head) is not None


def _array_items(stream: Plain) -> Iterator[Item]:
    """Yield the objects of the first array in the file, without loading the whole of it.

    What cannot be decoded, a broken object or a truncated end, is yielded as it is; the reading
    goes on where the next object seems to begin.
    """
    text = codecs.getreader("utf-8")(stream, "replace")
    decoder, number = json.JSONDecoder(), 0
    buffer = text.read(CHUNK).partition("[")[2]
    while True:
        buffer = buffer.lstrip(" \t\r\n,")
        if buffer.startswith("]"):
            return
        try:
            _, end = decoder.raw_decode(buffer)
        except ValueError:
            more = text.read(CHUNK) if len(buffer) < LINE_BYTES else ""
            if more:
                buffer += more
                continue
            between = BETWEEN.search(buffer)
            if between is None:
                if buffer:
                    yield number + 1, buffer[:LINE_BYTES].encode()
                return
            end = between.start() + 1
        number += 1
        yield number, buffer[:end].encode()
        buffer = buffer[end:]


def _trades(path: Path) -> Iterator[Trade]:
    return (row for row in read(path) if isinstance(row, Trade))


def _sorted(trades: Iterator[Trade]) -> Iterator[Trade]:
    runs: list[Iterator[Trade]] = []
    batch: list[Trade] = []
    for trade in trades:
        batch.append(trade)
        if len(batch) >= SORT_ROWS:
            runs.append(_spilled(sorted(batch, key=lambda trade: trade.at)))
            batch = []
    runs.append(iter(sorted(batch, key=lambda trade: trade.at)))
    return heapq.merge(*runs, key=lambda trade: trade.at)


def _spilled(batch: list[Trade]) -> Iterator[Trade]:
    file = tempfile.TemporaryFile()  # noqa: SIM115  # lives as long as the returned iterator
    for trade in batch:
        pickle.dump(trade, file)
    file.seek(0)
    return (pickle.load(file) for _ in range(len(batch)))


def _sha256(path: Path) -> str:
    sniff(path)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
