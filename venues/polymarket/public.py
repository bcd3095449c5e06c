"""Polymarket's keyless reads over HTTP: the leaderboard, trades of a wallet, markets and books."""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from types import TracebackType
from typing import Any, Self

import httpx

from venues.errors import Unreadable
from venues.polymarket.markets import Listing, book, listing
from venues.polymarket.parse import BadMessage, NotATrade, address, clean, data_api_trade, number
from venues.types import Book, Trade

log = logging.getLogger(__name__)

PAGE = 1000
CONDITIONS = 50  # of one question about markets
TIMEOUT = httpx.Timeout(10.0, connect=5.0)

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where Polymarket, or a sandbox of it, is."""

    clob: str
    gamma: str
    data: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """One wallet of the leaderboard."""

    wallet: str
    name: str
    pnl: Decimal  # USD of the period


class Public:
    """Reads that anybody may make. Every method raises Unreadable when there is no good answer."""

    def __init__(self, addresses: Addresses, *, client: httpx.Client | None = None) -> None:
        self._at = addresses
        self._client = client or httpx.Client(timeout=TIMEOUT, follow_redirects=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.close()

    def leaderboard(self, *, period: str = "month", most: int = 50) -> list[Ranked]:
        """Return the wallets that gained most, best first."""
        asked = {"time_period": period, "sort_by": "PNL", "limit": most}
        page = self._get(f"{self._at.data}/v2/leaderboard", asked)
        return [
            Ranked(
                wallet=address(row.get("user_id")),
                name=clean(row.get("user_name"), most=120),
                pnl=number(row.get("pnl"), "pnl"),
            )
            for row in _rows(page, "data")
        ]

    def trades(self, wallet: str, *, since: datetime | None = None) -> list[Trade]:
        """Return what a wallet traded, as taker and as maker, oldest first.

        A changing `start` also keeps caches on the way from answering with old news.
        """
        asked: dict[str, Any] = {"user": wallet, "taker_only": "false", "limit": PAGE}
        if since is not None:
            asked["start"] = int(since.timestamp())
        rows = [row for page in self._pages(f"{self._at.data}/v2/trades", asked) for row in page]
        return _readable(reversed(rows))

    def listings(self, markets: Sequence[str]) -> list[Listing]:
        """Return what the catalogue says of markets by condition id, open and closed ones."""
        found: list[Listing] = []
        for start in range(0, len(markets), CONDITIONS):
            for closed in ("false", "true"):
                asked: dict[str, Any] = {
                    "condition_ids": list(markets[start : start + CONDITIONS]),
                    "closed": closed,
                    "limit": CONDITIONS,
                }
                answer = self._get(f"{self._at.gamma}/markets", asked)
                if not isinstance(answer, list):
                    raise Unreadable("the catalogue did not answer with a list")
                found += [each for each in map(_listing, answer) if each is not None]
        return found

    def book(self, token: str) -> Book:
        """Return the book of one outcome."""
        answer = self._get(f"{self._at.clob}/book", {"token_id": token})
        try:
            return book(answer)
        except (BadMessage, AttributeError) as problem:
            raise Unreadable(f"the book cannot be read: {problem}") from problem

    def _pages(self, url: str, asked: dict[str, Any]) -> Iterator[list[Row]]:
        while True:
            page = self._get(url, asked)
            yield _rows(page, "data")
            pages = page.get("pagination")
            cursor = pages.get("next_cursor") if isinstance(pages, Mapping) else None
            if not cursor:
                return
            asked = {**asked, "cursor": cursor}

    def _get(self, url: str, asked: Mapping[str, Any]) -> Any:
        try:
            answer = self._client.get(url, params=dict(asked))
            answer.raise_for_status()
            return answer.json()
        except (httpx.HTTPError, ValueError) as problem:
            raise Unreadable(f"{url}: {problem or type(problem).__name__}") from problem


def _rows(page: Any, name: str) -> list[Row]:
    rows = page.get(name) if isinstance(page, Mapping) else None
    if not isinstance(rows, list):
        raise Unreadable(f"the answer has no list {name!r}")
    return [row for row in rows if isinstance(row, Mapping)]


def _readable(rows: Iterable[Row]) -> list[Trade]:
    """Parse what can be parsed; one bad row never hides the others."""
    trades = []
    for row in rows:
        try:
            trades.append(data_api_trade(row))
        except NotATrade:
            continue
        except BadMessage as problem:
            log.warning("A trade cannot be read: %s", problem)
    return trades


def _listing(row: Row) -> Listing | None:
    try:
        return listing(row)
    except BadMessage as problem:
        log.warning("A market cannot be read: %s", problem)
        return None
