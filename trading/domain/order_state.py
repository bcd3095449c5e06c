"""The order state machine: one literal table, enforced again by a database trigger.

Reference: failure-modes.md section 2. An expired approval is DENIED with its reason.
"""

from enum import StrEnum


class OrderState(StrEnum):
    PROPOSED = "PROPOSED"
    AWAITING_APPROVAL = "AWAITING_APPROVAL"
    RESERVED = "RESERVED"
    PREPARED = "PREPARED"
    SENDING = "SENDING"
    UNKNOWN = "UNKNOWN"
    DELAYED = "DELAYED"
    LIVE = "LIVE"
    PARTIAL = "PARTIAL"
    CANCEL_PENDING = "CANCEL_PENDING"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    REJECTED = "REJECTED"
    ABSENT = "ABSENT"
    DENIED = "DENIED"
    MANUAL = "MANUAL"


S = OrderState
NEXT: dict[OrderState, frozenset[OrderState]] = {
    S.PROPOSED: frozenset({S.AWAITING_APPROVAL, S.RESERVED, S.DENIED}),
    S.AWAITING_APPROVAL: frozenset({S.RESERVED, S.DENIED}),
    S.RESERVED: frozenset({S.PREPARED, S.DENIED}),
    S.PREPARED: frozenset({S.SENDING, S.DENIED}),
    S.SENDING: frozenset(
        {
            S.LIVE,
            S.DELAYED,
            S.PARTIAL,
            S.FILLED,
            S.CANCELED,
            S.EXPIRED,
            S.REJECTED,
            S.UNKNOWN,
        }
    ),
    # Sent, no answer. Only evidence moves it on; never send it again.
    S.UNKNOWN: frozenset({S.LIVE, S.PARTIAL, S.FILLED, S.CANCELED, S.REJECTED, S.ABSENT, S.MANUAL}),
    S.DELAYED: frozenset(
        {
            S.LIVE,
            S.PARTIAL,
            S.FILLED,
            S.CANCELED,
            S.EXPIRED,
            S.REJECTED,
            S.CANCEL_PENDING,
            S.MANUAL,
        }
    ),
    # MANUAL: the venue claims a match, and no trade of it is ever told.
    S.LIVE: frozenset({S.PARTIAL, S.FILLED, S.CANCELED, S.EXPIRED, S.CANCEL_PENDING, S.MANUAL}),
    S.PARTIAL: frozenset({S.FILLED, S.CANCELED, S.EXPIRED, S.CANCEL_PENDING, S.MANUAL}),
    # PARTIAL here means that the venue refused the cancel.
    S.CANCEL_PENDING: frozenset({S.CANCELED, S.FILLED, S.PARTIAL, S.UNKNOWN, S.MANUAL}),
    # A fill can overtake our cancel or the expiry on the wire.
    S.CANCELED: frozenset({S.FILLED}),
    S.EXPIRED: frozenset({S.FILLED}),
    S.FILLED: frozenset(),
    S.REJECTED: frozenset(),
    S.ABSENT: frozenset(),
    S.DENIED: frozenset(),
    # A person decides, with both values on record.
    S.MANUAL: frozenset({S.FILLED, S.CANCELED, S.REJECTED, S.ABSENT}),
}
# Money or shares are held for an order in these states.
HOLDING = frozenset(
    {
        S.RESERVED,
        S.PREPARED,
        S.SENDING,
        S.UNKNOWN,
        S.DELAYED,
        S.LIVE,
        S.PARTIAL,
        S.CANCEL_PENDING,
        S.MANUAL,
    }
)
# The venue may still match these.
WORKING = frozenset({S.DELAYED, S.LIVE, S.PARTIAL, S.CANCEL_PENDING})
FINAL = frozenset({S.FILLED, S.CANCELED, S.EXPIRED, S.REJECTED, S.ABSENT, S.DENIED})


class IllegalMove(Exception):
    """An order was asked to go where the table has no way."""


def check_move(*, old: OrderState, new: OrderState) -> None:
    """Raise IllegalMove, saying what was allowed."""
    if new in NEXT[old]:
        return
    allowed = ", ".join(sorted(NEXT[old])) or "nothing: it is final"
    raise IllegalMove(f"an order cannot go from {old} to {new}; allowed: {allowed}")
