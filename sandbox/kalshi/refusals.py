"""Everything the exchange says no with, in the four shapes it uses."""

from typing import Any


class Refusal(Exception):
    """An answer that is no success: its status and its body, exactly as sent."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(body)
        self.status = status
        self.body = body


def nested(status: int, code: str, *, details: str = "", service: str = "exchange") -> Refusal:
    """Return the usual shape: `{"error": {"code", "message", ...}}`."""
    error = {"code": code, "message": code.replace("_", " ")}
    if details:
        error["details"] = details
    if service:
        error["service"] = service
    return Refusal(status, {"error": error})


def flat(status: int, code: str, details: str) -> Refusal:
    return Refusal(status, {"code": code, "message": code.replace("_", " "), "details": details})


def message(status: int, text: str) -> Refusal:
    return Refusal(status, {"msg": text})


def text(status: int, words: str) -> Refusal:
    return Refusal(status, {"error": words})


def invalid_price() -> Refusal:
    return nested(400, "invalid_price")


def insufficient_balance() -> Refusal:
    return nested(400, "insufficient_balance")


def post_only_cross() -> Refusal:
    return nested(400, "invalid_order", details="post only cross", service="")


def market_not_active() -> Refusal:
    code = "MARKET_NOT_ACTIVE"
    return Refusal(400, {"error": {"code": code, "message": code}})


def order_not_found() -> Refusal:
    return nested(404, "not_found")


def market_not_found() -> Refusal:
    return nested(404, "market_not_found", service="")


def already_exists() -> Refusal:
    return nested(409, "order_already_exists")


def cannot_fill() -> Refusal:
    return nested(409, "fill_or_kill_insufficient_resting_volume", service="")


def paused() -> Refusal:
    return nested(409, "trading_is_paused", service="")


def legacy() -> Refusal:
    refusal = nested(
        410,
        "deprecated_v1_order_endpoint",
        details="https://docs.kalshi.com/api-reference/orders/create-order-v2",
        service="",
    )
    refusal.body["error"]["message"] = "Please switch to the V2 endpoints"
    return refusal


def too_many() -> Refusal:
    return text(429, "too many requests")
