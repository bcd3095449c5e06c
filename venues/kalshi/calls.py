"""Calls of Kalshi's REST API: reads that may be repeated, writes that never are."""

import logging
import random
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx
import orjson

from venues.buckets import Buckets, NoBuckets
from venues.errors import KeyRefused, NotSent, Unknown, Unreadable
from venues.kalshi.answers import TOO_MANY, code_of
from venues.kalshi.auth import Clock, Keys, ServerClock, SignedRequests
from venues.kalshi.limits import Tier

log = logging.getLogger(__name__)

TIMEOUT = httpx.Timeout(10.0, connect=5.0)
WAIT = 0.25  # seconds before a read is tried again, times 0.5 to 1.5; then twice that, and so on
TRIES = 4  # of a read
BODY = 8_000_000  # bytes of one answer
PAGES = 100
PAGE = 1000
NOT_THERE = 404
DENIED = (401, 403)
CLOCK = "header_timestamp_expired"  # which is no fault of the key
STATUS = "/exchange/status"

Row = dict[str, Any]


class Calls:
    """Calls of one account, or of nobody. `http` is shared, holds no secret, follows no redirect.

    `url` ends with `/trade-api/v2`. Every answer teaches how far the exchange's clock is.
    """

    def __init__(
        self,
        url: str,
        *,
        http: httpx.Client,
        now: Clock,
        clock: ServerClock,
        keys: Keys | None = None,
        buckets: Buckets | None = None,
        tier: Tier | None = None,
        timeout: httpx.Timeout = TIMEOUT,
        wait: float = WAIT,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._url, self._http, self._now, self._clock = url.rstrip("/"), http, now, clock
        self._buckets, self._tier = buckets or NoBuckets(), tier or Tier()
        self._timeout, self._wait, self._sleep = timeout, wait, sleep
        self._owner = keys.account if keys else "public"
        self._auth = SignedRequests(keys=keys, now=now, clock=clock) if keys else None

    def get(self, path: str, asked: Mapping[str, Any] | None = None, *, like: str = "") -> Any:
        """Read one answer, trying again while it may help; None for what is not there.

        `like` names the call in the table of costs. Raises Unreadable.
        """
        said = ""
        for number in range(TRIES):
            if number:
                self._sleep(self._wait * 2 ** (number - 1) * random.uniform(0.5, 1.5))
            try:
                return self._get(path, asked or {}, like=f"GET {like or path}")
            except _Passing as problem:
                said = str(problem)
        raise Unreadable(f"{path}: {said}")

    def document(self, address: str) -> bytes:
        """Read a document that the exchange publishes beside its API. Raises Unreadable."""
        url = urljoin(self._url, address)
        if urlsplit(url).scheme != urlsplit(self._url).scheme:
            raise Unreadable(f"{url} is not read: it is less safe than the exchange's API")
        try:
            with self._http.stream("GET", url, timeout=self._timeout) as answer:
                answer.raise_for_status()
                body = bytearray()
                for part in answer.iter_bytes():
                    body += part
                    if len(body) > BODY:
                        raise Unreadable(f"{url} answers with over {BODY:,} bytes")
        except httpx.HTTPError as problem:
            raise Unreadable(f"{url}: {problem or type(problem).__name__}") from problem
        return bytes(body)

    def pages(
        self, path: str, name: str, asked: Mapping[str, Any] | None = None, *, limit: int = PAGE
    ) -> Iterator[Row]:
        """Yield the rows of all pages. Raises Unreadable, also for a list without an end."""
        seen, cursor = set[str](), ""
        for _ in range(PAGES):
            page = self.get(
                path, {**(asked or {}), "limit": limit} | ({"cursor": cursor} if cursor else {})
            )
            rows = page.get(name) if isinstance(page, Mapping) else None
            if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
                raise Unreadable(f"{path} did not answer with a list of {name}")
            yield from rows
            cursor = str(page.get("cursor") or "")
            if not cursor:
                return
            if cursor in seen:
                raise Unreadable(f"{path} answers the same page again")
            seen.add(cursor)
        raise Unreadable(f"{path} has over {PAGES} pages")

    def write(
        self,
        method: str,
        path: str,
        *,
        like: str,
        shard: int = 0,
        asked: Mapping[str, Any] | None = None,
        content: bytes = b"",
        last_check: Callable[[], None] = lambda: None,
    ) -> httpx.Response:
        """Send once what changes something. Raises NotSent or Unknown.

        `last_check` runs when nothing is left to wait for, and may raise NotSent.
        """
        self._take(f"{method} {like}", shard=shard)
        self.know_clock()
        last_check()
        sent = self._now()
        try:
            answer = self._http.request(
                method,
                f"{self._url}{path}",
                params=dict(asked or {}),
                content=content or None,
                headers={"Content-Type": "application/json"},
                auth=self._auth,
                timeout=self._timeout,
            )
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as problem:
            raise NotSent(f"Kalshi cannot be reached: {_words(problem)}") from problem
        except httpx.HTTPError as problem:
            raise Unknown(f"Kalshi did not answer: {_words(problem)}") from problem
        self._clock.hear(answer.headers, sent=sent, received=self._now())
        return answer

    def check_time(self, not_after: datetime) -> None:
        """Raise NotSent for what a process that slept would send too late."""
        if self._now() > not_after:
            raise NotSent("Its time to be sent was over.")

    def know_clock(self) -> None:
        """Compare clocks, unless that was done just now. Raises NotSent."""
        if self._clock.is_known(now=self._now()):
            return
        try:
            self._ask(STATUS, {}, auth=None)
        except httpx.HTTPError as problem:
            raise NotSent(f"Kalshi's clock cannot be asked: {_words(problem)}") from problem
        if not self._clock.is_known(now=self._now()):
            raise NotSent("Kalshi's answers tell no time, so nothing is signed.")

    def _get(self, path: str, asked: Mapping[str, Any], *, like: str) -> Any:
        try:
            self._take(like)
            if self._auth is not None:
                self.know_clock()
            answer = self._ask(path, asked, auth=self._auth)
        except NotSent as problem:
            raise Unreadable(f"{path}: {problem}") from problem
        except httpx.HTTPError as problem:
            raise _Passing(_words(problem)) from problem
        if answer.status_code == NOT_THERE:
            return None
        if answer.status_code == TOO_MANY or answer.status_code >= 500:
            raise _Passing(f"status {answer.status_code}")
        if not answer.is_success:
            words = code_of(answer.content)[1]
            code, _ = code_of(answer.content)
            is_denied = answer.status_code in DENIED and code not in ("", CLOCK)
            kind = KeyRefused if is_denied else Unreadable
            raise kind(words or f"{path}: status {answer.status_code}")
        if len(answer.content) > BODY:
            raise Unreadable(f"{path} answers with over {BODY:,} bytes")
        try:
            return orjson.loads(answer.content)
        except ValueError as problem:
            raise _Passing("no JSON") from problem

    def _ask(
        self, path: str, asked: Mapping[str, Any], *, auth: SignedRequests | None
    ) -> httpx.Response:
        sent = self._now()
        answer = self._http.get(
            f"{self._url}{path}", params=dict(asked), auth=auth, timeout=self._timeout
        )
        self._clock.hear(answer.headers, sent=sent, received=self._now())
        return answer

    def _take(self, call: str, *, shard: int = 0) -> None:
        bucket, cost = self._tier.bucket(call, shard=shard)
        self._buckets.take(bucket, cost, owner=self._owner, is_read=call.startswith("GET "))


class _Passing(Exception):
    """A read that may go well the next time."""


def _words(problem: Exception) -> str:
    return str(problem) or type(problem).__name__
