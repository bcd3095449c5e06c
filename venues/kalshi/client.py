"""Kalshi as a venue: real orders of one account. One POST for each order, ever.

An order's name is our own client order id, kept before anything is sent. Nothing here retries a
write. Orders are found again by that name among those of their market, and by their fills.
"""

import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import orjson

from venues import money
from venues.buckets import Buckets, NoBuckets
from venues.errors import NotSent, Refused, Unreadable
from venues.kalshi import answers
from venues.kalshi.auth import Clock, Keys
from venues.kalshi.calls import Calls
from venues.kalshi.hours import THURSDAY, Hours
from venues.kalshi.markets import shards
from venues.kalshi.orders import body_of, count_of, terms_of
from venues.kalshi.parse import split
from venues.kalshi.portfolio import Portfolio
from venues.kalshi.reports import fills_of, report_of
from venues.reading import BadMessage, clean, moment_or_none
from venues.types import (
    FillReport,
    OrderKind,
    OrderReport,
    OrderRequest,
    OrderStatus,
    Prepared,
)

log = logging.getLogger(__name__)

ORDERS = "/portfolio/events/orders"
LONG_AGO = timedelta(hours=12)
LOOK_BACK = 60  # seconds before an order was sent from which its market's orders are read
PAUSE_SECONDS = 20.0  # for which a shard that said so takes no orders; then it is asked again
BUSY_SECONDS = 1.0  # after a 429
FRESH = timedelta(seconds=5)  # how far reads may lag while their silence counts: two looks that
# count are further apart, so the second one sees what was there at the first

Row = Mapping[str, Any]


class KalshiClient:
    """Trade for one Kalshi account."""

    name = "kalshi"

    def __init__(
        self,
        *,
        keys: Keys,
        calls: Calls,
        now: Clock,
        buckets: Buckets | None = None,
        hours: Callable[[], Hours] = lambda: THURSDAY,
    ) -> None:
        self._keys, self._calls, self._now = keys, calls, now
        self.portfolio = Portfolio(calls)
        self._buckets, self._hours = buckets or NoBuckets(), hours

    @property
    def wallet(self) -> str:
        """Return what tells this Kalshi account from others."""
        return self._keys.account

    def waits_for(self, request: OrderRequest) -> float:
        """Return for how many seconds the order's shard takes none, or none of this account."""
        return max(
            self._buckets.left(_orders_of(self.wallet)),
            self._buckets.left(shard_pause(terms_of(request).shard)),
            self._hours().opens_in(self._now()).total_seconds(),
        )

    def prepare(self, request: OrderRequest) -> Prepared:
        """Fix the body of the one POST. Raises Refused for what the exchange would not take."""
        terms = terms_of(request)
        try:
            body = body_of(request, terms)
        except BadMessage as problem:
            raise Refused(str(problem)) from problem
        return Prepared(venue_order_id=request.client_order_id, body=orjson.dumps(body))

    def place_order(
        self, request: OrderRequest, prepared: Prepared, *, not_after: datetime
    ) -> OrderReport:
        """Post the stored bytes, once. Raises Refused, NotSent or Unknown."""

        def still_in_time() -> None:
            self._calls.check_time(not_after)
            if request.kind is OrderKind.GTD and self._now() >= request.expires_at:
                # The exchange takes an end in the past for an order that takes at once.
                raise NotSent("It would have run out before it arrived.")

        shard = terms_of(request).shard
        answer = self._calls.write(
            "POST",
            ORDERS,
            like=ORDERS,
            shard=shard,
            content=prepared.body,
            last_check=still_in_time,
        )
        self._heed(answer.status_code, answer.content, shard=shard)
        report = answers.placed(
            answer.status_code,
            answer.content,
            name=prepared.venue_order_id,
            kind=request.kind,
            count=count_of(request, terms_of(request)),
        )
        return self._with_fills(request, report) if report.claimed else report

    def _with_fills(self, request: OrderRequest, report: OrderReport) -> OrderReport:
        """Add the fills that the answer speaks of, where they can be read at once."""
        try:
            told = self._fills(request, report.reference)
        except Unreadable as problem:
            log.warning("Order %s was filled, and its fills come later: %s", request, problem)
            return report
        filled = sum((fill.shares for fill in told), money.ZERO)
        status = report.status
        if filled >= request.shares:
            status = OrderStatus.FILLED
        elif filled >= report.claimed and request.kind in (OrderKind.FAK, OrderKind.FOK):
            status = OrderStatus.CANCELED  # what was not offered was never going to rest
        elif filled:
            status = OrderStatus.PARTIAL
        return replace(report, fills=told, status=status)

    def cancel_order(self, request: OrderRequest, *, now: datetime) -> OrderReport:
        """Cancel an order. Safe to repeat: a 404 says neither cancelled nor filled, so we look."""
        reference = request.reference
        if not reference:
            found = self.get_order_status(request, now=now)
            reference = found.reference
            if not reference:
                return found  # nobody knows it there: its silence is for others to judge
        # Whatever became unknown of its market, an order can be taken back.
        shard = request.terms.shard if request.terms else None
        where = {} if shard is None else {"exchange_index": shard}
        answer = self._calls.write(
            "DELETE",
            f"{ORDERS}/{reference}",
            like=f"{ORDERS}/{{}}",
            shard=shard or 0,
            asked={**where, "market_ticker": split(request.token)[0]},
        )
        reduced = answers.cancelled(answer.status_code, answer.content)
        report = self.get_order_status(replace(request, reference=reference), now=now)
        if reduced is None or report.status is OrderStatus.FILLED:
            return report
        claimed = report.claimed
        if report.status not in (OrderStatus.CANCELED, OrderStatus.EXPIRED):
            # Reads lag behind writes: what was taken back says how much was filled before.
            claimed = max(claimed, money.floor_shares(request.shares) - reduced)
        return replace(
            report,
            status=OrderStatus.CANCELED,
            claimed=claimed,
            reason="cancelled on request",
            reference=reference,
        )

    def get_order_status(self, request: OrderRequest, *, now: datetime) -> OrderReport:
        """Report an order by its own row and its fills. Raises Unreadable."""
        row = self._row(request)
        reference = request.reference or clean((row or {}).get("order_id"), most=100)
        fills = self._fill_rows({"order_id": reference}) if reference else []
        return _report(request, row, fills, now=now)

    def get_order_statuses(
        self, requests: Sequence[OrderRequest], *, over: Collection[str] = (), now: datetime
    ) -> dict[str, OrderReport]:
        """Report many orders by two reads, by their client order ids. Raises Unreadable.

        One that is older than half a day is asked for alone. One that cannot be read is left out,
        and costs no other.
        """
        found: dict[str, OrderReport] = {}
        recent = [each for each in requests if now - each.sent_at <= LONG_AGO]
        rows, fills = self._since(recent)
        for request in requests:
            try:
                if request in recent:
                    own_row = rows.get(request.client_order_id)
                    if own_row is None and request.reference:
                        own_row = self._row(request)  # by its name, before it counts as silent
                    reference = request.reference or clean(
                        (own_row or {}).get("order_id"), most=100
                    )
                    own = fills.get(reference, [])
                    found[request.client_order_id] = _report(request, own_row, own, now=now)
                else:
                    found[request.client_order_id] = self.get_order_status(request, now=now)
            except Unreadable as problem:
                log.warning("Order %s cannot be read: %s", request.client_order_id, problem)
        return found

    def get_fills(self, request: OrderRequest, *, now: datetime) -> tuple[FillReport, ...]:
        """Return the fills of an order. Raises Unreadable."""
        return self.get_order_status(request, now=now).fills

    def is_healthy(self, requests: Sequence[OrderRequest] = ()) -> bool:
        """Tell whether the exchange runs, on the shards of some orders too, and its reads keep up:
        only then does silence count.
        """
        try:
            found = shards(self._calls.get("/exchange/status") or {})
            as_of = self.as_of()
        except (Unreadable, BadMessage, TypeError, AttributeError):
            return False
        asked = {0} | {each.terms.shard for each in requests if each.terms is not None}
        if not all(index in found and found[index].is_active for index in asked):
            return False
        return as_of is not None and self._now() - as_of < FRESH

    def as_of(self) -> datetime | None:
        """Return until when reads of one's own know everything. Raises Unreadable."""
        row = self._calls.get("/exchange/user_data_timestamp")
        return moment_or_none(row.get("as_of_time")) if isinstance(row, Mapping) else None

    def open_orders(self) -> list[Row]:
        """Return every order that rests for this account, ours or not. Raises Unreadable."""
        return list(self._calls.pages("/portfolio/orders", "orders", {"status": "resting"}))

    def _row(self, request: OrderRequest) -> Row | None:
        """Return the order's own row: by the exchange's name for it, else among its market's."""
        row: Row | None
        if request.reference:
            found = self._calls.get(
                f"/portfolio/orders/{request.reference}", like="/portfolio/orders/{}"
            )
            row = found.get("order") if isinstance(found, Mapping) else None
            if isinstance(row, Mapping):
                return row
        asked = {
            "ticker": split(request.token)[0],
            "min_ts": int(request.sent_at.timestamp()) - LOOK_BACK,
        }
        for row in self._calls.pages("/portfolio/orders", "orders", asked):
            if row.get("client_order_id") == request.client_order_id:
                return row
        return None

    def _since(self, recent: Sequence[OrderRequest]) -> tuple[dict[str, Row], dict[str, list[Row]]]:
        """Return orders by client order id, and fills by order, since the oldest of some."""
        if not recent:
            return {}, {}
        oldest = min(int(each.sent_at.timestamp()) for each in recent) - LOOK_BACK
        rows: dict[str, Row] = {}
        for row in self._calls.pages("/portfolio/orders", "orders", {"min_ts": oldest}):
            rows[clean(row.get("client_order_id"), most=100)] = row
        fills: dict[str, list[Row]] = {}
        for fill in self._fill_rows({"min_ts": oldest}):
            fills.setdefault(clean(fill.get("order_id"), most=100), []).append(fill)
        return rows, fills

    def _fills(self, request: OrderRequest, reference: str) -> tuple[FillReport, ...]:
        try:
            return fills_of(request, self._fill_rows({"order_id": reference}))
        except BadMessage as problem:
            raise Unreadable(f"a fill cannot be read: {problem}") from problem

    def _fill_rows(self, asked: Mapping[str, Any]) -> list[Row]:
        return list(self._calls.pages("/portfolio/fills", "fills", asked))

    def _heed(self, status: int, body: bytes, *, shard: int) -> None:
        """Stop for as long as the exchange's words ask: one shard, or this account."""
        code, _ = answers.code_of(body)
        if code == answers.PAUSED:
            self._buckets.pause(shard_pause(shard), seconds=PAUSE_SECONDS)
        elif status == answers.TOO_MANY:
            self._buckets.pause(_orders_of(self.wallet), seconds=BUSY_SECONDS)


def shard_pause(shard: int) -> str:
    """Return the name of a pause of one shard."""
    return f"shard {shard}"


def _orders_of(account: str) -> str:
    return f"orders of {account}"


def _report(
    request: OrderRequest, row: Row | None, fills: Iterable[Row], *, now: datetime
) -> OrderReport:
    try:
        return report_of(request, row, fills, now=now)
    except (BadMessage, TypeError, AttributeError, ArithmeticError) as problem:
        raise Unreadable(f"the order cannot be read: {problem}") from problem
