"""What a key has to prove before anything is sent with it, and the trial order that every venue
takes.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from venues.errors import Unknown, VenueError
from venues.protocol import Venue
from venues.types import OrderKind, OrderRequest, OrderStatus, Side, Terms

TRIAL_FOR = timedelta(seconds=20)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that was tried, in words for the page; `fix` says what to do about a failure."""

    name: str
    ok: bool
    says: str
    fix: str = ""


def trial(
    venue: Venue, *, intent: str, token: str, shares: Decimal, terms: Terms, now: datetime
) -> Step:
    """Place an order at the lowest price that cannot fill, and cancel it."""
    request = OrderRequest(
        client_order_id=intent,
        token=token,
        side=Side.BUY,
        limit_price=terms.tick,
        shares=shares,
        sent_at=now,
        expires_at=now,
        kind=OrderKind.GTC,
        post_only=True,
        terms=terms,
    )
    try:
        prepared = venue.prepare(request)
        venue.place_order(request, prepared, not_after=now + TRIAL_FOR)
    except Unknown as doubt:
        return _cancel_doubtful(venue, request, prepared.venue_order_id, str(doubt), now=now)
    except VenueError as refusal:
        return Step(
            name="trial order",
            ok=False,
            says=f"The trial order was not taken: {refusal}",
            fix="The other steps say what is missing.",
        )
    return _cancel_doubtful(venue, request, prepared.venue_order_id, "", now=now)


def _cancel_doubtful(
    venue: Venue, request: OrderRequest, order_id: str, doubt: str, *, now: datetime
) -> Step:
    try:
        report = venue.cancel_order(replace(request, venue_order_id=order_id), now=now)
    except VenueError as problem:
        return Step(
            name="trial order",
            ok=False,
            says=f"The trial order {order_id[:12]} may still rest: {doubt or problem}",
            fix="Look at your open orders on the venue's own page and cancel it there.",
        )
    ok = not doubt and report.status is OrderStatus.CANCELED
    return Step(
        name="trial order",
        ok=ok,
        says="It rested, and was cancelled." if ok else f"{doubt or report.status} It is gone now.",
        fix="Prove again.",
    )
