"""What markets pay, as their venues say. The only writer of Resolution."""

from datetime import datetime
from decimal import Decimal

from markets.models import Market, Outcome, Resolution


class BadPayout(Exception):
    """A payout vector that does not fit its market; the text says how."""


def resolve(
    *, market: Market, payouts: dict[str, Decimal], source: str, resolved_at: datetime
) -> Resolution:
    """Record what a market pays: USD per share by token. Safe to repeat with the same vector.

    Raises BadPayout when a payout lies outside 0..1, when all outcomes together pay more than 1,
    or when the market was settled by another vector.
    """
    if any(not 0 <= payout <= 1 for payout in payouts.values()):
        raise BadPayout(f"{market}: a share pays between 0 and 1, not {payouts}")
    if sum(payouts.values()) > 1:
        raise BadPayout(f"{market}: all outcomes together pay at most 1, not {payouts}")
    known = market.resolutions.order_by("-version").first()
    vector = {token: str(payout) for token, payout in sorted(payouts.items())}
    if known is not None and known.payouts == vector:
        return known
    if known is not None and known.settled_at is not None:
        raise BadPayout(
            f"{market} was settled by version {known.version}; a correction needs a person"
        )
    return Resolution.objects.create(
        market=market,
        version=known.version + 1 if known else 1,
        payouts=vector,
        source=source,
        resolved_at=resolved_at,
    )


def winner_takes_all(*, market: Market, winner: str) -> dict[str, Decimal]:
    """Return the vector of a market whose named outcome won, or of an even split.

    Raises BadPayout when no known outcome has that name.
    """
    outcomes = list(Outcome.objects.filter(market=market))
    if winner in {"50-50", "0.5/0.5"}:
        return {outcome.token: Decimal("0.5") for outcome in outcomes}
    wanted = winner.casefold()
    if len(outcomes) > 1 and all(outcome.name.casefold() != wanted for outcome in outcomes):
        names = ", ".join(sorted(outcome.name for outcome in outcomes))
        raise BadPayout(f"{market}: the winner {winner!r} is none of its outcomes ({names})")
    return {outcome.token: Decimal(int(outcome.name.casefold() == wanted)) for outcome in outcomes}
