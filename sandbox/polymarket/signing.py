"""Signatures as the exchange contracts check them (EIP-712, ERC-7739), and request signatures."""

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass
from functools import lru_cache

from coincurve import PublicKey
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


# Where Polymarket's factory puts the Safe of a key (EIP-1014).
SAFE_FACTORY = "0xaacFeEa03eb1561C4e67d661e40682Bd20E3541b"
SAFE_CODE = "0x2bce2127ff07fb632d16c8347c4ebf501f4841168bed00d9e6ef715ddb6fcecf"  # its hash


class BadSignature(Exception):
    """Bytes that are no signature, or one of somebody else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedOrder:
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
    metadata: str
    builder: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """Which contract an order is for; version 2 for markets of protocol 1, 3 for protocol 2."""

    contract: str
    version: str


def keccak(data: bytes) -> bytes:
    return _keccak.new(digest_bits=256, data=data).digest()


@lru_cache(maxsize=16)
def domain_separator(domain: Domain) -> bytes:
    return keccak(
        keccak(DOMAIN_TYPE.encode())
        + keccak(b"Polymarket CTF Exchange")
        + keccak(domain.version.encode())
        + _number(CHAIN)
        + _address(domain.contract)
    )


def struct_hash(order: SignedOrder) -> bytes:
    return keccak(
        _type_hash(ORDER_TYPE)
        + _number(order.salt)
        + _address(order.maker)
        + _address(order.signer)
        + _number(order.token)
        + _number(order.maker_amount)
        + _number(order.taker_amount)
        + _number(order.side)
        + _number(order.signature_type)
        + _number(order.timestamp)
        + _bytes32(order.metadata)
        + _bytes32(order.builder)
    )


def order_id(order: SignedOrder, domain: Domain) -> str:
    """Return the id that the exchange gives an order: the hash that its owner signs."""
    return "0x" + order_digest(order, domain).hex()


def order_digest(order: SignedOrder, domain: Domain) -> bytes:
    """Return what the owner of a plain wallet signs."""
    return keccak(b"\x19\x01" + domain_separator(domain) + struct_hash(order))


def signed_by(order: SignedOrder, domain: Domain, signature: str) -> str:
    """Return the address whose key signed an order, in lower case. Raises BadSignature.

    A deposit wallet's order is signed inside the wallet's own domain, and what was signed is
    repeated after the 65 bytes (ERC-7739).
    """
    raw = _raw(signature)
    contents, separator = struct_hash(order), domain_separator(domain)
    if order.signature_type != DEPOSIT_WALLET:
        return recover(order_digest(order, domain), raw)
    described = ORDER_TYPE.encode()
    trailer = separator + contents + described + len(described).to_bytes(2, "big")
    if raw[65:] != trailer:
        raise BadSignature("the signature does not describe this order")
    wrapped = keccak(
        _type_hash(WALLET_TYPE)
        + contents
        + keccak(b"DepositWallet")
        + keccak(b"1")
        + _number(CHAIN)
        + _address(order.signer)
        + bytes(32)
    )
    return recover(keccak(b"\x19\x01" + separator + wrapped), raw[:65])


def key_owner(*, address: str, timestamp: str, nonce: int, signature: str) -> str:
    """Return who signed the request for an API key, in lower case. Raises BadSignature."""
    digest = key_request_digest(address=address, timestamp=timestamp, nonce=nonce)
    return recover(digest, _raw(signature))


def key_request_digest(*, address: str, timestamp: str, nonce: int) -> bytes:
    """Return what a wallet signs to ask for its API key."""
    separator = keccak(
        keccak(AUTH_DOMAIN_TYPE.encode())
        + keccak(b"ClobAuthDomain")
        + keccak(b"1")
        + _number(CHAIN)
    )
    struct = keccak(
        _type_hash(AUTH_TYPE)
        + _address(address)
        + keccak(timestamp.encode())
        + _number(nonce)
        + keccak(AUTH_WORDS.encode())
    )
    return keccak(b"\x19\x01" + separator + struct)


def request_signature(secret: str, *, timestamp: str, method: str, path: str, body: bytes) -> str:
    """Return the HMAC of a request over its exact bytes; the path has no query."""
    key = base64.urlsafe_b64decode(secret)
    signed = f"{timestamp}{method}{path}".encode() + body
    return base64.urlsafe_b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def recover(digest: bytes, signature: bytes) -> str:
    """Return the address that signed a digest, in lower case. Raises BadSignature."""
    if len(signature) != 65:
        raise BadSignature(f"{len(signature)} bytes are no signature")
    parity = signature[64] - 27 if signature[64] >= 27 else signature[64]
    if parity not in (0, 1):
        raise BadSignature("the last byte of a signature is 27 or 28")
    try:
        key = PublicKey.from_signature_and_message(
            signature[:64] + bytes([parity]), digest, hasher=None
        )
    except Exception as error:  # the library raises a plain one for what is no signature
        raise BadSignature(str(error)) from error
    return "0x" + keccak(key.format(compressed=False)[1:])[12:].hex()


@lru_cache(maxsize=16)
def _type_hash(text: str) -> bytes:
    return keccak(text.encode())


def _number(value: int) -> bytes:
    try:
        return value.to_bytes(32, "big")
    except OverflowError:
        raise BadSignature(f"{value} does not fit into 256 bits") from None


def _address(text: str) -> bytes:
    raw = _raw(text)
    if len(raw) != 20:
        raise BadSignature(f"{text[:50]} is no address")
    return raw.rjust(32, b"\0")


def _bytes32(text: str) -> bytes:
    raw = _raw(text)
    if len(raw) != 32:
        raise BadSignature(f"{text[:70]} is not 32 bytes")
    return raw


def _raw(text: str) -> bytes:
    try:
        return binascii.unhexlify(text.removeprefix("0x"))
    except (binascii.Error, ValueError):
        raise BadSignature(f"{text[:70]} is not hexadecimal") from None


def safe_of(owner: str) -> str:
    """Return the address of the Safe that belongs to a key's address, lower case."""
    salt = keccak(bytes(12) + bytes.fromhex(owner[2:]))
    made = keccak(b"\xff" + bytes.fromhex(SAFE_FACTORY[2:]) + salt + bytes.fromhex(SAFE_CODE[2:]))
    return "0x" + made[12:].hex()
