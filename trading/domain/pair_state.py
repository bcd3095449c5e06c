"""The states of a pair trade, what its orders do for it, and where it may go."""

from enum import StrEnum

from venues.types import Side


class Role(StrEnum):
    """What an order does for a pair."""

    FIRST = "FIRST"  # buys the first leg
    HEDGE = "HEDGE"  # buys the second leg
    UNWIND = "UNWIND"  # sells of the first leg what found no second one
    REBUY = "REBUY"  # buys of the first leg again what the chain lost
    UNHEDGE = "UNHEDGE"  # sells of the second leg what lost its first one

    @property
    def is_first(self) -> bool:
        """Tell whether it trades the first leg's outcome."""
        return self in (Role.FIRST, Role.UNWIND, Role.REBUY)

    @property
    def side(self) -> Side:
        return Side.SELL if self in (Role.UNWIND, Role.UNHEDGE) else Side.BUY


class PairState(StrEnum):
    AWAITING_APPROVAL = "AWAITING_APPROVAL"
    PLANNED = "PLANNED"
    LEG1_SENT = "LEG1_SENT"
    LEG1_FILLED = "LEG1_FILLED"
    HEDGING = "HEDGING"
    HEDGED_PROVISIONAL = "HEDGED_PROVISIONAL"
    HEDGED = "HEDGED"
    UNWINDING = "UNWINDING"
    FLAT = "FLAT"
    ABORTED = "ABORTED"
    MANUAL = "MANUAL"


P = PairState
# The whole truth of where a pair may go. Evidence may take it back: a match that the chain loses
# opens a side again that was closed.
NEXT: dict[PairState, frozenset[PairState]] = {
    P.AWAITING_APPROVAL: frozenset({P.PLANNED, P.ABORTED}),
    P.PLANNED: frozenset(
        {P.LEG1_SENT, P.LEG1_FILLED, P.HEDGING, P.UNWINDING, P.FLAT, P.ABORTED, P.MANUAL}
    ),
    P.LEG1_SENT: frozenset({P.LEG1_FILLED, P.HEDGING, P.UNWINDING, P.FLAT, P.ABORTED, P.MANUAL}),
    P.LEG1_FILLED: frozenset({P.LEG1_SENT, P.HEDGING, P.UNWINDING, P.FLAT, P.ABORTED, P.MANUAL}),
    P.HEDGING: frozenset(
        {P.HEDGED_PROVISIONAL, P.HEDGED, P.UNWINDING, P.FLAT, P.ABORTED, P.MANUAL}
    ),
    P.HEDGED_PROVISIONAL: frozenset(
        {P.HEDGED, P.HEDGING, P.UNWINDING, P.FLAT, P.ABORTED, P.MANUAL}
    ),
    P.UNWINDING: frozenset(
        {P.FLAT, P.HEDGED, P.HEDGED_PROVISIONAL, P.HEDGING, P.ABORTED, P.MANUAL}
    ),
    # A person decides, or evidence that came late.
    P.MANUAL: frozenset({P.HEDGED, P.HEDGED_PROVISIONAL, P.FLAT, P.ABORTED}),
    # Ends, unless a match is told that nobody knew of.
    P.HEDGED: frozenset({P.MANUAL}),
    P.FLAT: frozenset({P.MANUAL}),
    P.ABORTED: frozenset({P.MANUAL}),
}
# Nothing more is to be done for these two; all others count as a trade of their game.
RUNNING = frozenset({state.value for state in P} - {P.FLAT.value, P.ABORTED.value})
# A coordinator looks at these; MANUAL too, as evidence may still settle it.
OPEN = frozenset(RUNNING - {P.HEDGED.value})
# One side may be open: an account begins no other pair meanwhile.
ONE_SIDED = frozenset({P.PLANNED, P.LEG1_SENT, P.LEG1_FILLED, P.HEDGING, P.UNWINDING, P.MANUAL})
