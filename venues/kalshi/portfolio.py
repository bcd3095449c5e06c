"""What a Kalshi account has: cash by shard, positions, settlements, keys, limits; moving cash."""

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

import orjson

from venues.errors import Unreadable
from venues.kalshi import answers
from venues.kalshi.calls import Calls
from venues.kalshi.limits import Tier, tier
from venues.kalshi.reports import Balance, Held, Settled, balance, held, settled
from venues.reading import BadMessage

CENTICENTS = Decimal(10_000)  # of a dollar
TRANSFER = "/portfolio/intra_exchange_instance_transfer"

Row = Mapping[str, Any]
T = TypeVar("T")


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
        """Return how markets ended for this account. Raises Unreadable."""
        asked = {"min_ts": int(since.timestamp())} if since else {}
        rows = self._calls.pages("/portfolio/settlements", "settlements", asked, limit=200)
        return [_read(settled, row) for row in rows]

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

    def tier(self) -> Tier:
        """Return what this account may ask for. Raises Unreadable."""
        limits = self._calls.get("/account/limits")
        costs = self._calls.get("/account/endpoint_costs")
        try:
            return tier(limits, costs)
        except (BadMessage, AttributeError, TypeError) as problem:
            raise Unreadable(f"the limits cannot be read: {problem}") from problem

    def transfer(self, *, key: str, amount: Decimal, source: int, destination: int) -> None:
        """Move cash from shard to shard, once for each key. Raises Refused, NotSent or Unknown.

        A key that was used before has done it: that is no error.
        """
        body = {
            "client_transfer_id": key,
            "source": "event_contract",
            "destination": "event_contract",
            "amount": int(amount * CENTICENTS),
            "source_exchange_shard": source,
            "destination_exchange_shard": destination,
        }
        answer = self._calls.write("POST", TRANSFER, like=TRANSFER, content=orjson.dumps(body))
        answers.moved(answer.status_code, answer.content)


def _read(parse: Callable[[Row], T], row: Any) -> T:
    try:
        return parse(row)
    except (BadMessage, TypeError, AttributeError, ArithmeticError) as problem:
        raise Unreadable(f"an answer cannot be read: {problem}") from problem
