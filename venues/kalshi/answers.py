"""What an answer to a post or a cancel proves (reference: kalshi.md section 8 and its catalogue).

Only documented refusals are refusals. Everything that is not understood is Unknown: the order may
be there, and only evidence settles it.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import orjson

from venues.errors import Refused, Unknown
from venues.reading import BadMessage, clean, number
from venues.types import OrderKind, OrderReport, OrderStatus

ZERO = Decimal(0)
TOO_MANY = 429
PAUSED = "trading_is_paused"
KILLED = "fill_or_kill_insufficient_resting_volume"
EXISTS = "order_already_exists"
GONE = "deprecated_v1_order_endpoint"
FINAL_STATUSES = (400, 401, 403, 410, TOO_MANY)  # of this very post: it was turned away
NO_SUCH_PLACE = ("market_not_found", "user_not_found")
# What to do about words that people meet, by how they begin.
ADVICE = {
    "insufficient_balance": "The cash of this shard is short; move some there.",
    "user_not_found": "This Kalshi account has no cash on the market's shard; move some there.",
    "market_not_found": "The market is not on the shard where we believed it; it is read again.",
    "invalid_price": "The price is not on the market's grid.",
    "header_timestamp_expired": "This server's clock is wrong; switch time synchronisation on.",
    "market_not_active": "The market does not trade.",
    "market_inactive": "The market does not trade.",
    "incorrect_api_key_signature": "The private key does not belong to this Key ID.",
    "authentication_error not_found": "Kalshi does not know this Key ID; is it of the demo?",
    "too many requests": "Too many calls for this account's tier.",
}


def placed(status: int, body: bytes, *, name: str, kind: OrderKind, count: Decimal) -> OrderReport:
    """Return the report of an order that was taken, or that ended at once without a fill.

    `name` is its client order id. Raises Refused or Unknown.
    """
    row = _row(body)
    code, words = said(row)
    if code.lower() == KILLED:
        return OrderReport(
            venue_order_id=name,
            status=OrderStatus.CANCELED,
            reason="Not enough was offered to fill all of it, so nothing was.",
            evidence=dict(row or {}),
        )
    if is_refusal(status, code):
        raise Refused(words or f"Kalshi answered {status}.")
    if code.lower() == EXISTS:
        raise Unknown("Kalshi has an order of this name already.")
    if not 200 <= status < 300 or row is None or code:
        raise Unknown(f"Kalshi answered {status}: {words or 'nothing readable'}")
    return _taken(row, name=name, kind=kind, count=count)


def is_refusal(status: int, code: str) -> bool:
    """Tell whether an answer proves that no order came of the post."""
    lowered = code.lower()
    if lowered == GONE:
        return True  # reported with a status of success too
    if status in FINAL_STATUSES:
        return True
    if status == 404:
        return lowered.startswith(NO_SUCH_PLACE)
    return status == 409 and lowered == PAUSED


def _taken(row: Mapping[str, Any], *, name: str, kind: OrderKind, count: Decimal) -> OrderReport:
    named = clean(row.get("client_order_id"), most=100)
    reference = clean(row.get("order_id"), most=100)
    if named not in ("", name) or not reference:
        raise Unknown(f"Kalshi answered for the order {named or 'without a name'}.")
    try:
        filled = number(row.get("fill_count"), "fill_count")
        left = number(row.get("remaining_count"), "remaining_count")
    except BadMessage as problem:
        raise Unknown(f"Kalshi took the order, and its answer is unreadable: {problem}") from None
    if filled < 0 or left < 0 or filled + left > count:
        raise Unknown(f"Kalshi took the order and says {filled} filled, {left} left of {count}.")
    at_once = kind in (OrderKind.FAK, OrderKind.FOK)
    # What was filled is booked by its fills alone; until they are told it is not over for us.
    over = not filled and not left
    return OrderReport(
        venue_order_id=name,
        status=OrderStatus.CANCELED if over else OrderStatus.LIVE,
        reason=("Nothing was offered at its price." if at_once else "It ended at once.")
        if over
        else "",
        claimed=filled,
        evidence=dict(row),
        reference=reference,
    )


def cancelled(status: int, body: bytes) -> Decimal | None:
    """Return how many contracts a cancel took back; None for an order that does not rest.

    The same 404 is said of unknown, cancelled and executed orders: it proves neither. Raises
    Unknown.
    """
    row = _row(body)
    if status in (400, 404):  # closed markets refuse cancels too; what rested there is gone
        return None
    if not 200 <= status < 300 or row is None:
        raise Unknown(f"The cancel was answered with {status}: {said(row)[1] or 'nothing'}")
    try:
        return number(row.get("reduced_by"), "reduced_by")
    except BadMessage as problem:
        raise Unknown(f"The cancel was answered without a count: {problem}") from None


def moved(status: int, body: bytes) -> None:
    """Return when a transfer was taken. Raises Refused or Unknown."""
    code, words = code_of(body)
    if 200 <= status < 300 and not code:
        return
    if status in FINAL_STATUSES or status == 404 or code.lower() == PAUSED:
        raise Refused(words or f"Kalshi answered {status}.")
    # A 409 says that the key was used: the exchange's list knows what came of it.
    raise Unknown(f"Kalshi answered {status}: {words or 'nothing readable'}")


def said(row: Mapping[str, Any] | None) -> tuple[str, str]:
    """Return the code of an error and its words, whichever of its four shapes it has."""
    if row is None:
        return "", ""
    found = row.get("error", row)
    if isinstance(found, str):
        return _advised(found, "")
    if not isinstance(found, Mapping):
        return "", ""
    code = clean(found.get("code"), most=200) or clean(found.get("msg"), most=200)
    more = [clean(found.get(name), most=300) for name in ("details", "message")]
    return _advised(code, next((each for each in more if each), "")) if code else ("", "")


def _advised(code: str, more: str) -> tuple[str, str]:
    told = f"{code} {more}".lower()
    advice = next((words for begins, words in ADVICE.items() if begins in told), "")
    told = f"{code}: {more}" if more and more != code else code
    return code, f'{advice} Kalshi says "{told}".'.strip()


def _row(body: bytes) -> Mapping[str, Any] | None:
    try:
        found = orjson.loads(body)
    except ValueError:
        return None
    return found if isinstance(found, Mapping) else None


def code_of(body: bytes) -> tuple[str, str]:
    """Return the code of an answer that is an error, and a sentence with its words."""
    return said(_row(body))
