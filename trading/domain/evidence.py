"""What a venue's silence proves about an order (failure-modes.md 2.4): pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from trading.domain.order_state import OrderState

S = OrderState
APART = timedelta(seconds=10)  # between two looks that count
MARGIN = timedelta(seconds=30)  # after the last moment at which the order could have been sent
ANSWER = timedelta(seconds=10)  # how long a post may be on its way
LOOKS_NEVER_SEEN = 3  # that prove absence of an order which nobody acknowledged
LOOKS_ONCE_SEEN = 2  # that prove the end of one which the venue had taken
GIVE_UP = timedelta(minutes=15)  # of looks that prove nothing; then a person decides

ACKNOWLEDGED = frozenset({S.DELAYED, S.LIVE, S.PARTIAL, S.CANCEL_PENDING})


def counts(last: datetime | None, *, now: datetime) -> bool:
    """Tell whether a look that finds nothing now may be counted beside the last one."""
    return last is None or now - last >= APART


def verdict(
    *,
    state: OrderState,
    absences: Sequence[datetime],
    not_after: datetime,
    was_filled: bool,
    is_short: bool,
    expires_at: datetime,
    now: datetime,
) -> OrderState | None:
    """Return the state that whole looks without a trace prove, or None while they prove none.

    `absences` are the moments of such looks one after another, oldest first, of every source and a
    healthy venue: a look that found the order begins anew. `is_short` says that the venue told of
    more matched shares than its trades show: then nothing is over, and in the end a person looks.
    """
    is_stuck = bool(absences) and now - absences[0] > GIVE_UP
    if is_short:
        return S.MANUAL if is_stuck else None
    if state in ACKNOWLEDGED or was_filled:
        if len(absences) < LOOKS_ONCE_SEEN:
            return None
        ran_out = now >= expires_at and state not in (S.UNKNOWN, S.CANCEL_PENDING)
        return S.EXPIRED if ran_out else S.CANCELED
    if state != S.UNKNOWN:
        return None
    late = not_after + ANSWER + MARGIN
    if len([each for each in absences if each > late]) >= LOOKS_NEVER_SEEN:
        return S.ABSENT
    return S.MANUAL if is_stuck else None
