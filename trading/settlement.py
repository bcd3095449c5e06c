"""Pay out positions of resolved markets, once, by the payout vector."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db import transaction

from markets.models import Market, Outcome, Resolution
from notifications.services import record
from risk.models import RiskState
from trading import orders, positions
from trading.models import Entry, Order, Position
from trading.windows import after_money_moved, roll
from venues.words import dollars


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


def settle_due(*, now: datetime) -> list[int]:
    """Settle every market whose resolution is known by `now`; returns their ids."""
    waiting = (
        Resolution.objects.filter(settled_at__isnull=True, resolved_at__lte=now)
        .order_by("resolved_at", "market__external_id", "-version")
        .values_list("market_id", flat=True)
    )
    markets = list(dict.fromkeys(waiting))
    for market_id in markets:
        settle_market(market_id=market_id, now=now)
    return markets


def settle_market(*, market_id: int, now: datetime) -> None:
    """Cancel what rests, then pay each account in a transaction of its own. Safe to repeat."""
    resolution = Resolution.objects.filter(market_id=market_id).order_by("-version")[0]
    Market.objects.filter(pk=market_id).update(status=Market.Status.RESOLVED)
    for order_id in (
        Order.objects.holding()
        .filter(outcome__market_id=market_id)
        .order_by("created_at", "decision__source")
        .values_list("pk", flat=True)
    ):
        if not orders.deny(order_id=order_id, why="The market resolved.", now=now):
            orders.cancel(order_id=order_id, by="settlement", now=now)
    holders = (
        Position.objects.filter(outcome__market_id=market_id, closed_at__isnull=True)
        .order_by("account_id")
        .values_list("account_id", flat=True)
        .distinct()
    )
    for account_id in holders:
        _pay(account_id, resolution, now=now)
    still_open = Order.objects.holding().filter(outcome__market_id=market_id)
    if not still_open.exists():  # an order on its way may still bring a fill: settle again then
        Resolution.objects.filter(market_id=market_id, settled_at__isnull=True).update(
            settled_at=now
        )


def _pay(account_id: UUID, resolution: Resolution, *, now: datetime) -> None:
    with transaction.atomic():
        risk = RiskState.objects.select_for_update().get(pk=account_id)
        roll(risk, now=now)
        for position in (
            Position.objects.select_for_update(of=("self",))
            .select_related("outcome__market")
            .filter(
                account_id=account_id,
                outcome__market_id=resolution.market_id,
                closed_at__isnull=True,
            )
            .order_by("outcome__token")
        ):
            source = f"settlement:{position.pk}:{resolution.version}"
            if Entry.objects.filter(account_id=account_id, source=source).exists():
                continue
            payout = Decimal(resolution.payouts.get(position.outcome.token, "0"))
            shares = position.shares
            positions.settled(risk=risk, position=position, payout=payout, source=source, at=now)
            record(
                kind="settled",
                account_id=account_id,
                sentence=(
                    f"{position.outcome} settled: {shares} shares paid {dollars(payout)} each, "
                    f"{dollars(position.realised, signed=True)} in all."
                ),
                payload={"position": str(position.pk)},
                at=now,
            )
        after_money_moved(risk, now=now)


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
