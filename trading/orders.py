"""The life of an order after its proposal: prepare, claim, send, and record evidence.

Each step is a conditional move or holds the order's lock, so every call is safe to repeat.
The lock order is account (RiskState), order, position.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Max

from accounts.venues import LiveTradingOff, open_venue
from notifications.services import record
from risk.models import KillSwitch, Reservation, RiskState
from trading import paper, portfolio, positions
from trading.domain.copying import worst_cost
from trading.domain.order_state import FINAL, HOLDING, NEXT, OrderState, check_move
from trading.models import Fill, Order, OrderEvent
from trading.windows import after_money_moved, roll
from venues.errors import NotSent, Refused, Unknown
from venues.money import ZERO
from venues.protocol import Venue
from venues.types import FillReport, OrderReport, OrderRequest, Side

S = OrderState


def submit(*, order_id: UUID, now: datetime) -> None:
    """Send a reserved order: check once more, fix the bytes, claim, send, record.

    The venue is called without lock or transaction, once for each order, ever.
    """
    order = _load(order_id)
    if order.state == S.RESERVED and not prepare(order_id=order_id, now=now):
        return
    try:
        venue = venue_for(order)
    except LiveTradingOff as off:
        deny(order_id=order_id, why=str(off), now=now)
        return
    if not claim(order_id=order_id, now=now):
        return  # another worker has it
    order = _load(order_id)
    try:
        report = venue.place(request_for(order))
    except Refused as refusal:
        _finish(order_id, S.REJECTED, str(refusal), now=now)
    except NotSent as reason:
        _finish(order_id, S.REJECTED, f"Nothing was sent: {reason}", now=now)
    except Unknown as doubt:
        with transaction.atomic():
            move(_lock(order_id), S.UNKNOWN, sentence=str(doubt), now=now)
    else:
        apply_evidence(order_id=order_id, report=report, now=now)


def prepare(*, order_id: UUID, now: datetime) -> bool:
    """Ask the gate again with fresh facts; fix what will be sent. Returns whether it may go."""
    with transaction.atomic():
        RiskState.objects.select_for_update().get(account__orders=order_id)
        order = _lock(order_id)
        if order.state != S.RESERVED:
            return order.state == S.PREPARED
        why = refusal_now(order, now=now)
        if why:
            _release(order)
            move(order, S.DENIED, sentence=why, now=now, reason=why)
            return False
        lifetime = timedelta(seconds=settings.PAPER_ORDER_LIFETIME_SECONDS)
        order.sent_at, order.expires_at = now, now + lifetime
        move(order, S.PREPARED, now=now, save=["sent_at", "expires_at"])
    return True


def refusal_now(order: Order, *, now: datetime) -> str:
    """Return why an order that was reserved may not be sent any more, or an empty string."""
    if now > order.send_by:
        return "It waited too long to be sent; the market may have moved."
    mode = portfolio.mode_refusal(order.mode)
    if mode:
        return mode.sentence
    entry = order.side == Side.BUY
    stops = portfolio.Stops(switches=tuple(KillSwitch.objects.all()))
    stopped = stops.words(
        account_id=order.account_id,
        whale=order.whale.address if order.whale else "",
        venue=order.outcome.market.venue,
        entries=entry,
    )
    if stopped:
        return stopped
    if order.outcome.market.status != "OPEN":
        return "This market is closed."
    if entry and portfolio.open_trips([order.account_id], now=now):
        return "A breaker opened before this order was sent."
    return ""


def claim(*, order_id: UUID, now: datetime) -> bool:
    """Win the right to send an order: one caller does, ever."""
    with transaction.atomic():
        won = Order.objects.filter(pk=order_id, state=S.PREPARED).update(state=S.SENDING)
        if won:
            _tell(order_id, old=S.PREPARED, new=S.SENDING, now=now)
    return bool(won)


def venue_for(order: Order) -> Venue:
    return open_venue(mode=order.mode, paper=lambda: paper.venue(order))


def request_for(order: Order) -> OrderRequest:
    """Return what is sent, from the stored row alone, so that it is the same at every try."""
    assert order.sent_at is not None
    return OrderRequest(
        client_order_id=str(order.pk),
        token=order.outcome.token,
        side=Side(order.side),
        limit_price=order.limit_price,
        shares=order.shares,
        sent_at=order.sent_at,
        expires_at=order.expires_at,
    )


def poll(*, order_id: UUID, now: datetime) -> None:
    """Ask the venue what became of an order, and record it. Safe to repeat at any time."""
    order = _load(order_id)
    if order.state not in HOLDING or order.sent_at is None or order.state == S.PREPARED:
        return
    try:
        report = venue_for(order).look_up(request_for(order), now=now)
    except (Unknown, NotSent):
        return  # a failed read is no evidence
    apply_evidence(order_id=order_id, report=report, now=now)


def cancel(*, order_id: UUID, by: str, now: datetime) -> None:
    """Take back what still rests. Fills that came first stay."""
    with transaction.atomic():
        RiskState.objects.select_for_update().get(account__orders=order_id)
        order = _lock(order_id)
        if S.CANCEL_PENDING not in NEXT[S(order.state)]:
            return
        move(order, S.CANCEL_PENDING, now=now, by=by)
    report = venue_for(order).cancel(request_for(order), now=now)
    apply_evidence(order_id=order_id, report=report, now=now)


def apply_evidence(*, order_id: UUID, report: OrderReport, now: datetime) -> None:
    """Record what a venue reports: new fills with position and ledger, then the state.

    Reports repeat and come out of order: a known fill is not booked again, `filled` never falls,
    and a report that would move the order backwards changes nothing.
    """
    with transaction.atomic():
        account_id = Order.objects.values_list("account_id", flat=True).get(pk=order_id)
        risk = RiskState.objects.select_for_update().get(account_id=account_id)
        order = _lock(order_id)
        if not order.venue_order_id:
            order.venue_order_id = report.venue_order_id
            order.save(update_fields=["venue_order_id"])
        known = set(order.fills.values_list("venue_fill_id", flat=True))
        for fill in report.fills:
            if fill.venue_fill_id not in known:
                risk = _book_fill(order, risk, fill)
        new = S(report.status.value)
        if order.state != new and new in NEXT[S(order.state)]:
            move(order, new, sentence=report.reason, now=now, reason=report.reason)
        if order.state in FINAL:
            _release(order)


def deny(*, order_id: UUID, why: str, now: datetime, by: str = "") -> bool:
    """Refuse an order that has not been sent. Returns whether there was something to refuse."""
    with transaction.atomic():
        RiskState.objects.select_for_update().get(account__orders=order_id)
        order = _lock(order_id)
        if S.DENIED not in NEXT[S(order.state)]:
            return False
        _release(order)
        move(order, S.DENIED, sentence=why, now=now, reason=why, by=by)
    return True


def move(
    order: Order,
    new: OrderState,
    *,
    now: datetime,
    sentence: str = "",
    reason: str = "",
    by: str = "",
    save: Iterable[str] = (),
) -> None:
    """Take a locked order one step along the table, and tell it. Raises IllegalMove."""
    old = S(order.state)
    check_move(old=old, new=new)
    order.state = new
    if reason:
        order.reason = reason
    order.save(update_fields=["state", "reason", *save])
    _tell(order.pk, old=old, new=new, sentence=sentence, by=by, now=now)


def unsent(*, now: datetime) -> list[UUID]:
    """Return orders that wait to be sent, oldest first; a crash may have left them on the way."""
    return list(
        Order.objects.unsent()
        .filter(created_at__lte=now)
        .order_by("created_at", "decision__source")
        .values_list("pk", flat=True)
    )


def _load(order_id: UUID) -> Order:
    return Order.objects.select_related("account", "whale", "outcome__market").get(pk=order_id)


def _lock(order_id: UUID) -> Order:
    return (
        Order.objects.select_for_update(of=("self",))
        .select_related("account", "whale", "outcome__market")
        .get(pk=order_id)
    )


def _finish(order_id: UUID, state: OrderState, why: str, *, now: datetime) -> None:
    with transaction.atomic():
        RiskState.objects.select_for_update().get(account__orders=order_id)
        order = _lock(order_id)
        _release(order)
        move(order, state, sentence=why, now=now, reason=why)


def _book_fill(order: Order, risk: RiskState, report: FillReport) -> RiskState:
    """Book one new fill: windows first, then fill, position, ledger, reservation and limits."""
    risk = roll(risk, now=report.at)
    fill = Fill.objects.create(
        order=order,
        account_id=order.account_id,
        venue=order.venue,
        venue_fill_id=report.venue_fill_id,
        print_id=report.venue_fill_id.partition(":")[2],
        price=report.price,
        shares=report.shares,
        fee=report.fee,
        at=report.at,
    )
    order.filled_shares += report.shares
    order.filled_cost += report.price * report.shares
    order.fees += report.fee
    order.save(update_fields=["filled_shares", "filled_cost", "fees"])
    if order.side == Side.BUY:
        positions.bought(risk=risk, fill=fill, outcome_id=order.outcome_id)
    else:
        positions.sold(risk=risk, fill=fill, outcome_id=order.outcome_id)
    _shrink_reservation(order, risk)
    if order.state in FINAL:
        record(
            kind="late_fill",
            account_id=order.account_id,
            level="WARN",
            sentence=f"A fill of {report.shares} shares came after the order had ended.",
            payload={"order": str(order.pk)},
            at=report.at,
        )
    risk.save()
    return after_money_moved(risk, now=report.at)


def _shrink_reservation(order: Order, risk: RiskState) -> None:
    """Keep exactly what the rest of the order can still cost."""
    held = Reservation.objects.select_for_update().get(order_id=order.pk)
    if held.state != Reservation.State.HELD:
        return  # a late fill: its money was given back when the order ended
    rest = order.shares - order.filled_shares
    if held.entry:
        needed = worst_cost(limit=order.limit_price, shares=rest, fee_rate=order.fee_rate)
        kept = min(held.amount, needed)
        risk.reserved -= held.amount - kept
        held.immediate_cost = _share_of(held.immediate_cost, kept=kept, was=held.amount)
        held.amount = kept
    else:
        held.shares = rest
    held.save(update_fields=["amount", "shares", "immediate_cost"])


def _share_of(cost: Decimal, *, kept: Decimal, was: Decimal) -> Decimal:
    return (cost * kept / was).quantize(Decimal("1e-6")) if was else ZERO


def _release(order: Order) -> None:
    """Give back what an order still holds, once."""
    held = (
        Reservation.objects.select_for_update()
        .filter(order_id=order.pk, state=Reservation.State.HELD)
        .first()
    )
    if held is None:
        return
    state = RiskState.objects.get(account_id=order.account_id)
    state.reserved -= held.amount
    state.save(update_fields=["reserved"])
    held.state, held.amount, held.shares = Reservation.State.RELEASED, ZERO, ZERO
    held.save(update_fields=["state", "amount", "shares"])


def _tell(
    order_id: UUID,
    *,
    old: OrderState,
    new: OrderState,
    now: datetime,
    sentence: str = "",
    by: str = "",
    evidence: dict[str, Any] | None = None,
) -> None:
    last = OrderEvent.objects.filter(order_id=order_id).aggregate(last=Max("sequence"))["last"] or 0
    OrderEvent.objects.create(
        order_id=order_id,
        sequence=last + 1,
        old=old.value,
        new=new.value,
        sentence=sentence,
        evidence=evidence or {},
        by=by,
        at=now,
    )
