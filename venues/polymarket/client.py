"""Polymarket as a venue: real orders of one wallet. One POST for each order, ever.

Nothing here retries a write. What an answer means for the order is decided by its own words
(failure-modes.md 2.3): a refusal is final, silence and surprises are Unknown.
"""

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import orjson

from venues.errors import NotSent, Refused, Unknown, Unreadable
from venues.limits import Limits, NoLimits
from venues.polymarket import answers
from venues.polymarket.amounts import BadOrder
from venues.polymarket.auth import Clock, Keys, SignedRequests
from venues.polymarket.markets import Listing
from venues.polymarket.public import Addresses, Public
from venues.polymarket.reports import report_of
from venues.polymarket.signing import signed_order
from venues.reading import BadMessage, number
from venues.types import FillReport, OrderReport, OrderRequest, OrderStatus, Prepared

log = logging.getLogger(__name__)

TIMEOUT = httpx.Timeout(10.0, connect=5.0)
BODY = 5_000_000  # bytes of one answer
PAGES = 100
LAST_PAGE = "LTE="
LONG_AGO = timedelta(hours=12)
LOOK_BACK = 60  # seconds before an order was sent from which its trades are read
MILLION = Decimal(1_000_000)
NOT_THERE = 404
POST = "POST /order"

Row = dict[str, Any]


class PolymarketClient:
    """Trade for one wallet. `http` is shared, holds no secret and follows no redirect."""

    name = "polymarket"

    def __init__(
        self,
        *,
        keys: Keys,
        at: Addresses,
        http: httpx.Client,
        now: Clock,
        limits: Limits | None = None,
        timeout: httpx.Timeout = TIMEOUT,
    ) -> None:
        self._keys, self._at, self._http, self._now = keys, at, http, now
        self._limits, self._timeout = limits or NoLimits(), timeout
        self._signed = SignedRequests(address=keys.wallet.owner, api=keys.api, now=now)

    @property
    def wallet(self) -> str:
        """Return the address that holds the money."""
        return self._keys.wallet.funder

    def waits_for(self, request: OrderRequest) -> float:
        """Return for how many seconds the exchange takes no order of this wallet."""
        return self._limits.left(POST, signer=self._keys.wallet.owner)

    def prepare(self, request: OrderRequest) -> Prepared:
        if request.terms is None:
            raise Refused("What this market takes (tick, minimum, contract) is not known yet.")
        try:
            made = signed_order(request, keys=self._keys, terms=request.terms)
        except BadOrder as problem:
            raise Refused(str(problem)) from problem
        return Prepared(venue_order_id=made.order_id, body=made.body)

    def place_order(
        self, request: OrderRequest, prepared: Prepared, *, not_after: datetime
    ) -> OrderReport:
        """Post the stored bytes, once. Raises Refused, NotSent or Unknown."""
        self._limits.wait(POST, signer=self._keys.wallet.owner)
        if self._now() > not_after:  # a process that slept must not send what was given up
            raise NotSent("Its time to be sent was over.")
        try:
            answer = self._http.post(
                f"{self._at.clob}/order",
                content=prepared.body,
                headers={"Content-Type": "application/json"},
                auth=self._signed,
                timeout=self._timeout,
            )
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as problem:
            raise NotSent(f"Polymarket cannot be reached: {_words(problem)}") from problem
        except httpx.HTTPError as problem:
            raise Unknown(f"Polymarket did not answer: {_words(problem)}") from problem
        self._heed(answer, POST, signer=self._keys.wallet.owner)
        return answers.placed(answer.status_code, answer.content, order_id=prepared.venue_order_id)

    def cancel_order(self, request: OrderRequest, *, now: datetime) -> OrderReport:
        """Cancel an order. Safe to repeat: a refusal says only that it is over already."""
        self._limits.wait("DELETE /order", signer=self._keys.wallet.owner)
        try:
            answer = self._http.request(
                "DELETE",
                f"{self._at.clob}/order",
                content=orjson.dumps({"orderID": request.venue_order_id}),
                headers={"Content-Type": "application/json"},
                auth=self._signed,
                timeout=self._timeout,
            )
        except httpx.HTTPError as problem:
            raise Unknown(f"The cancel was not answered: {_words(problem)}") from problem
        self._heed(answer, "DELETE /order", signer=self._keys.wallet.owner)
        cancelled = answers.is_cancelled(
            answer.status_code, answer.content, order_id=request.venue_order_id
        )
        report = self.get_order_status(request, now=now)
        if cancelled and report.status in (OrderStatus.GONE, OrderStatus.PARTIAL, OrderStatus.LIVE):
            return replace(report, status=OrderStatus.CANCELED, reason="cancelled on request")
        return report

    def get_order_status(self, request: OrderRequest, *, now: datetime) -> OrderReport:
        """Report an order by the list of open ones and by its trades. Raises Unreadable."""
        return self._report(request, self._row(request), list(self._trades(request)))

    def _row(self, request: OrderRequest) -> Mapping[str, Any] | None:
        """Return the order's own row, while the venue has one."""
        row = self._get(f"/data/order/{request.venue_order_id}", {}, or_none=True)
        if row is not None and not isinstance(row, Mapping):
            raise Unreadable("an order was answered with something else")
        return row or None

    def _report(
        self,
        request: OrderRequest,
        row: Mapping[str, Any] | None,
        trades: Sequence[Row],
    ) -> OrderReport:
        try:
            return report_of(request, row, trades)
        except (BadMessage, ValueError, TypeError, AttributeError, ArithmeticError) as problem:
            raise Unreadable(f"the order cannot be read: {problem}") from problem

    def get_order_statuses(
        self, requests: Sequence[OrderRequest], *, over: Collection[str] = (), now: datetime
    ) -> dict[str, OrderReport]:
        """Report many orders by two reads, by their client order ids. Raises Unreadable.

        An order that is not open and not wholly filled is asked for by its own name too, but for
        those that are `over` for us. One that cannot be read is left out, and costs no other.
        """
        found: dict[str, OrderReport] = {}
        recent = [each for each in requests if now - each.sent_at <= LONG_AGO]
        rows = {str(row.get("id", "")).lower(): row for row in self.open_orders()}
        after = min((int(each.sent_at.timestamp()) for each in recent), default=0) - LOOK_BACK
        trades = list(self._pages("/data/trades", {"after": str(after)})) if recent else []
        for request in requests:
            try:
                # An old one would make the list of everybody's trades endless: it is asked alone.
                if request in recent:
                    report = self._report(request, rows.get(request.venue_order_id), trades)
                    if report.status is OrderStatus.GONE and request.client_order_id not in over:
                        report = self._report(request, self._row(request), trades)
                else:
                    report = self.get_order_status(request, now=now)
            except Unreadable as problem:
                log.warning("Order %s cannot be read: %s", request.venue_order_id, problem)
                continue
            found[request.client_order_id] = report
        return found

    def get_fills(self, request: OrderRequest, *, now: datetime) -> tuple[FillReport, ...]:
        """Return the fills of an order, as the report of its status holds them."""
        return self.get_order_status(request, now=now).fills

    def get_active_markets(self, *, most: int = 1000) -> list[Listing]:
        """Return open markets that take orders. Raises Unreadable."""
        public = Public(self._at, client=self._http, limits=self._limits)
        return public.get_active_markets(most=most)

    def is_healthy(self, requests: Sequence[OrderRequest] = ()) -> bool:
        """Tell whether the exchange itself says that it is well; it is one for all orders."""
        try:
            return bool(self._get("/ok", {}, signed=False) == "OK")
        except Unreadable:
            return False

    def balance(self, *, token: str = "") -> tuple[Decimal, dict[str, Decimal]]:
        """Return what the venue believes that the wallet holds - USD, or shares of a token - and
        what each contract may take of it. Raises Unreadable.
        """
        asked = {
            "asset_type": "CONDITIONAL" if token else "COLLATERAL",
            "signature_type": str(self._keys.wallet.signature_type),
        }
        row = self._get("/balance-allowance", {**asked, "token_id": token} if token else asked)
        try:
            allowed = row.get("allowances") or {}
            return number(row.get("balance"), "balance") / MILLION, {
                str(name): number(amount, "allowance") / MILLION for name, amount in allowed.items()
            }
        except (BadMessage, AttributeError) as problem:
            raise Unreadable(f"the balance cannot be read: {problem}") from problem

    def open_orders(self) -> list[Row]:
        """Return every order that rests for this API key, ours or not. Raises Unreadable."""
        return list(self._pages("/data/orders", {}))

    def refresh_balance(self) -> None:
        """Let the venue look at the chain again: needed once after money came in."""
        kind = str(self._keys.wallet.signature_type)
        asked = {"asset_type": "COLLATERAL", "signature_type": kind}
        self._get("/balance-allowance/update", asked, or_none=True)

    def is_closed_only(self) -> bool:
        """Tell whether this wallet may only close positions. Raises Unreadable."""
        row = self._get("/auth/ban-status/closed-only", {})
        return bool(isinstance(row, Mapping) and row.get("closed_only"))

    def _heed(self, answer: httpx.Response, call: str, *, signer: str = "") -> None:
        """Stop calling for as long as the venue asks: all of us when it restarts, one signer when
        that one has had too much.
        """
        if answer.status_code != answers.TOO_MANY and call != POST:
            return  # while it restarts, cancels and reads are tried all the same
        wait = answers.asked_to_wait(answer.status_code, answer.headers, answer.content)
        if wait:
            who = signer if answer.status_code == answers.TOO_MANY else ""
            self._limits.back_off(call, seconds=wait, signer=who)

    def _trades(self, request: OrderRequest) -> Iterator[Row]:
        # By market, never by token: a maker's fill is listed under the token of its taker, which is
        # the other one where both bought.
        asked = {"after": str(int(request.sent_at.timestamp()) - LOOK_BACK)}
        if request.market:
            asked["market"] = request.market
        yield from self._pages("/data/trades", asked)

    def _pages(self, path: str, asked: Mapping[str, str]) -> Iterator[Row]:
        cursor = ""
        for _ in range(PAGES):
            page = self._get(path, {**asked, "next_cursor": cursor} if cursor else asked)
            rows = page.get("data") if isinstance(page, Mapping) else None
            if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
                raise Unreadable(f"{path} did not answer with a page")
            yield from rows
            following = str(page.get("next_cursor") or LAST_PAGE)
            if following == LAST_PAGE:
                return
            if following == cursor:
                raise Unreadable(f"{path} answers the same page again")
            cursor = following
        raise Unreadable(f"{path} has over {PAGES} pages")

    def _get(
        self, path: str, asked: Mapping[str, str], *, signed: bool = True, or_none: bool = False
    ) -> Any:
        """Read one answer; `or_none` takes 404 and an empty body for a thing that is not there."""
        try:
            self._limits.wait(f"GET {path.split('/0x', maxsplit=1)[0]}")
            answer = self._http.get(
                f"{self._at.clob}{path}",
                params=dict(asked),
                auth=self._signed if signed else None,
                timeout=self._timeout,
            )
            self._heed(answer, f"GET {path.split('/0x', maxsplit=1)[0]}")
            if or_none and (answer.status_code == NOT_THERE or not answer.content):
                return None
            answer.raise_for_status()
            if len(answer.content) > BODY:
                raise Unreadable(f"{path} answers with over {BODY:,} bytes")
            return orjson.loads(answer.content)
        except NotSent as problem:
            raise Unreadable(str(problem)) from problem
        except (httpx.HTTPError, ValueError) as problem:
            raise Unreadable(f"{path}: {_words(problem)}") from problem


def _words(problem: Exception) -> str:
    return str(problem) or type(problem).__name__
