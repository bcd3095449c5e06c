"""What an answer to a post or a cancel proves (failure-modes.md 2.3, polymarket.md 5.2 and 5.3).

Only documented refusals are refusals. Everything that is not understood is Unknown: the order may
be there, and only evidence settles it.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import orjson

from venues.errors import Refused, Unknown
from venues.types import OrderReport, OrderStatus

# Words of documented refusals, in lower case; each says that the order was not taken.
REFUSALS = (
    "order_version_mismatch",
    "invalid order version",
    "breaks minimum tick size rule",
    "does not conform to market tick size",
    "lower than the minimum",
    "invalid amount for a marketable buy order",
    "invalid amounts",
    "not enough balance / allowance",
    "invalid expiration",
    "expiration must be",
    "invalid post-only order",
    "the market is not yet ready to process new orders",
    "invalid order payload",
    "invalid signature",
    "the order owner has to be the owner of the api key",
    "the order signer address has to be the address of the api key",
    "maker address not allowed",
    "address banned",
    "closed only mode",
    "invalid nonce",
    "orderbook does not exist",
    "no orderbook exists",
    "price does not conform",
)
# The order was taken and ended at once, with nothing matched.
KILLS = ("fully filled or killed", "couldn't be fully filled", "no orders found to match with fak")
DUPLICATE = "duplicated"
SOME, ZERO = Decimal("0.000001"), Decimal(0)
# The two modes of a 503 that are documented: nothing new is taken.
CLOSED = ("cancel-only", "trading is currently disabled", "post-only mode")

TAKEN = {
    "live": OrderStatus.LIVE,
    # Its fills are read from trades; what this answer says of amounts is not to be relied on.
    "matched": OrderStatus.LIVE,
    "delayed": OrderStatus.DELAYED,
    # Taken, held, and then nobody matched it: a look at it tells whether it rests or is over.
    "unmatched": OrderStatus.LIVE,
}
LONGEST_WAIT = 600.0  # seconds, whatever a header says
POST_ONLY_SECONDS = 120.0  # after a restart; copies of the venue's page disagree
TOO_MANY = 429
FINAL_STATUSES = (401, 403, TOO_MANY)  # of this very post: it was turned away at the door


def placed(status: int, body: bytes, *, order_id: str) -> OrderReport:
    """Return the report of an accepted order. Raises Refused or Unknown."""
    row = _row(body)
    words = _words(row)
    if 200 <= status < 300:
        return _accepted(row, words, order_id=order_id)
    if status in FINAL_STATUSES:
        raise Refused(words or f"Polymarket answered {status}.")
    if status == 400:
        return _judged(words, row, order_id=order_id)
    if status == 503 and any(each in words.lower() for each in CLOSED):
        raise Refused(words)
    if status == 425:
        raise Unknown("The matching engine restarts; whether it took the order shows afterwards.")
    raise Unknown(f"Polymarket answered {status}: {words or 'nothing readable'}")


def _accepted(row: Mapping[str, Any] | None, words: str, *, order_id: str) -> OrderReport:
    if row is None:
        raise Unknown("Polymarket answered without a readable body.")
    if row.get("success") is False or (words and not row.get("orderID")):
        return _judged(words, row, order_id=order_id)
    named = str(row.get("orderID") or "")
    if named.lower() != order_id:
        raise Unknown(f"Polymarket answered for the order {named[:80] or 'without a name'}.")
    word = str(row.get("status") or "").lower()
    if word not in TAKEN:
        raise Unknown(f"Polymarket took the order and says {word!r}, which is unknown.")
    return OrderReport(
        venue_order_id=order_id,
        status=TAKEN[word],
        # How much of it was matched is not said in a unit that can be relied on: some of it.
        claimed=SOME if word == "matched" else ZERO,
        evidence=dict(row),
    )


def _judged(words: str, row: Mapping[str, Any] | None, *, order_id: str) -> OrderReport:
    """Judge a refusal by its words. Raises Refused or Unknown."""
    lowered = words.lower()
    if DUPLICATE in lowered:
        raise Unknown("Polymarket has this order already.")
    if any(each in lowered for each in KILLS):
        return OrderReport(
            venue_order_id=order_id,
            status=OrderStatus.CANCELED,
            reason=words,
            evidence=dict(row or {}),
        )
    if any(each in lowered for each in REFUSALS):
        raise Refused(words)
    raise Unknown(f"Polymarket refused in words that are not known: {words or 'none'}")


def asked_to_wait(status: int, headers: Mapping[str, str], body: bytes) -> float:
    """Return for how many seconds the venue wants no such call; 0 when it does not say so.

    After a restart only resting orders are taken for a while, which is added.
    """
    if status not in (425, 429):
        return 0.0
    row = _row(body) or {}
    given = row.get("retry_after_seconds") or headers.get("retry-after") or 1
    try:
        wait = min(max(float(given), 1.0), LONGEST_WAIT)
    except (TypeError, ValueError):
        wait = 1.0
    return wait + (POST_ONLY_SECONDS if status == 425 else 0.0)


def is_cancelled(status: int, body: bytes, *, order_id: str) -> bool:
    """Tell whether a cancel was done; an order that was over already is not. Raises Unknown."""
    row = _row(body)
    if not 200 <= status < 300 or row is None:
        raise Unknown(f"The cancel was answered with {status}: {_words(row) or 'nothing readable'}")
    done, refused = row.get("canceled"), row.get("not_canceled")
    named = {str(each).lower() for each in done} if isinstance(done, list) else set()
    if order_id in named:
        return True
    if isinstance(refused, Mapping) and order_id in {str(each).lower() for each in refused}:
        return False
    raise Unknown("The cancel was answered without a word of this order.")


def _row(body: bytes) -> Mapping[str, Any] | None:
    try:
        found = orjson.loads(body)
    except ValueError:
        return None
    return found if isinstance(found, Mapping) else None


def _words(row: Mapping[str, Any] | None) -> str:
    """Return the venue's words, under whichever of its three names they come."""
    for name in ("error", "error_msg", "errorMsg"):
        found = row.get(name) if row else None
        if isinstance(found, str) and found:
            return found[:500]
    return ""
