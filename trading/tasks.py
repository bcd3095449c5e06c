"""Thin doors for Celery: ids in, one call inward. Each may run twice, late, or never."""

from uuid import UUID

from celery import shared_task

from markets import clock
from trading import approvals, copying, pair_scan, sending, settlement
from trading.sweep import sweep


@shared_task(acks_late=True)
def process_signal(*, signal_id: int) -> None:
    made = copying.copy_signal(signal_id=signal_id, now=clock.now())
    for order_id in made:
        submit_order.delay(order_id=str(order_id))


@shared_task(acks_late=True)
def submit_order(*, order_id: str) -> None:
    sending.submit(order_ids=[UUID(order_id)], now=clock.now())


@shared_task(acks_late=True)
def scan_arbitrage() -> None:
    """Take over where the stream of pairs died: one look at all of them, and at what is open."""
    feed = clock.current_feed()
    if feed is None or feed.kind == feed.Kind.RECORDING:
        return
    if not pair_scan.is_watched(now=clock.database_now()):
        pair_scan.scan_once(trades=True)


@shared_task(acks_late=True)
def settle_resolved() -> None:
    settlement.settle_due(now=clock.now())


@shared_task(acks_late=True)
def expire_approvals() -> None:
    approvals.expire_approvals(now=clock.now())


@shared_task(acks_late=True)
def sweep_up() -> None:
    sweep(now=clock.now())
