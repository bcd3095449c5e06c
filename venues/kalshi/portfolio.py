"""What a Kalshi account has: cash by shard, positions, settlements, keys, limits; moving cash."""

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

import orjson

from venues.errors import Unreadable
from venues.kalshi import answers
from venues.kalshi.calls import Calls
from venues.kalshi.limits import Tier, tier
from venues.kalshi.parse import written
from venues.kalshi.reports import Balance, Held, Settled, balance, held, settled
from venues.reading import BadMessage, number, text

log = logging.getLogger(__name__)

LATEST = 200  # orders by which an account is known again
CENTICENTS = Decimal(10_000)  # of a dollar
TRANSFER = "/portfolio/intra_exchange_instance_transfer"
INSTANCE = "event_contract"

Row = Mapping[str, Any]
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """A transfer between shards as the exchange lists it."""

    amount: Decimal  # USD
    source: int
    destination: int
    is_complete: bool


class Portfolio:
    """The money of one Kalshi account."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def balance(self) -> Balance:
        """Return the cash by shard. Raises Unreadable."""
        return _read(balance, self._calls.get("/portfolio/balance"))

    def positions(self) -> list[Held]:
        """Return what is held and not settled, YES and NO of a market netted. Raises Unreadable."""
        rows = self._calls.pages("/portfolio/positions", "market_positions")
        return [each for each in (_read(held, row) for row in rows) if each is not None]

    def settlements(self, *, since: datetime | None = None) -> list[Settled]:
        """Return how markets ended for this account; a row that cannot be read is left out, and
        costs no other. Raises Unreadable.
        """
        asked = {"min_ts": int(since.timestamp())} if since else {}
        rows = self._calls.pages("/portfolio/settlements", "settlements", asked, limit=200)
        return list(_readable(settled, rows))

    def key_ids(self) -> dict[str, tuple[str, ...]]:
        """Return the scopes of each API key of this Kalshi account. Raises Unreadable."""
        row = self._calls.get("/api_keys")
        rows = row.get("api_keys") if isinstance(row, Mapping) else None
        if not isinstance(rows, list):
            raise Unreadable("/api_keys did not answer with keys")
        return {
            str(each.get("api_key_id")): tuple(str(scope) for scope in each.get("scopes") or ())
            for each in rows
            if isinstance(each, Mapping)
        }

    def order_ids(self) -> list[str]:
        """Return the exchange's names of this account's latest orders. Raises Unreadable."""
        page = self._calls.get("/portfolio/orders", {"limit": LATEST})
        rows = page.get("orders") if isinstance(page, Mapping) else None
        if not isinstance(rows, list):
            raise Unreadable("/portfolio/orders did not answer with a list of orders")
        return [str(row.get("order_id")) for row in rows if isinstance(row, Mapping)]

    def tier(self) -> Tier:
        """Return what this account may ask for. Raises Unreadable."""
        limits = self._calls.get("/account/limits")
        costs = self._calls.get("/account/endpoint_costs")
        try:
            return tier(limits, costs)
        except (BadMessage, AttributeError, TypeError) as problem:
            raise Unreadable(f"the limits cannot be read: {problem}") from problem

    def transfer(
        self, *, key: str, amount: Decimal, source: int, destination: int, not_after: datetime
    ) -> None:
        """Ask once for cash to be moved from shard to shard; returns once that was taken, which is
        before it is done. Raises Refused, NotSent or Unknown.
        """
        body = {
            "client_transfer_id": key,
            "source": INSTANCE,
            "destination": INSTANCE,
            "amount": int(amount * CENTICENTS),
            "source_exchange_shard": source,
            "destination_exchange_shard": destination,
        }
        answer = self._calls.write(
            "POST",
            TRANSFER,
            like=TRANSFER,
            content=orjson.dumps(body),
            last_check=lambda: self._calls.check_time(not_after),
        )
        answers.moved(answer.status_code, answer.content)

    def transfers(self, keys: Collection[str]) -> dict[str, Moved]:
        """Return transfers by the key that they were asked for with. Raises Unreadable."""
        rows = self._calls.pages(f"{TRANSFER}s", "transfers", limit=500)
        return {
            str(row["client_transfer_id"]): _read(_moved, row)
            for row in rows
            if row.get("client_transfer_id") in keys
        }


def _moved(row: Row) -> Moved:
    return Moved(
        amount=written(row.get("amount"), "amount"),
        source=int(number(row.get("source_exchange_shard"), "source_exchange_shard")),
        destination=int(
            number(row.get("destination_exchange_shard"), "destination_exchange_shard")
        ),
        is_complete=text(row, "status", most=40) == "complete",
    )


def _read(parse: Callable[[Row], T], row: Any) -> T:
    try:
        return parse(row)
    except (BadMessage, TypeError, AttributeError, ArithmeticError) as problem:
        raise Unreadable(f"an answer cannot be read: {problem}") from problem


def _readable(parse: Callable[[Row], T], rows: Iterable[Row]) -> Iterator[T]:
    for row in rows:
        try:
            yield _read(parse, row)
        except Unreadable as problem:
            log.error("A row cannot be read: %s", problem)
