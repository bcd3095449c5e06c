"""Kalshi's keyless reads over HTTP: series, games, books, trades, hours, and its state."""

import hashlib
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from venues.errors import Unreadable
from venues.kalshi import hours as opening
from venues.kalshi import markets
from venues.kalshi.calls import Calls
from venues.kalshi.fees import FeeChange
from venues.kalshi.hours import Hours
from venues.kalshi.markets import Contract, Event, Milestone, Series, Shard
from venues.kalshi.parse import (
    NO,
    YES,
    WrittenBook,
    book,
    public_trade,
    resting,
    token_of,
    written_books,
)
from venues.reading import BadMessage
from venues.types import Book, Print

log = logging.getLogger(__name__)

EVENTS, BOOKS, MILESTONES, NAMED = 200, 100, 500, 100  # of one call, at most
# Kinds of milestones that are games, by league.
GAMES = {
    "NBA": "basketball_game",
    "NFL": "football_game",
    "NHL": "hockey_match",
    "MLB": "baseball_game",
}

T = TypeVar("T")
Row = Mapping[str, Any]


class Public:
    """Reads that need no key. Every one raises Unreadable where no good answer came."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def series(self, ticker: str) -> Series:
        """Return a series. Raises UnknownFees too."""
        row = self._calls.get(f"/series/{ticker}", like="/series/{}")
        return _one(markets.series, row, "series")

    def events(self, series: str, *, status: str = "open") -> list[Event]:
        """Return the events of a series with their contracts; those that cannot be read are left
        out.
        """
        asked = {"series_ticker": series, "status": status, "with_nested_markets": "true"}
        rows = self._calls.pages("/events", "events", asked, limit=EVENTS)
        return _readable(rows, lambda row: markets.event(row, list(row.get("markets") or ())))

    def rulebook_hash(self, series: Series) -> str:
        """Return the SHA-256 of the document with a series' terms; empty where none is named."""
        if not series.rulebook:
            return ""
        return hashlib.sha256(self._calls.document(series.rulebook)).hexdigest()

    def market(self, ticker: str) -> Contract | None:
        """Return one market, also of those that ended a while ago; None where it is not known."""
        for path in ("/markets", "/historical/markets"):
            row = self._calls.get(f"{path}/{ticker}", like=f"{path}/{{}}")
            if row is not None:
                return _one(markets.contract, row, "market")
        return None

    def contracts(self, tickers: Sequence[str]) -> list[Contract]:
        found: list[Contract] = []
        for start in range(0, len(tickers), NAMED):
            asked = {"tickers": ",".join(tickers[start : start + NAMED])}
            found += _readable(self._calls.pages("/markets", "markets", asked), markets.contract)
        return found

    def books(self, tickers: Sequence[str], *, at: datetime) -> dict[str, Book]:
        """Return the books of both outcomes of some markets, by token, as of when we asked."""
        found: dict[str, Book] = {}
        for row in self._orderbooks(tickers):
            found |= _books(row, at=at)
        return found

    def written_books(self, tickers: Sequence[str], *, at: datetime) -> dict[str, WrittenBook]:
        """Return the same as the exchange wrote it, for whoever scans many of them."""
        found: dict[str, WrittenBook] = {}
        for row in self._orderbooks(tickers):
            try:
                found |= written_books(row, at=at)
            except (BadMessage, KeyError, TypeError, AttributeError) as problem:
                log.warning("An order book cannot be read: %s", problem)
        return found

    def _orderbooks(self, tickers: Sequence[str]) -> Iterator[Row]:
        for start in range(0, len(tickers), BOOKS):
            asked = {"tickers": list(tickers[start : start + BOOKS])}
            answer = self._calls.get("/markets/orderbooks", asked)
            rows = answer.get("orderbooks") if isinstance(answer, Mapping) else None
            if not isinstance(rows, list):
                raise Unreadable("the answer has no list of order books")
            yield from rows

    def trades(self, ticker: str, *, since: datetime | None = None) -> list[Print]:
        """Return public trades of a market, oldest first."""
        asked = {"ticker": ticker} | ({"min_ts": int(since.timestamp())} if since else {})
        rows = self._calls.pages("/markets/trades", "trades", asked)
        return sorted(_readable(rows, public_trade), key=lambda each: each.at)

    def shards(self) -> dict[int, Shard]:
        return _parsed(markets.shards, self._calls.get("/exchange/status"))

    def hours(self, *, now: datetime) -> Hours:
        row = self._calls.get("/exchange/schedule")
        return _parsed(lambda found: opening.hours(found, now=now), row)

    def milestones(self, league: str, *, since: datetime) -> list[Milestone]:
        """Return when games of a league start."""
        asked = {"type": GAMES[league], "minimum_start_date": since.isoformat()}
        rows = self._calls.pages("/milestones", "milestones", asked, limit=MILESTONES)
        return _readable(rows, markets.milestone)

    def fee_changes(self, series: str) -> list[tuple[str, FeeChange]]:
        """Return announced changes of a series and of its events, by what they are of."""
        asked = {"series_ticker": series}
        answer = self._calls.get("/series/fee_changes", asked)
        rows = answer.get("series_fee_change_arr") if isinstance(answer, Mapping) else None
        if not isinstance(rows, list):
            raise Unreadable("the answer has no list of fee changes")
        of_events = self._calls.pages("/events/fee_changes", "event_fee_changes")
        mine = (row for row in of_events if row.get("series_ticker") == series)
        return [_parsed(markets.fee_change, row) for row in (*rows, *mine)]


def _books(row: Row, *, at: datetime) -> dict[str, Book]:
    try:
        ticker, found = str(row["ticker"]), resting(row["orderbook_fp"])
    except (BadMessage, KeyError, TypeError, AttributeError) as problem:
        log.warning("An order book cannot be read: %s", problem)
        return {}
    tokens = (token_of(ticker, outcome) for outcome in (YES, NO))
    return {token: book(token, found, at=at) for token in tokens}


def _one(parse: Callable[[Row], T], row: Any, name: str) -> T:
    if not isinstance(row, Mapping) or not isinstance(row.get(name), Mapping):
        raise Unreadable(f"the answer has no {name}")
    return _parsed(parse, row[name])


def _parsed(parse: Callable[[Row], T], row: Any) -> T:
    try:
        return parse(row)
    except markets.UnknownFees:
        raise
    except (BadMessage, TypeError, AttributeError, ArithmeticError) as problem:
        raise Unreadable(f"an answer cannot be read: {problem}") from problem


def _readable(rows: Iterable[Row], parse: Callable[[Row], T]) -> list[T]:
    """Parse what can be parsed; one bad row never hides the others."""
    return list(_good(rows, parse))


def _good(rows: Iterable[Row], parse: Callable[[Row], T]) -> Iterator[T]:
    for row in rows:
        try:
            yield parse(row)
        except (BadMessage, TypeError, AttributeError, ArithmeticError) as problem:
            log.warning("A row cannot be read: %s", problem)
