"""What a recording holds for the sandbox to live again: trades, books, and how markets ended."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from backtest import formats, recordings, resolutions
from sandbox.recorded import Ended, Happening, Quoted
from venues.polymarket import markets
from venues.reading import BadMessage
from venues.types import Book, Level

BOOKS = ("book", "orderbook")  # channels of our own recordings
ONE = Decimal(1)


def read(paths: Sequence[Path], *, results: Path | None) -> list[Happening]:
    """Read everything of some recordings, oldest first. Raises UnreadableRecording, BadResolutions.

    Trades may be in any format that a replay reads; books only in our own recordings.
    """
    found: list[Happening] = []
    for path in paths:
        formats.sniff(path)
        found += recordings.in_time_order([path], in_order=False)
        found += _books(path)
    last = max((_at(each) for each in found), default=None)
    beside = results or (resolutions.beside(paths[0]) if paths else None)
    for winner in resolutions.read(beside) if beside and last else []:
        assert last is not None
        at = winner.at or last + timedelta(seconds=1)
        found.append(Ended(market=winner.market, winner=winner.winner, at=at))
    return found


def _at(each: Happening) -> datetime:
    return each.book.at if isinstance(each, Quoted) else each.at


def _books(path: Path) -> Iterator[Quoted]:
    """Yield the recorded books of a file; a line that is none, or a broken one, is passed over."""
    with formats.open_plain(path) as stream:
        for line in stream:
            if b'"channel"' not in line:
                continue
            try:
                row = json.loads(line, parse_float=Decimal)
                if row["channel"] in BOOKS:
                    yield _quoted(row)
            except (ValueError, KeyError, TypeError, AttributeError):
                continue


def _quoted(row: dict[str, Any]) -> Quoted:
    """Read one recorded book: of Polymarket by token, of Kalshi by ticker."""
    at = datetime.fromisoformat(row["received_at"])
    message = row["message"]
    if row["venue"] == "polymarket":
        found = replace(markets.book(message), at=at)
        return Quoted(venue="polymarket", market=str(message["market"]), book=found)
    levels = message["orderbook_fp"]
    bids = [_level(price, size) for price, size in levels.get("yes_dollars", [])]
    asks = [_level(ONE - Decimal(price), size) for price, size in levels.get("no_dollars", [])]
    ticker = str(message["ticker"])
    book = Book(
        token=ticker,
        bids=tuple(sorted(bids, key=lambda level: -level.price)),
        asks=tuple(sorted(asks, key=lambda level: level.price)),
        at=at,
    )
    return Quoted(venue="kalshi", market=ticker, book=book)


def _level(price: Any, size: Any) -> Level:
    found = Level(price=Decimal(str(price)), shares=Decimal(str(size)))
    if not 0 < found.price < 1 or found.shares <= 0:
        raise BadMessage(f"{price} x {size} is no level")
    return found
