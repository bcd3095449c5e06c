"""The few contract calls that wallets make, read and answered from the exchange's books."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError

from sandbox.polymarket.exchange import Exchange
from sandbox.polymarket.markets import Market
from sandbox.polymarket.rows import Refused
from venues.polymarket.eip712 import keccak

MILLION = 1_000_000
MOST = 2**256 - 1  # an allowance without end


class Reverted(Exception):
    """A call that the chain would undo; the text is its reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call to a contract."""

    to: str  # lower case
    data: bytes


def selector(signature: str) -> bytes:
    return keccak(signature.encode())[:4]


APPROVE = "approve(address,uint256)"
APPROVE_ALL = "setApprovalForAll(address,bool)"
REDEEM = "redeemPositions(address,bytes32,bytes32,uint256[])"
REDEEM_V2 = "redeem(bytes31,uint256,uint256)"
BALANCE = "balanceOf(address,uint256)"
BALANCES = "balanceOfBatch(address[],uint256[])"
COLLATERAL = "balanceOf(address)"
ALLOWANCE = "allowance(address,address)"
APPROVED = "isApprovedForAll(address,address)"
PROXY = "proxy((uint8,address,uint256,bytes)[])"
MULTISEND = "multiSend(bytes)"


def execute(exchange: Exchange, wallet: str, call: Call, *, now: datetime) -> None:
    """Do what a wallet asked of a contract. Raises Reverted, and then nothing has changed."""
    found = _arguments(call.data, (APPROVE, APPROVE_ALL, REDEEM, REDEEM_V2))
    if found is None:
        raise Reverted("execution reverted: unknown function")
    signature, values = found
    if signature in (APPROVE, APPROVE_ALL):
        exchange.wallets[wallet].approved = bool(values[1])
        return
    market = _market(exchange, values[2] if signature == REDEEM else values[0])
    index = None if signature == REDEEM else values[1]
    try:
        exchange.redeem(wallet, market.condition, now=now, index=index)
    except Refused as refusal:
        raise Reverted(f"execution reverted: {refusal.words}") from None


def view(exchange: Exchange, call: Call) -> bytes:
    """Answer a call that changes nothing. Raises Reverted for a function that nobody knows."""
    found = _arguments(call.data, (BALANCE, BALANCES, COLLATERAL, ALLOWANCE, APPROVED))
    if found is None:
        raise Reverted("execution reverted: unknown function")
    signature, values = found
    answers: dict[str, Callable[[], bytes]] = {
        BALANCE: lambda: encode(["uint256"], [_shares(exchange, values[0], values[1])]),
        BALANCES: lambda: encode(
            ["uint256[]"],
            [[_shares(exchange, *each) for each in zip(values[0], values[1], strict=True)]],
        ),
        COLLATERAL: lambda: encode(["uint256"], [_cash(exchange, values[0])]),
        ALLOWANCE: lambda: encode(["uint256"], [MOST if _approved(exchange, values[0]) else 0]),
        APPROVED: lambda: encode(["bool"], [_approved(exchange, values[0])]),
    }
    return answers[signature]()


def proxied(data: bytes) -> list[Call]:
    """Return the calls inside of one to the proxy factory. Raises Reverted."""
    found = _arguments(data, (PROXY,))
    if found is None:
        raise Reverted("execution reverted: not a proxy call")
    return [Call(to=to.lower(), data=inner) for _, to, _, inner in found[1][0]]


def sent_together(data: bytes) -> list[Call]:
    """Return the calls inside of a multi-send. Raises Reverted."""
    found = _arguments(data, (MULTISEND,))
    if found is None:
        raise Reverted("execution reverted: not a multi-send")
    packed, calls, at = found[1][0], [], 0
    while at < len(packed):
        to = "0x" + packed[at + 1 : at + 21].hex()
        length = int.from_bytes(packed[at + 53 : at + 85], "big")
        calls.append(Call(to=to, data=packed[at + 85 : at + 85 + length]))
        at += 85 + length
    return calls


def is_multisend(data: bytes) -> bool:
    return data[:4] == selector(MULTISEND)


def _arguments(data: bytes, known: tuple[str, ...]) -> tuple[str, tuple[Any, ...]] | None:
    for signature in known:
        if data[:4] == selector(signature):
            inside = signature[signature.index("(") + 1 : -1]
            try:
                return signature, decode(_types(inside), data[4:])
            except (DecodingError, OverflowError) as problem:
                raise Reverted(f"execution reverted: {problem}") from None
    return None


def _types(inside: str) -> list[str]:
    """Split the types of a signature; one in parentheses stays whole."""
    return [inside] if inside.startswith("(") else inside.split(",")


def _market(exchange: Exchange, condition: bytes) -> Market:
    """Find a market by its id, of which the newer contracts know the first 31 bytes."""
    wanted = "0x" + condition.hex()
    for name, market in exchange.markets.items():
        if name.startswith(wanted):
            return market
    raise Reverted("execution reverted: unknown condition")


def _shares(exchange: Exchange, owner: str, token: int) -> int:
    wallet = exchange.wallets.get(owner.lower())
    held = wallet.shares.get(str(token), Decimal(0)) if wallet else Decimal(0)
    return int(held * MILLION)


def _cash(exchange: Exchange, owner: str) -> int:
    wallet = exchange.wallets.get(owner.lower())
    return int(wallet.cash * MILLION) if wallet else 0


def _approved(exchange: Exchange, owner: str) -> bool:
    wallet = exchange.wallets.get(owner.lower())
    return wallet is not None and wallet.approved
