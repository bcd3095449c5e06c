"""The chain as wallets and watchers see it: blocks, their transactions, and what was traded."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from eth_abi.abi import encode

from sandbox.polymarket import contracts
from sandbox.polymarket.contracts import Call, Reverted
from sandbox.polymarket.exchange import Exchange
from sandbox.polymarket.rows import Leg, Trade
from venues.polymarket.eip712 import keccak

BLOCK = timedelta(seconds=2)
CONFIRMED = timedelta(seconds=4)  # after it was sent
MILLION = 1_000_000
ORDER_FILLED = keccak(
    b"OrderFilled(bytes32,address,address,uint8,uint256,uint256,uint256,uint256,bytes32,bytes32)"
)
EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


class State(StrEnum):
    NEW = "STATE_NEW"
    MINED = "STATE_MINED"
    CONFIRMED = "STATE_CONFIRMED"
    FAILED = "STATE_FAILED"


@dataclass(slots=True, kw_only=True)
class Transaction:
    """What a wallet asked of contracts, all of it or nothing."""

    id: str
    hash: str
    wallet: str
    calls: Sequence[Call]
    at: datetime
    state: State = State.NEW
    why: str = ""  # it failed


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """One OrderFilled event: one order's part of a match."""

    block: int
    place: int  # among all of its block
    transaction: str
    contract: str
    topics: tuple[bytes, ...]
    data: bytes


@dataclass(kw_only=True)
class Node:
    """Blocks come with time; a transaction is mined with the next one."""

    exchange: Exchange
    transactions: dict[str, Transaction] = field(default_factory=dict)  # by id and by hash
    nonces: dict[str, int] = field(default_factory=dict)  # of wallets and plain keys, lower case
    _waiting: list[Transaction] = field(default_factory=list)

    def send(self, wallet: str, calls: Sequence[Call], *, now: datetime) -> Transaction:
        """Take a transaction whose signature was checked; its wallet's nonce moves on."""
        nonce = self.nonces.get(wallet, 0)
        self.nonces[wallet] = nonce + 1
        digest = hashlib.sha256(f"{wallet}{nonce}".encode()).hexdigest()
        sent = Transaction(
            id=f"0{digest[:35]}", hash=f"0x{digest}", wallet=wallet, calls=calls, at=now
        )
        self.transactions |= {sent.id: sent, sent.hash: sent}
        self._waiting.append(sent)
        return sent

    def is_busy(self, wallet: str) -> bool:
        return any(each.wallet == wallet for each in self._waiting)

    def advance(self, now: datetime) -> None:
        """Mine what waited for a block, and confirm what was mined."""
        for each in list(self._waiting):
            if each.state is State.NEW and now >= each.at + BLOCK:
                self._mine(each, each.at + BLOCK)
            if each.state is State.MINED and now >= each.at + CONFIRMED:
                each.state = State.CONFIRMED
            if each.state in (State.CONFIRMED, State.FAILED):
                self._waiting.remove(each)

    def _mine(self, sent: Transaction, at: datetime) -> None:
        try:
            for call in sent.calls:
                contracts.execute(self.exchange, sent.wallet, call, now=at)
            sent.state = State.MINED
        except Reverted as why:
            sent.state, sent.why = State.FAILED, str(why)

    def logs(self, first: int, last: int) -> Iterator[Log]:
        """Yield what was filled in blocks `first` to `last`, oldest first."""
        for trade in self.exchange.trades:
            if trade.mined_at is not None and first <= block_of(trade.mined_at) <= last:
                yield from logs_of(trade)


def block_of(at: datetime) -> int:
    return (at - EPOCH) // BLOCK


def logs_of(trade: Trade) -> list[Log]:
    """Return one event for each order of a mined match; the owner of an order is its maker."""
    assert trade.mined_at is not None
    contract = trade.market.domain.contract.lower()
    taker = trade.taker.order.wallet.address
    legs = [*((leg, taker) for leg in trade.makers), (trade.taker, contract)]
    return [
        Log(
            block=block_of(trade.mined_at),
            place=place,
            transaction=trade.transaction,
            contract=contract,
            topics=(
                ORDER_FILLED,
                bytes.fromhex(leg.order.order_id[2:]),
                _padded(leg.order.wallet.address),
                _padded(other),
            ),
            data=_filled(leg),
        )
        for place, (leg, other) in enumerate(legs)
    ]


def _filled(leg: Leg) -> bytes:
    order = leg.order
    shares, dollars = _units(leg.shares), _units(leg.dollars)
    gave, got = (dollars, shares) if order.buy else (shares, dollars)
    return encode(
        ["uint8", "uint256", "uint256", "uint256", "uint256", "bytes32", "bytes32"],
        [0 if order.buy else 1, int(order.token), gave, got, _units(leg.fee), bytes(32), bytes(32)],
    )


def _units(amount: Decimal) -> int:
    return int(amount * MILLION)


def _padded(address: str) -> bytes:
    return bytes(12) + bytes.fromhex(address[2:])
