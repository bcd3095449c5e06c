"""A kill switch takes back what rests: entries at its first level, everything at its second."""

from datetime import datetime
from uuid import UUID

from risk import stops
from trading import orders
from trading.domain.order_state import NEXT, OrderState
from trading.models import Order
from venues.types import Side

CANCELLABLE = [state.value for state in OrderState if OrderState.CANCEL_PENDING in NEXT[state]]


def cancel_stopped(*, now: datetime) -> list[UUID]:
    """Cancel every resting order that a kill switch in force forbids; returns their ids.

    Orders that were not sent are denied at their claim. Safe to repeat.
    """
    switches = stops.read_stops()
    if not switches.switches:
        return []
    working = Order.objects.filter(state__in=CANCELLABLE).select_related("whale")
    stopped = [
        order.pk
        for order in working
        if switches.words(
            account_id=order.account_id,
            whale=order.whale.address if order.whale else "",
            venue=order.venue,
            entries=order.side == Side.BUY,
        )
    ]
    for order_id in stopped:
        orders.cancel(order_id=order_id, by="kill switch", now=now)
    return stopped
