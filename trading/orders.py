"""The life of an order after its proposal: what became of it, and every move along the table.

Each step is a conditional move or holds the order's lock, so every call is safe to repeat.
The lock order is account (RiskState), order, position.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
from django.db import IntegrityError, transaction
from django.db.models import F, QuerySet, Sum

from accounts.models import VenueCredential
from accounts.vault import VaultClosed
from accounts.venues import open_venue
from markets.queries import rows
from risk.models import Reservation, RiskState
from trading import fills
from trading.domain.entries import worst_cost
from trading.domain.order_state import FINAL, HOLDING, NEXT, OrderState, check_move
from trading.models import Order
from trading.paper import Tape
from venues.errors import VenueError
from venues.money import ZERO
from venues.paper import BookAt
from venues.protocol import Venue
from venues.types import OrderKind, OrderReport, OrderRequest, OrderStatus, Side

log = logging.getLogger(__name__)
S = OrderState
Told = tuple[UUID, OrderState, OrderState, str, str]  # order, old, new, sentence, by

LOCK_ACCOUNTS = """
SELECT account_id FROM risk_riskstate
 WHERE account_id IN (SELECT account_id FROM trading_order WHERE id = ANY(%(orders)s))
 ORDER BY account_id FOR UPDATE
"""
EXPIRE = """
UPDATE trading_order SET state = 'EXPIRED' WHERE id = ANY(%(ids)s) AND state = %(old)s RETURNING id
"""
TELL = """
INSERT INTO trading_orderevent (order_id, sequence, old, new, sentence, evidence, by, at)
SELECT t.id,
       coalesce((SELECT max(sequence) FROM trading_orderevent e WHERE e.order_id = t.id), 0)
         + row_number() OVER (PARTITION BY t.id ORDER BY t.place),
       t.old, t.new, t.sentence, %(evidence)s::jsonb, t.by, %(now)s
  FROM unnest(%(ids)s::uuid[], %(olds)s::text[], %(news)s::text[], %(sentences)s::text[],
              %(bys)s::text[]) WITH ORDINALITY AS t(id, old, new, sentence, by, place)
"""


def venue_for(
    order: Order,
    tape: Tape,
    *,
    credential: VenueCredential | None = None,
    to_send: bool = True,
) -> Venue:
    """Return the venue of an order, to send it or only to ask after it and take it back.

    Raises NotSent or VaultClosed where there is none for it.
    """
    return open_venue(
        mode=order.mode,
        venue=order.venue,
        account=order.account,
        paper=lambda: tape.venue(order),
        credential=credential,
        to_send=to_send,
    )


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
        kind=OrderKind(order.kind),
        market=order.outcome.market.external_id,
        terms=order.outcome.market.terms,
        fee_rate=order.fee_rate,
        venue_order_id=order.venue_order_id,
        reference=order.reference,
    )


def poll(*, order_ids: Sequence[UUID], now: datetime, book_at: BookAt | None = None) -> None:
    """Ask the paper venue what became of orders, and record it. Safe to repeat at any time.

    `book_at` tells it of real books, where the feed has them. Real orders are asked after by
    `trading.reconciliation`, one by one: their venue's silence has to be judged.
    """
    asked = [
        order
        for order in Order.objects.filter(pk__in=order_ids, mode="PAPER")
        .select_related("outcome__market", "account")
        .order_by("created_at", "decision__source")
        if order.state in HOLDING and order.state not in (S.RESERVED, S.PREPARED)
    ]
    tape = Tape(asked, now=now, book_at=book_at)
    ended: dict[OrderState, list[UUID]] = {}
    for order in asked:
        report = venue_for(order, tape).get_order_status(request_for(order), now=now)
        if sum(fill.shares for fill in report.fills) != order.filled_shares:
            try:
                apply_evidence(order_id=order.pk, report=report, now=now)
            except IntegrityError:
                # Somebody else booked fills meanwhile: asked again, the answer knows of them.
                log.info("Order %s was filled by another poller; asking again later", order.pk)
            # What one order took, the next one cannot.
            tape = Tape(asked, now=now, book_at=book_at)
        elif report.status is OrderStatus.EXPIRED and order.state in (S.LIVE, S.PARTIAL):
            ended.setdefault(S(order.state), []).append(order.pk)
        elif report.status != order.state:
            apply_evidence(order_id=order.pk, report=report, now=now)
    for state, ids in ended.items():
        _expire(ids, old=state, now=now)


def _expire(order_ids: Sequence[UUID], *, old: OrderState, now: datetime) -> None:
    """End orders that ran out without another fill, all at once."""
    with transaction.atomic():
        lock_accounts(order_ids)
        moved = rows(EXPIRE, {"ids": list(order_ids), "old": old.value})
        ids = [row["id"] for row in moved]
        fills.release(ids)
        tell([(order_id, old, S.EXPIRED, "", "") for order_id in ids], now=now)


def cancel(*, order_id: UUID, by: str, now: datetime) -> None:
    """Take back what still rests. Fills that came first stay. Goes on where a crash left it."""
    with transaction.atomic():
        lock_accounts([order_id])
        order = lock(order_id)
        if S.CANCEL_PENDING in NEXT[S(order.state)]:
            move(order, S.CANCEL_PENDING, now=now, by=by)
        elif order.state != S.CANCEL_PENDING:
            return
    try:
        venue = venue_for(order, Tape([order], now=now), to_send=False)
        report = venue.cancel_order(request_for(order), now=now)
    except (VenueError, VaultClosed) as problem:
        # It stays CANCEL_PENDING: whoever looks after such orders asks again.
        log.warning("The cancel of order %s is not answered: %s", order_id, problem)
        return
    apply_evidence(order_id=order_id, report=report, now=now)


def apply_evidence(*, order_id: UUID, report: OrderReport, now: datetime) -> None:
    """Record what a venue reports: new fills with position and ledger, then the state.

    Reports repeat and come out of order: a known fill is not booked again, `filled` never falls,
    and a report that would move the order backwards changes nothing.
    """
    with transaction.atomic():
        risk = RiskState.objects.select_for_update(of=("self",)).get(account__orders=order_id)
        order = Order.objects.select_for_update().get(pk=order_id)
        fills.book_new(order, risk, report, now=now)
        changed = ["venue_order_id", "reference", "filled_shares", "filled_cost", "fees"]
        changed.append("claimed_shares")
        order.venue_order_id = order.venue_order_id or report.venue_order_id
        order.reference = order.reference or report.reference
        order.claimed_shares = max(order.claimed_shares, report.claimed)
        new = _state_from(order, report)
        if new is not None:
            move(
                order,
                new,
                sentence=report.reason,
                now=now,
                reason=report.reason,
                save=changed,
                evidence=report.evidence,
            )
        else:
            order.save(update_fields=changed)
        if order.state in FINAL:
            fills.release([order.pk])


def _state_from(order: Order, report: OrderReport) -> OrderState | None:
    """Return where a report moves an order, or None where it stays."""
    old = S(order.state)
    if report.status is OrderStatus.GONE:
        # Silence; what it proves is for `domain.evidence` to say. But a fill proves itself.
        partly = order.filled_shares > 0 and S.PARTIAL in NEXT[old] and old != S.CANCEL_PENDING
        return S.PARTIAL if partly else None
    new = S(report.status.value)
    if new in (S.CANCELED, S.EXPIRED) and is_short(order):
        return None  # the venue matched more than its trades show: it is not over for us
    if old == S.CANCEL_PENDING and new == S.PARTIAL:
        return None  # it still rests there: whoever looks after it asks for the cancel again
    if old == S.CANCEL_PENDING and new == S.EXPIRED:
        new = S.CANCELED  # it ran out while we took it back: over either way
    if old == S.UNKNOWN:  # found after all; the table has no other words for it
        new = {S.DELAYED: S.LIVE, S.EXPIRED: S.CANCELED}.get(new, new)
    return new if new != old and new in NEXT[old] else None


def is_short(order: Order) -> bool:
    """Tell whether the venue claimed more matched shares than its trades have told us of."""
    if not order.claimed_shares:
        return False
    told: Decimal | None = order.fills.aggregate(total=Sum("shares"))["total"]
    return (told or ZERO) < order.claimed_shares


def decide_manual(*, order_id: UUID, state: OrderState, by: str, now: datetime) -> bool:
    """Let a person say what became of an order that evidence could not settle; returns whether it
    counted. An order with fills did arrive.
    """
    with transaction.atomic():
        lock_accounts([order_id])
        order = lock(order_id)
        if order.state != S.MANUAL or (state == S.ABSENT and order.filled_shares):
            return False
        why = f"{by} looked at the wallet and decided: {state.value}."
        shown = {"filled_shares": str(order.filled_shares), "claimed": str(order.claimed_shares)}
        move(order, state, sentence=why, reason=why, by=by, now=now, evidence=shown)
        fills.release([order.pk])
    return True


def let_go(*, order_id: UUID, shares: Decimal, limit: Decimal, send_by: datetime) -> None:
    """Let an order go that waited with its money held: for so many shares, at up to so much, and
    no more than was held for. The caller holds the account's RiskState.
    """
    order = lock(order_id)
    if not order.waits or order.state != S.RESERVED:
        raise ValueError(f"order {order_id} does not wait")
    if shares > order.shares or limit > order.limit_price:
        raise ValueError(f"order {order_id} holds money for {order.shares} at {order.limit_price}")
    cost = worst_cost(limit=limit, shares=shares, fee_rate=order.fee_rate)
    freed = order.worst_cost - cost
    order.shares, order.limit_price, order.worst_cost = shares, limit, cost
    order.send_by, order.waits = send_by, False
    order.save(update_fields=["shares", "limit_price", "worst_cost", "send_by", "waits"])
    Reservation.objects.filter(order_id=order_id).update(amount=cost)
    RiskState.objects.filter(account_id=order.account_id).update(reserved=F("reserved") - freed)


def reserve(order: Order, *, immediate_cost: Decimal, now: datetime) -> None:
    """Hold what an order can cost, or the shares it sells; the caller holds the RiskState."""
    entry = order.side == Side.BUY
    Reservation.objects.create(
        order_id=order.pk,
        account_id=order.account_id,
        outcome_id=order.outcome_id,
        entry=entry,
        amount=order.worst_cost,
        shares=0 if entry else order.shares,
        immediate_cost=immediate_cost,
        at=now,
    )
    RiskState.objects.filter(account_id=order.account_id).update(
        reserved=F("reserved") + order.worst_cost
    )


def deny(*, order_id: UUID, why: str, now: datetime, by: str = "") -> bool:
    """Refuse an order that has not been sent. Returns whether there was something to refuse."""
    with transaction.atomic():
        lock_accounts([order_id])
        order = lock(order_id)
        if S.DENIED not in NEXT[S(order.state)]:
            return False
        fills.release([order.pk])
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
    evidence: Mapping[str, Any] | None = None,
) -> None:
    """Take a locked order one step along the table, and tell it. Raises IllegalMove."""
    old = S(order.state)
    check_move(old=old, new=new)
    order.state = new
    if reason:
        order.reason = reason
    order.save(update_fields=["state", "reason", *save])
    tell([(order.pk, old, new, sentence, by)], now=now, evidence=evidence)


def lock_accounts(order_ids: Sequence[UUID]) -> None:
    """Lock the RiskState rows of the orders' accounts, in id order: the first lock of all."""
    rows(LOCK_ACCOUNTS, {"orders": list(order_ids)})


def related() -> QuerySet[Order]:
    return Order.objects.select_for_update(of=("self",)).select_related(
        "account__risk", "whale", "outcome__market", "pair_trade__pair"
    )


def lock(order_id: UUID) -> Order:
    """Lock one order, after its account: see `lock_accounts`."""
    return related().get(pk=order_id)


def tell(told: Sequence[Told], *, now: datetime, evidence: Mapping[str, Any] | None = None) -> None:
    """Record steps that orders took; the caller made them in the same transaction.

    `evidence` is what the venue said, the same for all of them.
    """
    if not told:
        return
    ids, olds, news, sentences, bys = zip(*told, strict=True)
    columns = {
        "ids": list(ids),
        "olds": [old.value for old in olds],
        "news": [new.value for new in news],
        "sentences": list(sentences),
        "bys": list(bys),
    }
    said = orjson.dumps(evidence or {}, default=str).decode()
    rows(TELL, {**columns, "now": now, "evidence": said})
