"""What a client sent, checked as the exchange checks it: types first, then values."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sandbox.book import Side
from sandbox.kalshi import refusals
from sandbox.kalshi.exchange import Placing
from sandbox.tolerance import is_text

CREATE = "CreateOrderV2Request"
AMEND = "AmendOrderV2Request"
DECREASE = "DecreaseOrderV2Request"
TIMES_IN_FORCE = ("fill_or_kill", "good_till_canceled", "immediate_or_cancel")
STEP = Decimal("0.01")  # of a contract
CLIENT_ID = re.compile(r"[A-Za-z0-9_\-:+=/]{1,64}")
NUMBER = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,18})?")
LATEST = 4_000_000_000  # seconds, of an expiration


def body_of(raw: bytes) -> dict[str, Any]:
    try:
        found = json.loads(raw or b"{}")
    except (ValueError, RecursionError):
        raise refusals.flat(400, "bad_request", "invalid character in JSON body") from None
    if not isinstance(found, dict) or not is_text(found):
        raise refusals.flat(400, "bad_request", "json: cannot unmarshal into Go value")
    return found


def placing(row: Mapping[str, Any]) -> Placing:
    """Read one order of a create, or of a batch. Raises Refusal."""
    side, force = word(row, "side", CREATE), word(row, "time_in_force", CREATE)
    if side not in ("bid", "ask"):
        raise _invalid("side")
    if force not in TIMES_IN_FORCE:
        raise _invalid("time_in_force")
    stp = word(row, "self_trade_prevention_type", CREATE)
    if stp not in ("taker_at_cross", "maker"):
        raise _invalid("self_trade_prevention_type")
    expires = whole(row, "expiration_time", CREATE)
    if expires is not None and force != "good_till_canceled":
        raise _invalid("expiration_time")
    if _flag(row, "reduce_only") and force != "immediate_or_cancel":
        raise _invalid("reduce_only")
    return Placing(
        ticker=word(row, "ticker", CREATE),
        side=Side(side),
        count=contracts(row, "count", CREATE),
        price=price(row, "price", CREATE),
        time_in_force=force,
        stp=stp,
        client_order_id=client_id(row, CREATE),
        expires_at=_expiry(expires),
        post_only=_flag(row, "post_only"),
        reduce_only=_flag(row, "reduce_only"),
        cancel_on_pause=_flag(row, "cancel_order_on_pause"),
        shard=whole(row, "exchange_index", CREATE),
    )


def client_id(row: Mapping[str, Any], struct: str, name: str = "client_order_id") -> str:
    """Return the client's own id of an order: letters, digits and a few signs, up to 64."""
    found = word(row, name, struct, needed=False)
    if found and not CLIENT_ID.fullmatch(found):
        raise _invalid(name)
    return found


def _expiry(seconds: int | None) -> datetime | None:
    if not seconds:
        return None
    if not 0 < seconds < LATEST:
        raise _invalid("expiration_time")
    return datetime.fromtimestamp(seconds, UTC)


def word(row: Mapping[str, Any], name: str, struct: str, *, needed: bool = True) -> str:
    """Return a text field; a number in its place gets the exchange's own words."""
    value = row.get(name)
    if value is None or value == "":
        if needed:
            raise _invalid(name)
        return ""
    if not isinstance(value, str):
        raise refusals.flat(
            400,
            "bad_request",
            f"json: cannot unmarshal {_kind(value)} into Go struct field {struct}.{name} "
            "of type string",
        )
    return value


def whole(row: Mapping[str, Any], name: str, struct: str) -> int | None:
    value = row.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > 2**62:
        raise refusals.flat(
            400,
            "bad_request",
            f"json: cannot unmarshal {_kind(value)} into Go struct field {struct}.{name} "
            "of type int64",
        )
    return value


def contracts(row: Mapping[str, Any], name: str, struct: str) -> Decimal:
    found = _decimal(word(row, name, struct), name)
    if not 0 < found <= 10**9 or found % STEP:
        raise _invalid(name)
    return found


def price(row: Mapping[str, Any], name: str, struct: str) -> Decimal:
    found = _decimal(word(row, name, struct), name)
    if not 0 < found < 1:
        raise refusals.invalid_price()
    return found


def limit_of(
    query: Mapping[str, str], *, default: int, most: int, operation: str, name: str = "limit"
) -> int:
    text = query.get(name, "")
    if not text:
        return default
    tag = "" if text.isdecimal() else "number"
    if not tag:
        tag = "lte" if int(text) > most else "gte" if int(text) < 1 else ""
    if tag:
        field = "".join(part.title() for part in name.split("_"))
        raise refusals.message(
            400,
            f"Parameter validation failed for {operation}: Key: '{operation}Params.{field}' "
            f"Error:Field validation for '{field}' failed on the '{tag}' tag",
        )
    return int(text)


def moment_of(query: Mapping[str, str], name: str) -> datetime | None:
    """Read `2026-11-21T18:00:00Z`."""
    text = query.get(name, "")
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise _invalid(name) from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def seconds_of(query: Mapping[str, str], name: str) -> datetime | None:
    text = query.get(name, "")
    if not text:
        return None
    try:
        return datetime.fromtimestamp(int(text), UTC)
    except (ValueError, OverflowError, OSError):
        raise _invalid(name) from None


def _decimal(text: str, name: str) -> Decimal:
    if not NUMBER.fullmatch(text):
        raise _invalid(name)
    return Decimal(text)


def _flag(row: Mapping[str, Any], name: str) -> bool:
    value = row.get(name)
    if value is None:
        return False
    if not isinstance(value, bool):
        raise refusals.flat(
            400,
            "bad_request",
            f"json: cannot unmarshal {_kind(value)} into Go struct field {CREATE}.{name} "
            "of type bool",
        )
    return value


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, list):
        return "array"
    return "object" if isinstance(value, dict) else "string"


def _invalid(name: str) -> refusals.Refusal:
    return refusals.flat(400, "invalid_parameters", f"invalid {name}")
