"""Signatures as the exchange contracts check them (EIP-712, ERC-7739), and request signatures."""

from coincurve import PublicKey

from venues.polymarket.eip712 import (
    DEPOSIT_WALLET,
    BadHex,
    Domain,
    OrderFields,
    keccak,
    key_request_digest,
    order_digest,
    raw,
    wallet_digest,
    wallet_trailer,
)


class BadSignature(Exception):
    """Bytes that are no signature, or one of somebody else."""


def signed_by(order: OrderFields, domain: Domain, signature: str) -> str:
    """Return the address whose key signed an order, in lower case. Raises BadSignature.

    A deposit wallet's order is signed inside the wallet's own domain, and what was signed is
    repeated after the 65 bytes (ERC-7739).
    """
    try:
        found = raw(signature)
        if order.signature_type != DEPOSIT_WALLET:
            return recover(order_digest(order, domain), found)
        if found[65:] != wallet_trailer(order, domain):
            raise BadSignature("the signature does not describe this order")
        return recover(wallet_digest(order, domain), found[:65])
    except BadHex as problem:
        raise BadSignature(str(problem)) from problem


def key_owner(*, address: str, timestamp: str, nonce: int, signature: str) -> str:
    """Return who signed the request for an API key, in lower case. Raises BadSignature."""
    try:
        digest = key_request_digest(wallet=address, timestamp=timestamp, nonce=nonce)
        return recover(digest, raw(signature))
    except BadHex as problem:
        raise BadSignature(str(problem)) from problem


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
