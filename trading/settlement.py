"""Pay out positions of resolved markets, once, by the payout vector."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db import transaction

from markets.models import Market, Resolution
from notifications.services import record
from risk.models import RiskState
from trading import orders, positions
from trading.models import Entry, Order, Position
from trading.windows import after_money_moved, roll
from venues.words import dollars


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
