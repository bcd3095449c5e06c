"""What followed wallets trade, from the chain itself (reference: polymarket.md section 11).

Each filled order leaves one `OrderFilled` with its owner in the third topic, so one filter catches
what a wallet does as taker and as maker. A log names a token, not a market: who reads it looks that
up. The event of protocol 2's exchange is taken to be the same, which is not verified.
"""

import json
import logging
import queue
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx

from venues.errors import Unreadable, kind_of
from venues.listening import Listener
from venues.polymarket.eip712 import EXCHANGE_V3, NEG_RISK, STANDARD
from venues.polymarket.parse import fill_counter, share_count, share_price
from venues.reading import BadMessage
from venues.types import Side, Trade

log = logging.getLogger(__name__)

EXCHANGES = (STANDARD, NEG_RISK, EXCHANGE_V3)
ORDER_FILLED = "0xd543adfd945773f1a62f74f0ee55a5e3b9b1a28262980ba90b1a89f2ea84d8ee"
WORD = 64  # hexadecimal digits of one value of a log's data
WIDEST = 2_000  # blocks of one question: nodes refuse much more
TIMEOUT = httpx.Timeout(20.0, connect=5.0)
PING = json.dumps({"jsonrpc": "2.0", "id": 0, "method": "eth_blockNumber", "params": []})

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainFill:
    """One order's fill as the chain tells it."""

    block: int
    transaction: str
    order: str  # its hash: once in a transaction, wherever a block puts the log
    wallet: str
    token: str
    side: Side
    dollars: Decimal
    shares: Decimal

    def as_trade(self, *, market: str, outcome: str, index: int, title: str, at: datetime) -> Trade:
        """Return the trade in the words that every feed uses. Raises BadMessage for dust."""
        price, shares = share_price(self.dollars / self.shares), share_count(self.shares)
        return Trade(
            venue="polymarket",
            transaction=self.transaction,
            counter=fill_counter(wallet=self.order, token=self.token, price=price, shares=shares),
            wallet=self.wallet,
            market=market,
            token=self.token,
            outcome=outcome,
            outcome_index=index,
            title=title,
            side=self.side,
            price=price,
            shares=shares,
            at=at,
            source="chain",
        )


def fill_of(row: Row) -> ChainFill:
    """Parse one log. Raises BadMessage."""
    try:
        topics, data = row["topics"], str(row["data"]).removeprefix("0x")
        side, token, gave, got = (int(data[i * WORD : (i + 1) * WORD], 16) for i in range(4))
        if topics[0] != ORDER_FILLED or side not in (0, 1) or not gave or not got:
            raise BadMessage("the log is of another event")
        dollars, shares = (gave, got) if side == 0 else (got, gave)
        return ChainFill(
            block=int(row["blockNumber"], 16),
            transaction=str(row["transactionHash"])[:80],
            order=str(topics[1])[:80],
            wallet="0x" + str(topics[2])[-40:].lower(),
            token=str(token),
            side=Side.SELL if side else Side.BUY,
            dollars=Decimal(dollars).scaleb(-6),
            shares=Decimal(shares).scaleb(-6),
        )
    except (KeyError, IndexError, TypeError, ValueError) as problem:
        raise BadMessage(f"a log cannot be read: {problem}") from problem


def filter_of(wallets: Collection[str]) -> dict[str, Any]:
    """Return what to ask a node for."""
    owners = ["0x" + wallet[2:].rjust(WORD, "0") for wallet in sorted(wallets)]
    return {"address": list(EXCHANGES), "topics": [ORDER_FILLED, None, owners]}


class ChainPush(Listener):
    """Fills of the wallets that are wanted, as blocks are made."""

    name = "chain stream"
    ping_text = PING

    def __init__(self, url: str, **options: float) -> None:
        super().__init__(url, **options)
        self._fills: queue.SimpleQueue[ChainFill] = queue.SimpleQueue()
        self._wanted: frozenset[str] = frozenset()

    def want(self, wallets: Collection[str]) -> None:
        """Hear of these wallets (lower case), and no others, from now on."""
        if frozenset(wallets) != self._wanted:
            self._wanted = frozenset(wallets)
            self.hang_up()  # one subscription a connection: what is between is read from the node

    def take(self) -> list[ChainFill]:
        found: list[ChainFill] = []
        with suppress(queue.Empty):
            while True:
                found.append(self._fills.get_nowait())
        return found

    def hello(self) -> Iterable[str]:
        asked = ["logs", filter_of(self._wanted)]
        row = {"jsonrpc": "2.0", "id": 1, "method": "eth_subscribe", "params": asked}
        return (json.dumps(row),) if self._wanted else ()

    def heard(self, frame: str) -> None:
        try:
            row = json.loads(frame)
            params = row.get("params") if isinstance(row, Mapping) else None
            if isinstance(row, Mapping) and row.get("error"):
                log.warning("The node refuses: %s", str(row["error"])[:200])
            if not isinstance(params, Mapping) or params["result"].get("removed"):
                return
            self._fills.put(fill_of(params["result"]))
        except (ValueError, KeyError, AttributeError, RecursionError) as problem:
            log.warning("A log cannot be read: %s", problem)


class Node:
    """Reads of a node over HTTP: the last block, its time, and fills of the past."""

    def __init__(self, url: str, *, http: httpx.Client) -> None:
        self._url, self._http = url, http

    def last_block(self) -> int:
        """Return the number of the newest block. Raises Unreadable."""
        return self._number(self._ask("eth_blockNumber", []))

    def time_of(self, block: int) -> datetime:
        """Return when a block was made. Raises Unreadable."""
        row = self._ask("eth_getBlockByNumber", [hex(block), False])
        if not isinstance(row, Mapping):
            raise Unreadable(f"the node has no block {block}")
        return datetime.fromtimestamp(self._number(row.get("timestamp")), UTC)

    def fills(self, wallets: Collection[str], *, first: int, last: int) -> Iterator[ChainFill]:
        """Yield the fills of some wallets in a span of blocks, oldest first. Raises Unreadable."""
        for start in range(first, last + 1, WIDEST):
            asked = filter_of(wallets) | {
                "fromBlock": hex(start),
                "toBlock": hex(min(start + WIDEST - 1, last)),
            }
            rows = self._ask("eth_getLogs", [asked])
            if not isinstance(rows, list):
                raise Unreadable("the node did not answer with logs")
            for row in rows:
                try:
                    yield fill_of(row)
                except BadMessage as problem:
                    log.warning("A log cannot be read: %s", problem)

    def _ask(self, method: str, params: list[Any]) -> Any:
        row = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        try:
            answer = self._http.post(self._url, json=row, timeout=TIMEOUT)
            answer.raise_for_status()
            found = answer.json()
            if "error" in found:
                raise Unreadable(f"the node refuses {method}: {str(found['error'])[:200]}")
            return found["result"]
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as problem:
            # Never its address: it may carry a key.
            raise Unreadable(f"the node does not answer {method}: {kind_of(problem)}") from None

    def _number(self, value: Any) -> int:
        try:
            return int(str(value), 16)
        except ValueError:
            raise Unreadable(f"{str(value)[:40]} is no number of the chain") from None
