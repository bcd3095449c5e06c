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
TRIAL = "trial order"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that was tried, in words for the page; `fix` says what to do about a failure."""

    name: str
    ok: bool
    says: str
    fix: str = ""


def trial(
    venue: Venue,
    *,
    intent: str,
    token: str,
    shares: Decimal,
    terms: Terms,
    now: datetime,
    rests_for: timedelta | None = None,
) -> Step:
    """Place an order at the lowest price that cannot fill, and cancel it. It ends by itself after
    `rests_for`, where the venue takes so short a life.
    """
    request = OrderRequest(
        client_order_id=intent,
        token=token,
        side=Side.BUY,
        limit_price=terms.tick,
        shares=shares,
        sent_at=now,
        expires_at=now + (rests_for or timedelta(0)),
        kind=OrderKind.GTD if rests_for else OrderKind.GTC,
        post_only=True,
        terms=terms,
    )
    named, doubt = request, ""
    try:
        prepared = venue.prepare(request)
        named = replace(request, venue_order_id=prepared.venue_order_id)
        report = venue.place_order(named, prepared, not_after=now + TRIAL_FOR)
        named = replace(named, reference=report.reference)
    except Unknown as problem:
        doubt = str(problem)
    except VenueError as refusal:
        return _failed(
            f"The trial order was not taken: {refusal}", "The other steps say what is missing."
        )
    try:
        report = venue.cancel_order(named, now=now)
    except VenueError as problem:
        return _may_rest(named, doubt or str(problem))
    if report.status is not OrderStatus.CANCELED:
        return _may_rest(named, doubt or f"its cancel found it {report.status}.")
    if doubt:
        return _failed(f"{doubt} It was found, and cancelled.", "Prove again.")
    return Step(name=TRIAL, ok=True, says="It rested, and was cancelled.")


def _may_rest(request: OrderRequest, why: str) -> Step:
    name = (request.reference or request.venue_order_id)[:12]
    return _failed(
        f"The trial order {name} may still rest: {why}",
        "Look at your open orders on the venue's own page and cancel it there.",
    )


def _failed(says: str, fix: str) -> Step:
    return Step(name=TRIAL, ok=False, says=says, fix=fix)
