"""Polymarket's keyless reads over HTTP: the leaderboard, trades of a wallet, markets and books."""

import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx

from venues.errors import NotSent, Unreadable
from venues.limits import Limits, NoLimits
from venues.polymarket.answers import TOO_MANY, asked_to_wait
from venues.polymarket.markets import Listing, book, listing, ruling
from venues.polymarket.parse import NotATrade, address, data_api_trade, share_price, unix_time
from venues.reading import BadMessage, clean, number
from venues.types import Book, Trade

log = logging.getLogger(__name__)

PAGE = 1000
PAGES = 500  # of one answer
BODY = 20_000_000  # bytes of one page
CONDITIONS = 50  # of one question about markets
LISTED = 100  # of one page of the catalogue, which gives no more
TIMEOUT = httpx.Timeout(10.0, connect=5.0)

Row = Mapping[str, Any]
MONEYLINE = "moneyline"

T = TypeVar("T")


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

    def __init__(
        self,
        addresses: Addresses,
        *,
        client: httpx.Client | None = None,
        limits: Limits | None = None,
    ) -> None:
        self._at, self._limits = addresses, limits or NoLimits()
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
        return _readable(_rows(page, "data"), _ranked)

    def trades(self, wallet: str, *, since: datetime | None = None) -> list[Trade]:
        """Return what a wallet traded, as taker and as maker, oldest first.

        A changing `start` also keeps caches on the way from answering with old news.
        """
        asked: dict[str, Any] = {"user": wallet, "taker_only": "false", "limit": PAGE}
        if since is not None:
            asked["start"] = int(since.timestamp())
        rows = [row for page in self._pages(f"{self._at.data}/v2/trades", asked) for row in page]
        return _readable(reversed(rows), data_api_trade)

    def ruling(self, market: str) -> tuple[Decimal, ...] | None:
        """Return what the oracle's record says that a market pays, USD a share in the order of its
        outcomes; None where there is no record. Raises Unreadable while it is not final.
        """
        asked = {"condition": market, "limit": LISTED}
        rows = _rows(self._get(f"{self._at.data}/v2/resolutions", asked), "data")
        found = [row for row in rows if row.get("condition_id") == market]
        if not found:
            return None
        status = str(found[0].get("status"))
        if status != "resolved":
            raise Unreadable(f"the oracle's record of {market} is {status}, not final")
        try:
            return ruling(found[0])
        except (BadMessage, TypeError) as problem:
            raise Unreadable(f"the oracle's record cannot be read: {problem}") from problem

    def was_redeemed(self, wallet: str, market: str) -> bool:
        """Tell whether a wallet turned its shares of a market into money, by whomever."""
        asked = {"user": wallet, "type": "REDEEM", "condition": market, "limit": LISTED}
        rows = _rows(self._get(f"{self._at.data}/v2/activity", asked), "data")
        return any(
            row.get("type") == "REDEEM" and row.get("condition_id") == market for row in rows
        )

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
                found += self._listed(asked)
        return found

    def _listed(self, asked: Mapping[str, Any]) -> list[Listing]:
        answer = self._get(f"{self._at.gamma}/markets", asked)
        if not isinstance(answer, list):
            raise Unreadable("the catalogue did not answer with a list")
        return _readable((row for row in answer if isinstance(row, Mapping)), listing)

    def listing_of(self, token: str) -> Listing | None:
        """Return the market that a token belongs to, open or closed."""
        for name in ("clob_token_ids", "position_ids"):
            for closed in ("false", "true"):
                asked = {name: [token], "closed": closed, "limit": 1}
                for found in self._listed(asked):
                    if token in found.tokens:
                        return found
        return None

    def games(self, series: str) -> list[Listing]:
        """Return the open moneylines of the games of a series, by the catalogue's number of it."""
        asked: dict[str, Any] = {"series_id": series, "closed": "false", "limit": LISTED}
        found: list[Listing] = []
        for _ in range(PAGES):
            page = self._get(f"{self._at.gamma}/events/keyset", asked)
            for event in _rows(page, "events"):
                markets = event.get("markets")
                rows = [
                    row
                    for row in (markets if isinstance(markets, list) else ())
                    if isinstance(row, Mapping) and row.get("sportsMarketType") == MONEYLINE
                ]
                found += _readable(rows, partial(listing, event=event))
            cursor = page.get("next_cursor")
            if not cursor:
                return found
            asked["after_cursor"] = cursor
        raise Unreadable(f"the games of series {series} have over {PAGES} pages")

    def page_of_markets(self, cursor: str) -> tuple[list[Listing], str]:
        """Return some open markets, and the cursor after them: empty at the catalogue's end."""
        asked: dict[str, Any] = {"limit": LISTED, "closed": "false"}
        if cursor:
            asked["after_cursor"] = cursor
        page = self._get(f"{self._at.gamma}/markets/keyset", asked)
        following = page.get("next_cursor") if isinstance(page, Mapping) else None
        return _readable(_rows(page, "markets"), listing), str(following or "")

    def get_active_markets(self, *, most: int = 1000) -> list[Listing]:
        """Return open markets that take orders, in the catalogue's order."""
        found: list[Listing] = []
        cursor = ""
        while len(found) < most:
            page, cursor = self.page_of_markets(cursor)
            found += [each for each in page if each.accepting]
            if not cursor:
                break
        return found[:most]

    def book(self, token: str) -> Book:
        """Return the book of one outcome."""
        answer = self._get(f"{self._at.clob}/book", {"token_id": token})
        try:
            return book(answer)
        except (BadMessage, AttributeError) as problem:
            raise Unreadable(f"the book cannot be read: {problem}") from problem

    def prices(self, token: str) -> list[tuple[datetime, Decimal]]:
        """Return what a token cost in the last day, oldest first."""
        asked = {"market": token, "interval": "1d", "fidelity": 1}
        points = _rows(self._get(f"{self._at.clob}/prices-history", asked), "history")
        return _readable(points, _point)

    def _pages(self, url: str, asked: dict[str, Any]) -> Iterator[list[Row]]:
        seen: set[str] = set()
        for _ in range(PAGES):
            page = self._get(url, asked)
            yield _rows(page, "data")
            pages = page.get("pagination")
            cursor = pages.get("next_cursor") if isinstance(pages, Mapping) else None
            if not cursor:
                return
            if cursor in seen:
                raise Unreadable(f"{url} answers the same page again")
            seen.add(cursor)
            asked = {**asked, "cursor": cursor}
        raise Unreadable(f"{url} has over {PAGES} pages")

    def _get(self, url: str, asked: Mapping[str, Any]) -> Any:
        try:
            self._limits.wait(f"GET {self._name(url)}")
            with self._client.stream("GET", url, params=dict(asked)) as answer:
                wait = asked_to_wait(answer.status_code, answer.headers, b"")
                if wait and answer.status_code == TOO_MANY:
                    self._limits.back_off(f"GET {self._name(url)}", seconds=wait)
                answer.raise_for_status()
                body = bytearray()
                for part in answer.iter_bytes():
                    body += part
                    if len(body) > BODY:
                        raise Unreadable(f"{url} answers with over {BODY:,} bytes")
            return json.loads(body)
        except (httpx.HTTPError, ValueError, RecursionError, NotSent) as problem:
            raise Unreadable(f"{url}: {problem or type(problem).__name__}") from problem

    def _name(self, url: str) -> str:
        """Return a call's name in the table of limits."""
        for beginning, place in ((self._at.gamma, "gamma "), (self._at.data, "data ")):
            if url.startswith(beginning) and beginning != self._at.clob:
                return place + url.removeprefix(beginning)
        return url.removeprefix(self._at.clob)


def _rows(page: Any, name: str) -> list[Row]:
    rows = page.get(name) if isinstance(page, Mapping) else None
    if not isinstance(rows, list):
        raise Unreadable(f"the answer has no list {name!r}")
    return [row for row in rows if isinstance(row, Mapping)]


def _readable(rows: Iterable[Row], parse: Callable[[Row], T]) -> list[T]:
    """Parse what can be parsed; one bad row never hides the others."""
    found = []
    for row in rows:
        try:
            found.append(parse(row))
        except NotATrade:
            continue
        except BadMessage as problem:
            log.warning("A row cannot be read: %s", problem)
    return found


def _ranked(row: Row) -> Ranked:
    return Ranked(
        wallet=address(row.get("user_id")),
        name=clean(row.get("user_name"), most=120),
        pnl=number(row.get("pnl"), "pnl"),
    )


def _point(row: Row) -> tuple[datetime, Decimal]:
    return unix_time(row.get("t")), share_price(row.get("p"))
