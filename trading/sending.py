"""From a reservation to the wire: prepare, claim, send, record what came back.

Each step is a conditional move or holds the order's lock, so every call is safe to repeat.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction

from accounts.venues import LiveTradingOff
from markets.queries import rows
from risk import stops
from risk.domain.breakers import Trip
from trading import fills, orders
from trading.domain.order_state import OrderState
from trading.models import Order
from trading.orders import Told
from trading.paper import Tape
from venues.errors import NotSent, Refused, Unknown
from venues.types import OrderReport, OrderStatus, Side

S = OrderState

ACKNOWLEDGE = """
UPDATE trading_order w SET state = 'LIVE', venue_order_id = t.venue_id
  FROM unnest(%(ids)s::uuid[], %(venue_ids)s::text[]) AS t(id, venue_id)
 WHERE w.id = t.id AND w.state = 'SENDING'
RETURNING w.id
"""


def submit(*, order_ids: Sequence[UUID], now: datetime) -> None:
    """Send reserved orders: check once more, fix the bytes, claim, send, record.

    The venue is called without lock or transaction, once for each order, ever.
    """
    accepted: list[tuple[UUID, OrderReport]] = []
    going = _prepare_and_claim(order_ids, now=now)
    tape = Tape(going, now=now)
    for order in going:
        try:
            report = orders.venue_for(order, tape).place(orders.request_for(order))
        except Refused as refusal:
            _finish(order.pk, S.REJECTED, str(refusal), now=now)
        except NotSent as reason:
            _finish(order.pk, S.REJECTED, f"Nothing was sent: {reason}", now=now)
        except Unknown as doubt:
            with transaction.atomic():
                orders.move(orders.lock(order.pk), S.UNKNOWN, sentence=str(doubt), now=now)
        else:
            if report.status is OrderStatus.LIVE and not report.fills:
                accepted.append((order.pk, report))
            else:
                orders.apply_evidence(order_id=order.pk, report=report, now=now)
    _acknowledge(accepted, now=now)


def _prepare_and_claim(order_ids: Sequence[UUID], *, now: datetime) -> list[Order]:
    """Ask the gate again with fresh facts, fix what will be sent, and win the right to send it.

    Returns the orders that this caller, and nobody else, sends.
    """
    if not order_ids:
        return []
    told: list[Told] = []
    going: list[Order] = []
    with transaction.atomic():
        orders.lock_accounts(order_ids)
        found = list(orders.related().filter(pk__in=order_ids, state__in=[S.RESERVED, S.PREPARED]))
        trips = stops.open_trips([order.account_id for order in found], now=now)
        switches = stops.read_stops()
        for order in found:
            why = _refusal_now(order, switches, trips=trips.get(order.account_id, ()), now=now)
            if why:
                fills.release([order.pk])
                orders.move(order, S.DENIED, sentence=why, now=now, reason=why)
                continue
            if order.state == S.RESERVED:
                told.append((order.pk, S.RESERVED, S.PREPARED, "", ""))
            told.append((order.pk, S.PREPARED, S.SENDING, "", ""))
            going.append(order)
        _send_state(going, now=now)
        orders.tell(told, now=now)
    return going


def _send_state(going: Sequence[Order], *, now: datetime) -> None:
    lifetime = timedelta(seconds=settings.PAPER_ORDER_LIFETIME_SECONDS)
    ids = [order.pk for order in going]
    if not ids:
        return
    Order.objects.filter(pk__in=ids, state=S.RESERVED).update(
        state=S.PREPARED, sent_at=now, expires_at=now + lifetime
    )
    Order.objects.filter(pk__in=ids, state=S.PREPARED).update(state=S.SENDING)
    for order in going:
        if order.state == S.RESERVED:
            order.sent_at, order.expires_at = now, now + lifetime
        order.state = S.SENDING


def _refusal_now(
    order: Order, switches: stops.Stops, *, trips: Sequence[Trip], now: datetime
) -> str:
    """Return why an order that was reserved may not be sent any more, or an empty string."""
    if now > order.send_by:
        return "It waited too long to be sent; the market may have moved."
    mode = stops.mode_refusal(order.mode)
    if mode:
        return mode.sentence
    entry = order.side == Side.BUY
    stopped = switches.words(
        account_id=order.account_id,
        whale=order.whale.address if order.whale else "",
        venue=order.outcome.market.venue,
        entries=entry,
    )
    if stopped:
        return stopped
    if order.outcome.market.status != "OPEN":
        return "This market is closed."
    if entry and trips:
        return "A breaker opened before this order was sent."
    try:
        orders.venue_for(order, Tape([], now=now))
    except LiveTradingOff as off:
        return str(off)
    return ""


def _acknowledge(accepted: Sequence[tuple[UUID, OrderReport]], *, now: datetime) -> None:
    """Record that a venue took the orders and has matched nothing yet."""
    if not accepted:
        return
    with transaction.atomic():
        moved = rows(
            ACKNOWLEDGE,
            {
                "ids": [order_id for order_id, _ in accepted],
                "venue_ids": [report.venue_order_id for _, report in accepted],
            },
        )
        orders.tell([(row["id"], S.SENDING, S.LIVE, "", "") for row in moved], now=now)


def unsent(*, now: datetime) -> list[UUID]:
    """Return orders that wait to be sent, oldest first; a crash may have left them on the way."""
    return list(
        Order.objects.unsent()
        .filter(created_at__lte=now)
        .order_by("created_at", "decision__source")
        .values_list("pk", flat=True)
    )


def _finish(order_id: UUID, state: OrderState, why: str, *, now: datetime) -> None:
    with transaction.atomic():
        orders.lock_accounts([order_id])
        order = orders.lock(order_id)
        fills.release([order.pk])
        orders.move(order, state, sentence=why, now=now, reason=why)
