"""Repair what a crash, or a lost message, left half-way. Rows are the queue of record."""

from datetime import datetime

from trading import approvals, copying, orders, sending, settlement, stopping
from trading.domain.order_state import OrderState
from trading.models import Order


def sweep(*, now: datetime) -> dict[str, int]:
    """Take every unfinished thing one step on; returns how many of each. Safe at any time."""
    signals = copying.undecided(now=now)
    for signal_id in signals:
        copying.copy_signal(signal_id=signal_id, now=now)
    stopped = stopping.cancel_stopped(now=now)
    expired = approvals.expire_approvals(now=now)
    unsent = sending.unsent(now=now)
    sending.submit(order_ids=unsent, now=now)
    # A paper order whose sender died: the paper venue answers from the rows alone.
    in_doubt = list(
        Order.objects.filter(state=OrderState.SENDING, mode="PAPER")
        .order_by("created_at", "decision__source")
        .values_list("pk", flat=True)
    )
    orders.poll(order_ids=in_doubt, now=now)
    for order_id in Order.objects.filter(state=OrderState.CANCEL_PENDING, mode="PAPER").values_list(
        "pk", flat=True
    ):
        orders.cancel(order_id=order_id, by="sweep", now=now)
    settled = settlement.settle_due(now=now)
    return {
        "signals": len(signals),
        "stopped": len(stopped),
        "expired": expired,
        "unsent": len(unsent),
        "sending": len(in_doubt),
        "settled": len(settled),
    }
