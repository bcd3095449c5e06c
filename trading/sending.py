"""From a reservation to the wire: prepare, claim, send, record what came back.

Each step is a conditional move or holds the order's lock, so every call is safe to repeat.
"""

import hashlib
import logging
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from accounts import credentials
from accounts.models import Account, VenueCredential
from accounts.vault import VaultClosed
from accounts.venues import LiveTradingOff
from markets.queries import rows
from risk import stops
from risk.domain.breakers import Trip
from trading import fills, orders, purses, stopping
from trading.domain.order_state import OrderState
from trading.domain.pair_state import Role
from trading.models import Approval, Order, PairTrade, Submission
from trading.orders import Told
from trading.paper import Tape
from venues.errors import NotSent, Refused, Unknown
from venues.paper import AT_ONCE
from venues.protocol import Venue
from venues.types import OrderReport, OrderRequest, Prepared

log = logging.getLogger(__name__)
S = OrderState
PAPER = Account.Mode.PAPER
Known = Mapping[tuple[UUID, str], VenueCredential]  # by account and venue
# The settings that say for how long an order may rest: of real ones, of paper.
LIFETIMES = ("LIVE_ORDER_LIFETIME_SECONDS", "PAPER_ORDER_LIFETIME_SECONDS")

PREPARED = """
UPDATE trading_order w
   SET state = 'PREPARED', sent_at = t.sent, expires_at = t.expires, venue_order_id = t.name
  FROM unnest(%(ids)s::uuid[], %(names)s::text[], %(sent)s::timestamptz[],
              %(expires)s::timestamptz[]) AS t(id, name, sent, expires)
 WHERE w.id = t.id AND w.state IN ('RESERVED', 'PREPARED')
"""
CLAIM = "UPDATE trading_order SET state = 'SENDING' WHERE id = ANY(%(ids)s)"
ACKNOWLEDGE = """
UPDATE trading_order w SET state = 'LIVE', venue_order_id = t.venue_id
  FROM unnest(%(ids)s::uuid[], %(venue_ids)s::text[]) AS t(id, venue_id)
 WHERE w.id = t.id AND w.state = 'SENDING'
RETURNING w.id
"""


PAPER_TAKES_WITHIN = 10  # seconds, for a book to be seen; then nothing is there


class NotNow(Exception):
    """The venue takes no orders at this moment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Going:
    """One order on its way, with all that its sending needs."""

    order: Order
    credential: VenueCredential | None  # None on paper
    request: OrderRequest
    venue: Venue
    prepared: Prepared
    not_after: datetime


def submit(*, order_ids: Sequence[UUID], now: datetime) -> None:
    """Send reserved orders: check once more, fix the bytes, claim, send, record.

    The venue is called without lock or transaction, once for each order, ever.
    """
    accepted: list[tuple[UUID, OrderReport]] = []
    for each in _prepare_and_claim(order_ids, now=now):
        order = each.order
        try:
            report = each.venue.place_order(each.request, each.prepared, not_after=each.not_after)
        except Refused as refusal:
            _finish(order.pk, S.REJECTED, str(refusal), now=now)
        except NotSent as reason:
            _finish(order.pk, S.REJECTED, f"Nothing was sent: {reason}", now=now)
        except Unknown as doubt:
            _doubt(order.pk, str(doubt), now=now)
        except Exception as surprise:
            log.exception("The answer for order %s cannot be understood", order.pk)
            _doubt(order.pk, f"Something unforeseen happened: {type(surprise).__name__}", now=now)
        else:
            if order.mode == PAPER:
                accepted.append((order.pk, report))
            else:
                orders.apply_evidence(order_id=order.pk, report=report, now=now)
    _acknowledge(accepted, now=now)


def _prepare_and_claim(order_ids: Sequence[UUID], *, now: datetime) -> list[Going]:
    """Ask the gate again with fresh facts, fix what will be sent, and win the right to send it.

    Returns the orders that this caller, and nobody else, sends. Everything that is needed to find
    them again is committed with the claim.
    """
    if not order_ids:
        return []
    told: list[Told] = []
    going: list[Going] = []
    with transaction.atomic():
        orders.lock_accounts(order_ids)
        ready = {"state__in": [S.RESERVED, S.PREPARED], "waits": False}
        found = list(orders.related().filter(pk__in=order_ids, **ready))
        trips = stops.open_trips([order.account_id for order in found], now=now)
        switches = stops.read_stops()
        approved, known, short = _approved(found), _credentials(found), purses.short(found)
        tape = Tape(found, now=now)
        for order in found:
            trip = trips.get(order.account_id, ())
            why = _refusal_now(order, switches, trips=trip, approved=approved, now=now)
            why = why or short.get(order.pk, "")
            try:
                going += [] if why else [_prepare(order, tape, known, now=now)]
            except NotNow:
                continue  # it stays reserved, and is tried again until its time is over
            except (Refused, LiveTradingOff, VaultClosed, ValueError) as refusal:
                why = str(refusal)  # one order that cannot be made holds nobody else up
            if why:
                fills.release([order.pk])
                orders.move(order, S.DENIED, sentence=why, now=now, reason=why)
                continue
            if order.state == S.RESERVED:
                told.append((order.pk, S.RESERVED, S.PREPARED, "", ""))
            told.append((order.pk, S.PREPARED, S.SENDING, "", ""))
        _keep(going, now=now)
        orders.tell(told, now=now)
    return going


def _prepare(order: Order, tape: Tape, known: Known, *, now: datetime) -> Going:
    """Fix times, name and bytes of one order. Raises Refused, LiveTradingOff or VaultClosed."""
    if order.state == S.RESERVED:
        seconds = getattr(settings, LIFETIMES[order.mode == PAPER])
        if order.mode == PAPER and order.kind in AT_ONCE:
            seconds = PAPER_TAKES_WITHIN
        order.sent_at = now
        order.expires_at = now + timedelta(seconds=seconds)
    request = orders.request_for(order)
    credential = known.get((order.account_id, order.venue))
    venue = orders.venue_for(order, tape, credential=credential)
    if venue.waits_for(request) > 0:
        raise NotNow
    prepared = venue.prepare(request)
    return Going(
        order=order,
        credential=credential,
        request=replace(request, venue_order_id=prepared.venue_order_id),
        venue=venue,
        prepared=prepared,
        not_after=now + timedelta(seconds=settings.SEND_SECONDS),
    )


def _keep(going: Sequence[Going], *, now: datetime) -> None:
    """Store what will be sent, and claim it, before anything is."""
    if not going:
        return
    rows(
        PREPARED,
        {
            "ids": [each.order.pk for each in going],
            "names": [each.prepared.venue_order_id if each.prepared.body else "" for each in going],
            "sent": [each.request.sent_at for each in going],
            "expires": [each.request.expires_at for each in going],
        },
    )
    rows(CLAIM, {"ids": [each.order.pk for each in going]})
    Submission.objects.bulk_create(
        Submission(
            order=each.order,
            credential=each.credential,
            body=credentials.sealed_body(each.credential, each.prepared.body),
            body_sha256=hashlib.sha256(each.prepared.body).hexdigest(),
            not_after=each.not_after,
            at=now,
        )
        for each in going
        if each.credential is not None
    )
    for each in going:
        each.order.state = S.SENDING


def _credentials(found: Sequence[Order]) -> Known:
    """Return the credentials of the accounts whose orders are real, in one read."""
    real = {order.account_id for order in found if order.mode != PAPER}
    return credentials.of_accounts(real) if real else {}


def _approved(found: Sequence[Order]) -> set[UUID]:
    """Return the orders of APPROVAL accounts that a person approved."""
    asked = [order.pk for order in found if order.mode == Account.Mode.APPROVAL]
    if not asked:
        return set()
    answers = Approval.objects.filter(order_id__in=asked, answer=Approval.Answer.APPROVED)
    return set(answers.values_list("order_id", flat=True))


def _refusal_now(
    order: Order,
    switches: stops.Stops,
    *,
    trips: Sequence[Trip],
    approved: Container[UUID],
    now: datetime,
) -> str:
    """Return why an order that was reserved may not be sent any more, or an empty string."""
    if now > order.send_by:
        return "It waited too long to be sent; the market may have moved."
    mode = stops.mode_refusal(order.mode)
    if mode:
        return mode.sentence
    if order.mode != order.account.mode:
        return f"The account trades in {order.account.mode} mode now, not in {order.mode}."
    if order.mode == Account.Mode.APPROVAL and order.pk not in approved:
        return "Nobody approved this order."
    entry = stopping.is_entry(order)
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
    if entry and order.venue == "kalshi" and order.outcome.market.fee_rate is None:
        return "What this market charges is not known, so nothing is bought there."
    if entry and trips:
        return "A breaker opened before this order was sent."
    if order.role == Role.FIRST and order.pair_trade is not None:
        return _pair_refusal(order.pair_trade)
    return ""


def _pair_refusal(trade: PairTrade) -> str:
    """Return why a pair may not be begun any more: what was read of it changed meanwhile."""
    pair = trade.pair
    if pair.blocked_why:
        return pair.blocked_why
    if pair.rules_hash != trade.figures["rules_hash"]:
        return "A rule text changed before the first leg was sent."
    if pair.frozen_at is not None and pair.frozen_at > trade.created_at:
        return f"The pair was frozen: {pair.frozen_why}"
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
    """Return orders that wait to be sent, oldest first; a crash may have left them on the way.

    A pair's first leg is sent by nobody but whoever then drives its second one.
    """
    return list(
        Order.objects.unsent()
        .exclude(role=Role.FIRST)
        .filter(created_at__lte=now)
        .order_by("created_at", "decision__source")
        .values_list("pk", flat=True)
    )


def unsent_real(*, now: datetime) -> list[UUID]:
    """Return real orders that wait to be sent: the ones that a lost message left behind."""
    waiting = Order.objects.unsent().exclude(Q(mode=PAPER) | Q(role=Role.FIRST))
    waiting = waiting.filter(created_at__lte=now)
    return list(waiting.order_by("created_at").values_list("pk", flat=True))


def _doubt(order_id: UUID, why: str, *, now: datetime) -> None:
    """Nobody answered. A fill that was told by another way meanwhile has settled the doubt."""
    with transaction.atomic():
        orders.lock_accounts([order_id])
        order = orders.lock(order_id)
        if order.state == S.SENDING:
            orders.move(order, S.UNKNOWN, sentence=why, now=now)


def _finish(order_id: UUID, state: OrderState, why: str, *, now: datetime) -> None:
    with transaction.atomic():
        orders.lock_accounts([order_id])
        order = orders.lock(order_id)
        if order.state != S.SENDING:
            return  # evidence was faster than the answer
        fills.release([order.pk])
        orders.move(order, state, sentence=why, now=now, reason=why)
