"""What the exchange contracts hash: the order struct and its domains (polymarket.md section 3).

Pure arithmetic over bytes. The hash of an order is its id at the venue, so it is known, and stored,
before anything is sent.
"""

import binascii
from dataclasses import dataclass
from functools import lru_cache

from Crypto.Hash import keccak as _keccak

CHAIN = 137
STANDARD = "0xE111180000d2663C0091e4f400237545B87B996B"
NEG_RISK = "0xe2222d279d744050d28e00520010520000310F59"
EXCHANGE_V3 = "0xe3333700cA9d93003F00f0F71f8515005F6c00Aa"

ORDER_TYPE = (
    "Order(uint256 salt,address maker,address signer,uint256 tokenId,uint256 makerAmount,"
    "uint256 takerAmount,uint8 side,uint8 signatureType,uint256 timestamp,bytes32 metadata,"
    "bytes32 builder)"
)
WALLET_TYPE = (
    "TypedDataSign(Order contents,string name,string version,uint256 chainId,"
    "address verifyingContract,bytes32 salt)" + ORDER_TYPE
)
DOMAIN_TYPE = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
AUTH_DOMAIN_TYPE = "EIP712Domain(string name,string version,uint256 chainId)"
AUTH_TYPE = "ClobAuth(address address,string timestamp,uint256 nonce,string message)"
AUTH_WORDS = "This message attests that I control the given wallet"
DEPOSIT_WALLET = 3  # the signature type of a contract that checks for itself
NOTHING = "0x" + "00" * 32


class BadHex(ValueError):
    """Text that is no number, address or hash of the right length."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFields:
    """The fields that are hashed; amounts are in millionths, `side` is 0 to buy and 1 to sell."""

    salt: int
    maker: str
    signer: str
    token: int
    maker_amount: int
    taker_amount: int
    side: int
    signature_type: int
    timestamp: int  # ms
    metadata: str = NOTHING
    builder: str = NOTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """Which contract an order is for; version 2 for markets of protocol 1, 3 for protocol 2."""

    contract: str
    version: str


def domain_of(*, neg_risk: bool, protocol: str) -> Domain:
    """Return the domain of a market by its own `version`, never by which ids it carries."""
    if protocol == "v2":
        return Domain(contract=EXCHANGE_V3, version="3")
    return Domain(contract=NEG_RISK if neg_risk else STANDARD, version="2")


def keccak(data: bytes) -> bytes:
    return _keccak.new(digest_bits=256, data=data).digest()


@lru_cache(maxsize=16)
def domain_separator(domain: Domain) -> bytes:
    return keccak(
        type_hash(DOMAIN_TYPE)
        + keccak(b"Polymarket CTF Exchange")
        + keccak(domain.version.encode())
        + number(CHAIN)
        + address(domain.contract)
    )


def struct_hash(order: OrderFields) -> bytes:
    return keccak(
        type_hash(ORDER_TYPE)
        + number(order.salt)
        + address(order.maker)
        + address(order.signer)
        + number(order.token)
        + number(order.maker_amount)
        + number(order.taker_amount)
        + number(order.side)
        + number(order.signature_type)
        + number(order.timestamp)
        + bytes32(order.metadata)
        + bytes32(order.builder)
    )


def order_id(order: OrderFields, domain: Domain) -> str:
    """Return the id that the exchange gives an order, whatever wallet signs it."""
    return "0x" + order_digest(order, domain).hex()


def order_digest(order: OrderFields, domain: Domain) -> bytes:
    """Return what the owner of a plain wallet, proxy or Safe signs."""
    return keccak(b"\x19\x01" + domain_separator(domain) + struct_hash(order))


def wallet_digest(order: OrderFields, domain: Domain) -> bytes:
    """Return what the owner of a deposit wallet signs: the order inside of the wallet's domain."""
    wrapped = keccak(
        type_hash(WALLET_TYPE)
        + struct_hash(order)
        + keccak(b"DepositWallet")
        + keccak(b"1")
        + number(CHAIN)
        + address(order.signer)
        + bytes(32)
    )
    return keccak(b"\x19\x01" + domain_separator(domain) + wrapped)


def wallet_trailer(order: OrderFields, domain: Domain) -> bytes:
    """Return what follows a deposit wallet's signature: what was signed (ERC-7739)."""
    described = ORDER_TYPE.encode()
    size = len(described).to_bytes(2, "big")
    return domain_separator(domain) + struct_hash(order) + described + size


def key_request_digest(*, wallet: str, timestamp: str, nonce: int) -> bytes:
    """Return what a wallet signs to ask for its API key."""
    separator = keccak(
        type_hash(AUTH_DOMAIN_TYPE) + keccak(b"ClobAuthDomain") + keccak(b"1") + number(CHAIN)
    )
    struct = keccak(
        type_hash(AUTH_TYPE)
        + address(wallet)
        + keccak(timestamp.encode())
        + number(nonce)
        + keccak(AUTH_WORDS.encode())
    )
    return keccak(b"\x19\x01" + separator + struct)


@lru_cache(maxsize=16)
def type_hash(text: str) -> bytes:
    return keccak(text.encode())


def number(value: int) -> bytes:
    try:
        return value.to_bytes(32, "big")
    except OverflowError:
        raise BadHex(f"{value} does not fit into 256 bits") from None


@lru_cache(maxsize=4096)
def address(text: str) -> bytes:
    found = raw(text)
    if len(found) != 20:
        raise BadHex(f"{text[:50]} is no address")
    return found.rjust(32, b"\0")


def bytes32(text: str) -> bytes:
    found = raw(text)
    if len(found) != 32:
        raise BadHex(f"{text[:70]} is not 32 bytes")
    return found


def raw(text: str) -> bytes:
    try:
        return binascii.unhexlify(text.removeprefix("0x"))
    except (binascii.Error, ValueError):
        raise BadHex(f"{text[:70]} is not hexadecimal") from None
