"""The schema: every call may also end in a problem, said in one shape."""

from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter

from api.idempotency import HEADER, UNSAFE
from risk.domain.breakers import BreakerKind
from trading.domain.ledger import EntryKind
from trading.domain.order_state import OrderState
from trading.domain.pair_state import PairState

ORDER_STATES = [(each.value, each.value) for each in OrderState]
PAIR_STATES = [(each.value, each.value) for each in PairState]
ENTRY_KINDS = [(each.value, each.value) for each in EntryKind]
BREAKER_KINDS = [(each.value, each.value) for each in BreakerKind]
PROBLEM = {
    "type": "object",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string"},
        "detail": {"type": "string"},
        "errors": {"type": "object"},
        "passkey": {"type": "object", "description": "WebAuthn options, of a factor_needed"},
    },
    "required": ["type", "title", "status", "code", "detail"],
}
ALWAYS = {"400": "Cannot be read", "401": "Sign in first", "403": "Not allowed"}
ALWAYS |= {"404": "Not there, or not yours", "429": "Too many calls"}
ON_WRITES = {"409": "It cannot be done now", "412": "Changed", "415": "Send JSON"}
ON_WRITES |= {"422": "The key was used for another call"}


class Described(AutoSchema):
    """Adds the idempotency key and problem answers to what drf-spectacular finds by itself."""

    def get_override_parameters(self) -> list[Any]:
        found = list(super().get_override_parameters())
        if self.method in UNSAFE:
            found.append(
                OpenApiParameter(
                    HEADER,
                    OpenApiTypes.STR,
                    OpenApiParameter.HEADER,
                    description="Of your own making: a repetition with it has one effect.",
                )
            )
        return found

    def get_operation(self, *args: Any, **kwargs: Any) -> Any:
        operation = super().get_operation(*args, **kwargs)
        if operation is None:
            return None
        problems = ALWAYS | (ON_WRITES if self.method in UNSAFE else {"304": "The same as before"})
        for code, why in problems.items():
            answer: dict[str, Any] = {"description": why}
            if code != "304":
                answer["content"] = {"application/problem+json": {"schema": PROBLEM}}
            operation["responses"].setdefault(code, answer)
        return operation
