"""Ask real venues what became of real orders, and judge their silence.

Nothing here ever sends an order. A look that failed counts for nothing; several whole looks that
found no trace, far enough apart and from a healthy venue, are evidence (`domain.evidence`).
"""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Q

from accounts.models import Account
from accounts.vault import VaultClosed
from accounts.venues import open_real_venue
from notifications.models import Event
from notifications.services import record, record_once
from risk.models import RiskState
from trading import fills, orders
from trading.domain import evidence
from trading.domain.order_state import FINAL, NEXT, OrderState
from trading.models import Absence, Order, Submission
from venues.errors import VenueError
from venues.kalshi import reports as kalshi_reports
from venues.polymarket import reports as polymarket_reports
from venues.protocol import Telling
from venues.reading import BadMessage
from venues.types import OrderReport, OrderStatus, Settlement

log = logging.getLogger(__name__)
S = OrderState

# Who reads what an account's own stream tells, by venue.
TOLD: Mapping[str, Telling] = {"polymarket": polymarket_reports, "kalshi": kalshi_reports}
PROVISIONAL = [each.value for each in Settlement if not each.is_final]
ASKED_AFTER = (S.UNKNOWN, S.MANUAL, S.DELAYED, S.LIVE, S.PARTIAL, S.CANCEL_PENDING)
ENDED = [S.CANCELED.value, S.EXPIRED.value, S.ABSENT.value]
SLOW = timedelta(hours=1)  # for which a match may wait for the chain before a person is told
LATE_TRADES = timedelta(hours=1)  # for how long an ended order is asked for a late fill


def to_ask(
    *, now: datetime, account_id: UUID | None = None, venue: str | None = None
) -> list[UUID]:
    """Return real orders that are not over, whose matches are not money yet, or that ended just
    now, oldest first; of one account and venue, or of all.
    """
    real = Order.objects.exclude(mode=Account.Mode.PAPER).filter(submission__isnull=False)
    if account_id is not None:
        real = real.filter(account_id=account_id)
    if venue is not None:
        real = real.filter(venue=venue)
    return list(
        real.filter(
            Q(state__in=[state.value for state in ASKED_AFTER])
            | Q(fills__settlement__in=PROVISIONAL)
            | Q(state__in=ENDED, expires_at__gt=now - LATE_TRADES)
        )
        .order_by("created_at")
        .values_list("pk", flat=True)
        .distinct()
    )


def still_to_cancel(order_ids: Sequence[UUID]) -> list[UUID]:
    """Return orders whose cancel was asked for and that the venue still holds."""
    found = Order.objects.filter(pk__in=order_ids, state=S.CANCEL_PENDING)
    return list(found.values_list("pk", flat=True))


def in_doubt(order_ids: Sequence[UUID]) -> bool:
    """Tell whether any of these orders waits for evidence rather than for a match."""
    doubtful = [S.UNKNOWN.value, S.DELAYED.value, S.CANCEL_PENDING.value]
    return (
        Order.objects.filter(pk__in=order_ids)
        .filter(Q(state__in=doubtful) | Q(fills__settlement__in=PROVISIONAL))
        .exists()
    )


def reconcile(*, order_ids: Sequence[UUID], now: datetime) -> None:
    """Ask after real orders, those of one account and venue together. Safe to repeat."""
    by_account: dict[tuple[UUID, str], list[Order]] = {}
    for order in Order.objects.filter(pk__in=order_ids).select_related(
        "account", "outcome__market", "submission__credential"
    ):
        by_account.setdefault((order.account_id, order.venue), []).append(order)
    for account_orders in by_account.values():
        _reconcile(account_orders, now=now)


def _reconcile(account_orders: Sequence[Order], *, now: datetime) -> None:
    first = account_orders[0]
    try:
        venue = open_real_venue(venue=first.venue, account=first.account, to_send=False)
        asked = [order for order in account_orders if _is_of(order, venue.wallet)]
        reports = venue.get_order_statuses(
            [orders.request_for(order) for order in asked],
            over={str(order.pk) for order in asked if order.state in FINAL},
            now=now,
        )
        silent = [
            orders.request_for(order)
            for order in asked
            if order.state not in FINAL and _is_gone(reports.get(str(order.pk)))
        ]
        healthy = bool(silent) and venue.is_healthy(silent)
        if healthy:
            # Only what is read after the venue was found well, and its reads fresh, is silence.
            for each in silent:
                del reports[each.client_order_id]
            reports |= venue.get_order_statuses(silent, now=now)
    except (VenueError, VaultClosed) as problem:
        log.warning("The orders of %s cannot be asked after: %s", first.account, problem)
        return
    for order in asked:
        report = reports.get(str(order.pk))
        if report is None:
            continue
        with one_alone(f"order {order.pk}"):
            orders.apply_evidence(order_id=order.pk, report=report, now=now)
            _give_up_claim(order.pk, report, now=now)
            if report.status is not OrderStatus.GONE:
                order.absences.all().delete()  # it was seen: silence begins anew
            elif order.state not in (*FINAL, S.MANUAL) and healthy:
                _note_absence(order.pk, report, now=now)
            _tell_slow(order, now=now)


def _is_gone(report: OrderReport | None) -> bool:
    return report is not None and report.status is OrderStatus.GONE


def _give_up_claim(order_id: UUID, report: OrderReport, *, now: datetime) -> None:
    """Hand an order to a person that is over at the venue, and of which more was claimed to be
    filled than any fill has told since.
    """
    if report.status not in (OrderStatus.CANCELED, OrderStatus.EXPIRED):
        return
    with transaction.atomic():
        orders.lock_accounts([order_id])
        order = orders.lock(order_id)
        if S(order.state) not in evidence.ACKNOWLEDGED or not orders.is_short(order):
            return
        seen = Event.objects.filter(kind="fills_missing", payload__order=str(order_id)).first()
        if seen is None:
            record(
                kind="fills_missing",
                account_id=order.account_id,
                level="WARN",
                sentence="An order is over, and its venue speaks of fills that it does not list.",
                payload={"order": str(order_id)},
                at=now,
            )
        elif now - seen.at > evidence.GIVE_UP and S.MANUAL in NEXT[S(order.state)]:
            _end(order, S.MANUAL, looks=0, now=now)


def _is_of(order: Order, wallet: str) -> bool:
    """Tell whether an order is one of this wallet: another wallet's silence proves nothing."""
    if order.submission.credential.address.lower() == wallet.lower():
        return True
    log.error("Order %s was signed by another wallet; nobody can ask after it", order.pk)
    return False


@contextmanager
def one_alone(what: str) -> Iterator[None]:
    """Let what goes wrong with one thing stop nothing else; a lost database stops everything."""
    try:
        yield
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        log.exception("Something is wrong with %s; the others go on", what)


def _tell_slow(order: Order, *, now: datetime) -> None:
    """Tell a person, once, of a match that the chain neither confirms nor refuses."""
    if order.fills.filter(settlement__in=PROVISIONAL, at__lt=now - SLOW).exists():
        record_once(
            about="order",
            kind="settlement_slow",
            account_id=order.account_id,
            level="ACT",
            sentence=(
                "A match is not confirmed by the chain for over an hour. Its shares cannot be "
                "sold and its market cannot be settled; look at the wallet."
            ),
            payload={"order": str(order.pk)},
            at=now,
        )


def take_told(
    rows: Iterable[Mapping[str, Any]], *, account_id: UUID, venue: str, now: datetime
) -> int:
    """Record what an account's own stream told; returns how many rows were about our orders.

    Rows repeat, come late and in any order: each goes the same way as every other evidence.
    """
    ours = 0
    for row in rows:
        named = TOLD[venue].names_in(row)
        for order in Order.objects.filter(
            Q(venue_order_id__in=named) | Q(reference__in=named),
            account_id=account_id,
            venue=venue,
        ).select_related("outcome__market"):
            ours += 1
            with one_alone(f"what was told of order {order.pk}"):
                try:
                    report = TOLD[venue].told_report(orders.request_for(order), row, now=now)
                except BadMessage as problem:
                    log.warning("A row of the user stream cannot be read: %s", problem)
                    continue
                orders.apply_evidence(order_id=order.pk, report=report, now=now)
    return ours


def doubt_lost_senders(*, now: datetime) -> int:
    """Call orders UNKNOWN whose sender died on the way; returns how many."""
    lost = Submission.objects.filter(
        order__state=S.SENDING, not_after__lt=now - evidence.ANSWER
    ).values_list("order_id", flat=True)
    for order_id in list(lost):
        with transaction.atomic():
            orders.lock_accounts([order_id])
            order = orders.lock(order_id)
            if order.state == S.SENDING:
                why = "Its sender ended before an answer came."
                orders.move(order, S.UNKNOWN, sentence=why, now=now)
    return len(lost)


def tell_doubts(*, now: datetime) -> None:
    """Tell a person, once, of each order whose outcome nobody could find out for a while."""
    doubtful = Order.objects.filter(
        state=S.UNKNOWN, submission__isnull=False, sent_at__lt=now - evidence.GIVE_UP
    )
    for order in doubtful:
        record_once(
            about="order",
            kind="order_in_doubt",
            account_id=order.account_id,
            level="ACT",
            sentence=(
                "An order was sent, and for fifteen minutes nobody could find out what became "
                "of it. Its money stays held; look at the wallet."
            ),
            payload={"order": str(order.pk)},
            at=now,
        )


def _note_absence(order_id: UUID, report: OrderReport, *, now: datetime) -> None:
    """Remember a look that found nothing, and move the order when there were enough."""
    with transaction.atomic():
        RiskState.objects.select_for_update(of=("self",)).get(account__orders=order_id)
        order = orders.lock(order_id)
        seen = list(order.absences.order_by("at").values_list("at", flat=True))
        if evidence.counts(seen[-1] if seen else None, now=now):
            Absence.objects.create(order=order, at=now)
            seen.append(now)
        state = evidence.verdict(
            state=S(order.state),
            absences=seen,
            not_after=_not_after(order),
            was_filled=bool(report.fills),
            is_short=orders.is_short(order),
            expires_at=order.expires_at,
            now=now,
        )
        if state is None or state not in NEXT[S(order.state)]:
            return
        _end(order, state, looks=len(seen), now=now)


def _end(order: Order, state: OrderState, *, looks: int, now: datetime) -> None:
    words = {
        S.ABSENT: f"{looks} whole looks found no trace of it: it never reached the venue.",
        S.MANUAL: "Its looks contradict each other. Look at the wallet and decide.",
    }
    why = words.get(state, f"It does not rest at the venue any more, as {looks} looks say.")
    orders.move(order, state, sentence=why, reason=why, now=now, evidence={"looks": looks})
    if state in FINAL:
        fills.release([order.pk])
    if state in words:
        record(
            kind=f"order_{state.value.lower()}",
            account_id=order.account_id,
            level="ACT" if state == S.MANUAL else "WARN",
            sentence=f"What became of an order is for a person to see. {why}"
            if state == S.MANUAL
            else f"An order was sent and never answered. {why}",
            payload={"order": str(order.pk)},
            at=now,
        )


def _not_after(order: Order) -> datetime:
    made = Submission.objects.filter(order=order).first()
    if made is not None:
        return made.not_after
    assert order.sent_at is not None
    return order.sent_at + timedelta(seconds=settings.SEND_SECONDS)
