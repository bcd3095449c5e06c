"""What a client of the order book sent, checked: headers, shapes, signatures."""

import hmac
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from sandbox.polymarket import signing
from sandbox.polymarket.exchange import Exchange
from sandbox.polymarket.markets import MICRO, Market
from sandbox.polymarket.rows import Order, Refused
from sandbox.polymarket.signing import BadSignature
from sandbox.polymarket.wallets import ApiKey, Wallet
from sandbox.tolerance import is_text
from venues.polymarket import auth, eip712
from venues.polymarket.eip712 import Domain, OrderFields

WINDOW = timedelta(seconds=60)  # how far a client's clock may be off; the exact limit is not known
# Contracts that an order may be signed for; the last one is of the retired first version.
DOMAINS = (
    Domain(contract=eip712.STANDARD, version="2"),
    Domain(contract=eip712.NEG_RISK, version="2"),
    Domain(contract=eip712.EXCHANGE_V3, version="3"),
    Domain(contract=eip712.STANDARD, version="1"),
)
KINDS = ("GTC", "GTD", "FOK", "FAK")
MOST = Decimal(10) ** 12  # dollars, or shares, of one order
LATEST = 4_000_000_000  # seconds, of an expiration


def signed_request(
    exchange: Exchange,
    headers: Mapping[str, str],
    *,
    method: str,
    path: str,
    body: bytes,
    times: Sequence[datetime],
) -> ApiKey:
    """Return the API key that signed a request over its exact bytes. Raises Refused."""
    key = exchange.keys.get(headers.get("poly_api_key", ""))
    stamp = headers.get("poly_timestamp", "")
    if key is None or not _is_close(stamp, times):
        raise Refused("Unauthorized/Invalid api key", status=401)
    made = auth.request_signature(key.secret, timestamp=stamp, method=method, path=path, body=body)
    proofs = (
        _same(made, headers.get("poly_signature", "")),
        _same(key.passphrase, headers.get("poly_passphrase", "")),
        headers.get("poly_address", "").lower() == key.address,
    )
    if not all(proofs):
        raise Refused("Unauthorized/Invalid api key", status=401)
    return key


def key_request(headers: Mapping[str, str], *, times: Sequence[datetime]) -> tuple[str, int]:
    """Return address and nonce of a signed request for an API key. Raises Refused."""
    address, stamp = headers.get("poly_address", ""), headers.get("poly_timestamp", "")
    nonce = headers.get("poly_nonce", "0")
    try:
        if not _is_whole(nonce) or not _is_close(stamp, times):
            raise BadSignature("a nonce and a time are needed")
        owner = signing.key_owner(
            address=address,
            timestamp=stamp,
            nonce=int(nonce),
            signature=headers.get("poly_signature", ""),
        )
    except BadSignature:
        raise Refused("Invalid L1 Request headers", status=401) from None
    if owner != address.lower():
        raise Refused("Invalid L1 Request headers", status=401)
    return owner, int(nonce)


def order_of(exchange: Exchange, key: ApiKey, row: Mapping[str, Any], *, now: datetime) -> Order:
    """Read and check one posted order; prices come from its amounts. Raises Refused."""
    signed, raw = _signed(row)
    if row.get("owner") != key.key:
        raise Refused("the order owner has to be the owner of the API KEY")
    market = exchange.by_token.get(str(signed.token))
    if market is None:
        raise Refused("the market is not yet ready to process new orders")
    wallet = _wallet(exchange, key, signed)
    _check_signature(signed, market, wallet, str(raw.get("signature", "")))
    kind = row.get("orderType")
    if kind not in KINDS:
        raise Refused("Invalid order payload")
    expires = _whole(raw.get("expiration", "0"))
    if (kind == "GTD") != bool(expires) or expires > LATEST:
        raise Refused("invalid expiration")
    return _order(
        signed,
        market,
        wallet,
        key=key,
        kind=kind,
        expires=expires,
        post_only=row.get("postOnly") is True,
        now=now,
    )


def _order(
    signed: OrderFields,
    market: Market,
    wallet: Wallet,
    *,
    key: ApiKey,
    kind: str,
    expires: int,
    post_only: bool,
    now: datetime,
) -> Order:
    give, get = signed.maker_amount * MICRO, signed.taker_amount * MICRO
    buy = signed.side == 0
    if not 0 < give <= MOST or not 0 < get <= MOST:
        raise Refused("Invalid order payload")
    dollars, shares = (give, get) if buy else (get, give)
    price = (dollars / shares).quantize(market.tick, "ROUND_HALF_EVEN")
    spend = dollars if buy and kind in ("FOK", "FAK") else None
    if abs(dollars / shares - price) > market.tick / 100:
        raise Refused(f"Price ({dollars / shares:f}) breaks minimum tick size rule: {market.tick}")
    return Order(
        order_id=eip712.order_id(signed, market.domain),
        key=key.key,
        wallet=wallet,
        market=market,
        token=str(signed.token),
        buy=buy,
        price=price,
        shares=shares,
        spend=spend,
        kind=kind,
        expires_at=datetime.fromtimestamp(expires, UTC) if expires else None,
        created_at=now,
        post_only=post_only,
    )


def _signed(row: Mapping[str, Any]) -> tuple[OrderFields, Mapping[str, Any]]:
    raw = row.get("order")
    if not isinstance(raw, dict) or not isinstance(raw.get("salt"), int):
        raise Refused("Invalid order payload")  # the salt is a number, all else is text
    if "feeRateBps" in raw and "timestamp" not in raw:
        raise Refused("order_version_mismatch")  # as the retired first version signed it
    sides = {"BUY": 0, "SELL": 1}
    if not isinstance(raw.get("side"), str) or raw["side"] not in sides:
        raise Refused("Invalid order payload")
    if raw.get("signatureType") not in (0, 1, 2, 3):
        raise Refused("Invalid order payload")
    texts = (
        "maker",
        "signer",
        "tokenId",
        "makerAmount",
        "takerAmount",
        "timestamp",
        "metadata",
        "builder",
    )
    if not all(isinstance(raw.get(name), str) for name in texts):
        raise Refused("Invalid order payload")
    return (
        OrderFields(
            salt=raw["salt"],
            maker=raw["maker"],
            signer=raw["signer"],
            token=_whole(raw["tokenId"]),
            maker_amount=_whole(raw["makerAmount"]),
            taker_amount=_whole(raw["takerAmount"]),
            side=sides[raw["side"]],
            signature_type=raw["signatureType"],
            timestamp=_whole(raw["timestamp"]),
            metadata=raw["metadata"],
            builder=raw["builder"],
        ),
        raw,
    )


def _wallet(exchange: Exchange, key: ApiKey, signed: OrderFields) -> Wallet:
    """Return the wallet that pays, if this key may trade for it."""
    wallet = exchange.wallets.get(signed.maker.lower())
    if wallet is None or wallet.signature_type != signed.signature_type:
        raise Refused("maker address not allowed, please use the deposit wallet flow")
    signer = wallet.address if signed.signature_type == eip712.DEPOSIT_WALLET else wallet.owner
    if signed.signer.lower() != signer or key.address not in (wallet.owner, wallet.address):
        raise Refused("the order signer address has to be the address of the API KEY")
    return wallet


def _check_signature(signed: OrderFields, market: Market, wallet: Wallet, signature: str) -> None:
    """Refuse an order whose owner did not sign it for this market's contract."""
    if _is_owners(signed, market.domain, wallet, signature):
        return
    other = any(_is_owners(signed, domain, wallet, signature) for domain in DOMAINS)
    raise Refused("order_version_mismatch" if other else "invalid signature")


def _is_owners(signed: OrderFields, domain: Domain, wallet: Wallet, signature: str) -> bool:
    try:
        return signing.signed_by(signed, domain, signature) == wallet.owner
    except BadSignature:
        return False


def json_of(body: bytes) -> Any:
    try:
        found = json.loads(body)
        if is_text(found):
            return found
    except (ValueError, RecursionError):
        pass
    raise Refused("Invalid order payload")


def _whole(value: object) -> int:
    text = str(value)
    if not _is_whole(text):
        raise Refused("Invalid order payload")
    return int(text)


def _is_whole(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 80


def _same(made: str, given: str) -> bool:
    return hmac.compare_digest(made.encode(), given.encode("utf-8", "replace"))


def _is_close(stamp: str, times: Sequence[datetime]) -> bool:
    if not _is_whole(stamp) or len(stamp) > 12:
        return False
    return any(abs(int(stamp) - at.timestamp()) <= WINDOW.total_seconds() for at in times)
