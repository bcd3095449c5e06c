"""One order, signed: the same intent always gives the same id and the same bytes to post."""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime

import orjson

from venues.polymarket import amounts, eip712
from venues.polymarket.amounts import Amounts
from venues.polymarket.auth import Keys, sign
from venues.polymarket.eip712 import DEPOSIT_WALLET, NOTHING, OrderFields, domain_of
from venues.types import OrderKind, OrderRequest, Shares, Side, Terms

SALT_BITS = 53  # the venue reads it as a JSON number
SALT_KEY = b"polymix order salt"  # names what is derived; the intent's id is random enough


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedOrder:
    """What is stored before anything is sent."""

    order_id: str  # the venue's name of the order: its hash
    body: bytes  # the exact bytes to post


def salt_of(intent: str) -> int:
    """Return the salt of an intent: the same one for ever, below 2^53."""
    made = hmac.new(SALT_KEY, intent.encode(), hashlib.sha256).digest()
    return int.from_bytes(made, "big") % (1 << SALT_BITS)


def signed_order(request: OrderRequest, *, keys: Keys, terms: Terms) -> SignedOrder:
    """Sign an order. Pure: everything that varies comes from the stored intent.

    Raises BadOrder for what the venue would not take.
    """
    found = _amounts(request, terms=terms)
    wallet = keys.wallet
    fields = OrderFields(
        salt=salt_of(request.client_order_id),
        maker=wallet.funder,
        signer=wallet.signer,
        token=int(request.token),
        maker_amount=found.give,
        taker_amount=found.get,
        side=0 if request.side is Side.BUY else 1,
        signature_type=wallet.signature_type,
        timestamp=milliseconds(request.sent_at),
    )
    domain = domain_of(neg_risk=terms.neg_risk, protocol=terms.protocol)
    expires = int(request.expires_at.timestamp()) if request.kind is OrderKind.GTD else 0
    return SignedOrder(
        order_id=eip712.order_id(fields, domain),
        body=body(
            fields,
            signature=signature(fields, domain, keys),
            kind=request.kind,
            expires=expires,
            owner=keys.api.key,
            post_only=request.post_only,
        ),
    )


def _amounts(request: OrderRequest, *, terms: Terms) -> Amounts:
    if request.kind in (OrderKind.FAK, OrderKind.FOK):
        return amounts.market_amounts(
            side=request.side,
            limit=request.limit_price,
            amount=request.amount or Shares(count=request.shares),
            terms=terms,
        )
    return amounts.limit_amounts(
        side=request.side, limit=request.limit_price, shares=request.shares, terms=terms
    )


def signature(fields: OrderFields, domain: eip712.Domain, keys: Keys) -> str:
    """Return the signature as the wallet's contract checks it."""
    if fields.signature_type != DEPOSIT_WALLET:
        return "0x" + sign(keys.private_key, eip712.order_digest(fields, domain)).hex()
    made = sign(keys.private_key, eip712.wallet_digest(fields, domain))
    return "0x" + (made + eip712.wallet_trailer(fields, domain)).hex()


def body(
    fields: OrderFields,
    *,
    signature: str,
    kind: OrderKind,
    expires: int,
    owner: str,
    post_only: bool,
) -> bytes:
    """Return the bytes to post: compact, with the salt as a number and all else as text."""
    row: dict[str, object] = {
        "deferExec": False,
        "order": {
            "builder": NOTHING,
            "expiration": str(expires),
            "maker": fields.maker,
            "makerAmount": str(fields.maker_amount),
            "metadata": NOTHING,
            "salt": fields.salt,
            "side": "SELL" if fields.side else "BUY",
            "signature": signature,
            "signatureType": fields.signature_type,
            "signer": fields.signer,
            "takerAmount": str(fields.taker_amount),
            "timestamp": str(fields.timestamp),
            "tokenId": str(fields.token),
        },
        "orderType": kind.value,
        "owner": owner,
    }
    if post_only:
        row["postOnly"] = True
    return orjson.dumps(row)


def milliseconds(at: datetime) -> int:
    return round(at.timestamp() * 1000)
