"""Which wallets a private key may trade for, and where Polymarket's factories put them.

Addresses follow from the key alone (EIP-1014); polymarket.md 3.2 and 3.3 name the factories.
"""

from dataclasses import dataclass
from enum import IntEnum

from eth_utils.address import to_checksum_address

from venues.polymarket.auth import Wallet
from venues.polymarket.eip712 import address, keccak, raw

PROXY_FACTORY = "0xaB45c5A4B0c941a2F231C04C3f49182e1A254052"
PROXY_CODE = "0x44e999d5c2F66Ef0861317f9A4805AC2e90aEB4f"
SAFE_FACTORY = "0xaacFeEa03eb1561C4e67d661e40682Bd20E3541b"
SAFE_CODE_HASH = "0x2bce2127ff07fb632d16c8347c4ebf501f4841168bed00d9e6ef715ddb6fcecf"
DEPOSIT_FACTORY = "0x00000000000Fb5C9ADea0298D729A0CB3823Cc07"
DEPOSIT_CODE = "0x58CA52ebe0DadfdF531Cde7062e76746de4Db1eB"
DEPOSIT_BEACON = "0x7A18EDfe055488A3128f01F563e5B479D92ffc3a"


class Kind(IntEnum):
    """Signature types, as orders name them."""

    EOA = 0
    PROXY = 1
    SAFE = 2
    DEPOSIT = 3

    @property
    def words(self) -> str:
        return WORDS[self]


WORDS = {
    Kind.EOA: "plain wallet",
    Kind.PROXY: "e-mail wallet",
    Kind.SAFE: "browser-wallet safe",
    Kind.DEPOSIT: "deposit wallet",
}


class NotYourWallet(ValueError):
    """An address that does not belong to the key; the text says which ones do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A wallet of a key, whether or not it exists on chain."""

    kind: Kind
    address: str  # checksummed


def candidates(owner: str) -> list[Candidate]:
    """Return the wallets that a key's address may own, newest kind first."""
    deposits = [_deposit(owner, beacon=beacon) for beacon in (False, True)]
    return [
        *(Candidate(kind=Kind.DEPOSIT, address=each) for each in deposits),
        Candidate(kind=Kind.SAFE, address=safe_of(owner)),
        Candidate(kind=Kind.PROXY, address=_proxy(owner)),
        Candidate(kind=Kind.EOA, address=str(to_checksum_address(owner))),
    ]


def wallet_of(owner: str, funder: str) -> Wallet:
    """Return the wallet at an address, with the type that follows from it. Raises NotYourWallet."""
    for each in candidates(owner):
        if each.address.lower() == funder.strip().lower():
            return Wallet(
                owner=str(to_checksum_address(owner)),
                funder=each.address,
                signature_type=int(each.kind),
            )
    named = "; ".join(f"{each.address} is its {each.kind.words}" for each in candidates(owner))
    raise NotYourWallet(f"{funder[:60]} is no wallet of this key. {named}.")


def _proxy(owner: str) -> str:
    code = (
        bytes.fromhex("3d3d606380380380913d393d73")
        + raw(PROXY_FACTORY)
        + bytes.fromhex("5af4602a57600080fd5b602d8060366000396000f3363d3d373d3d3d363d73")
        + raw(PROXY_CODE)
        + bytes.fromhex("5af43d82803e903d91602b57fd5bf352e831dd")
        + (32).to_bytes(32, "big")
        + bytes(32)
    )
    return _create2(PROXY_FACTORY, salt=keccak(raw(owner)), code_hash=keccak(code))


def safe_of(owner: str) -> str:
    """Return the checksummed address of the Safe that belongs to a key's address."""
    return _create2(SAFE_FACTORY, salt=keccak(address(owner)), code_hash=raw(SAFE_CODE_HASH))


def _deposit(owner: str, *, beacon: bool) -> str:
    """Follow the factory's two templates (ERC-1967): an implementation, or a beacon of one."""
    arguments = address(DEPOSIT_FACTORY) + address(owner)
    size = len(arguments)
    if beacon:
        code = (
            (0x6100523D8160233D3973 + (size << 56)).to_bytes(10, "big")
            + raw(DEPOSIT_BEACON)
            + bytes.fromhex(
                "60195155f3363d3d373d3d363d602036600436635c60da"
                "1b60e01b36527fa3f0ad74e5423aebfd80d3ef4346578335a9a72aeaee59ff6c"
                "b3582b35133d50545afa5036515af43d6000803e604d573d6000fd5b3d6000f3"
            )
            + arguments
        )
    else:
        code = (
            (0x61003D3D8160233D3973 + (size << 56)).to_bytes(10, "big")
            + raw(DEPOSIT_CODE)
            + bytes.fromhex(
                "60095155f3363d3d373d3d363d7f360894a13ba1a3210667c828492db98dca3e2076"
                "cc3735a920a3ca505d382bbc545af43d6000803e6038573d6000fd5b3d6000f3"
            )
            + arguments
        )
    return _create2(DEPOSIT_FACTORY, salt=keccak(arguments), code_hash=keccak(code))


def _create2(factory: str, *, salt: bytes, code_hash: bytes) -> str:
    made = keccak(b"\xff" + raw(factory) + salt + code_hash)
    return str(to_checksum_address(made[12:]))
