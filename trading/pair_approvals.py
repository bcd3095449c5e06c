"""A person answers a pair trade that asked: both legs, and what closes them, at once."""

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from accounts.models import Account, User
from risk import stops
from risk.models import RiskState
from trading import consent, pair_gathering, pair_trades, purses
from trading.consent import NOT_AS_SHOWN, Yes
from trading.domain.answers import Outcome
from trading.domain.order_state import OrderState
from trading.domain.pair_state import PairState, Role
from trading.models import Order, PairTrade
from trading.pair_orders import SEND_FIRST
from trading.pair_views import bounds_of, one_sided, server_is_full
from venues.money import ZERO
from venues.words import dollars

SEEN_WITHIN = timedelta(seconds=3)  # that an opportunity was seen, for a person to approve it
GONE = timedelta(seconds=10)  # since an opportunity ended: a flicker takes no request back
BOTH = (Role.FIRST, Role.HEDGE)  # whose money is held from the beginning


def digest_of(trade: PairTrade) -> str:
    """Return what names all that a person is shown of a waiting pair's money."""
    legs = sorted(
        (each.role, each.venue, each.limit_price, each.shares, each.worst_cost)
        for each in trade.orders.filter(role__in=BOTH)
    )
    facts = [trade.pk, trade.mode, trade.pair.rules_hash, *(part for leg in legs for part in leg)]
    return hashlib.sha256("|".join(_plain(each) for each in facts).encode()).hexdigest()


def _plain(fact: object) -> str:
    return f"{fact.normalize():f}" if isinstance(fact, Decimal) else str(fact)


def approve(*, trade_id: UUID, yes: Yes, now: datetime) -> Outcome:
    """Approve both legs of a waiting trade, and what closes them within the bounds shown.

    The prices are asked again before the first leg is sent: its limit holds.
    """
    with transaction.atomic():
        trade = pair_trades.lock(trade_id)
        if trade.state != PairState.AWAITING_APPROVAL:
            return _too_late(trade)
        waiting = _waiting(trade)
        needed = sum((each.worst_cost for each in waiting), ZERO)
        why = consent.refused(trade.account, yes, now=now) or (
            NOT_AS_SHOWN if yes.digest != digest_of(trade) else ""
        )
        if why:
            return Outcome(counted=False, sentence=why)
        why = _stale(trade, waiting, needed, now=now)
        if why:
            pair_trades.give_up(trade, waiting, why, by=yes.by.username, now=now)
            return Outcome(counted=False, sentence=f"Nothing was sent. {why}")
        first = next(each for each in waiting if each.role == Role.FIRST)
        why = consent.needs_second(first, yes, cost=needed, now=now)
        if why:
            return Outcome(counted=False, sentence=why)
        for order in waiting:
            consent.keep(
                order,
                yes=yes,
                within=SEND_FIRST,
                immediate_cost=_in_flight(trade, order),
                with_what=" with its pair",
                now=now,
            )
        why = f"Approved by {yes.by.username}."
        pair_trades.move(trade, PairState.PLANNED, why, by=yes.by.username, now=now)
    return Outcome(counted=True, sentence=f"Approved: at most {dollars(needed)}.")


def decline(*, trade_id: UUID, by: User, now: datetime, note: str = "") -> Outcome:
    """Decline a waiting trade: final, and always possible while it waits."""
    with transaction.atomic():
        trade = pair_trades.lock(trade_id)
        if trade.state != PairState.AWAITING_APPROVAL:
            return _too_late(trade)
        if not Account.objects.answerable_by(by).filter(pk=trade.account_id).exists():
            return Outcome(counted=False, sentence="You may not answer for this account.")
        why = f"Declined by {by.username}" + (f": {note}" if note else ".")
        pair_trades.give_up(trade, _waiting(trade), why, by=by.username, now=now)
    return Outcome(counted=True, sentence=why)


def withdraw_gone(*, now: datetime) -> int:
    """Take back requests whose opportunity is gone: nobody can say yes to them any more, and their
    game is free for the next one. Returns how many.
    """
    waiting = PairTrade.objects.filter(state=PairState.AWAITING_APPROVAL.value)
    gone = waiting.filter(
        Q(opportunity__ended_at__lt=now - GONE) | Q(opportunity__last_seen__lt=now - GONE)
    )
    count = 0
    for trade_id in gone.values_list("pk", flat=True):
        with transaction.atomic():
            trade = pair_trades.lock(trade_id)
            if trade.state == PairState.AWAITING_APPROVAL:
                why = "The opportunity is gone; nothing was sent."
                pair_trades.give_up(trade, _waiting(trade), why, by="", now=now)
                count += 1
    return count


def _too_late(trade: PairTrade) -> Outcome:
    sentence = f"It is not waiting any more; it is {trade.state}."
    return Outcome(counted=False, sentence=sentence)


def _waiting(trade: PairTrade) -> list[Order]:
    return list(trade.orders.select_for_update().filter(state=OrderState.AWAITING_APPROVAL))


def _in_flight(trade: PairTrade, order: Order) -> Decimal:
    return Decimal(trade.figures["in_flight"]) if order.role == Role.FIRST else ZERO


def _cannot_go(trade: PairTrade, *, now: datetime) -> str:
    """Return why a leg could not be sent now, or the pair may not be traded any more."""
    account, pair = trade.account, trade.pair
    said = pair_gathering.said_of(pair, account)
    approved, frozen = pair_gathering.judged(pair, said, bounds_of(trade))
    return (
        pair_gathering.stopped(account.pk, stops.read_stops(), entries=True)
        or pair_gathering.keys_missing(account)
        or pair_gathering.pause(now)
        or server_is_full(is_paper=account.is_paper)
        or pair.blocked_why
        or frozen
        or ("" if approved else "Nobody approves that both contracts settle alike any more.")
    )


def _stale(trade: PairTrade, waiting: Sequence[Order], needed: Decimal, *, now: datetime) -> str:
    """Return why what a person was shown may not be sent any more, or an empty string."""
    if len(waiting) != len(BOTH) or now >= min(each.expires_at for each in waiting):
        return "It expired."
    quiet = timedelta(seconds=bounds_of(trade).quiet_seconds)
    starts = trade.pair.starts_at
    if starts is not None and now > starts - quiet and not bounds_of(trade).trade_in_play:
        return "The game has begun, or begins within moments."
    row = trade.opportunity
    if row.ended_at is not None or now - row.last_seen > SEEN_WITHIN:
        return "The opportunity is gone: both books are not what you were shown."
    if one_sided(trade.account):
        return "Another pair of this account has one side open."
    why = _cannot_go(trade, now=now)
    if why:
        return why
    risk = RiskState.objects.get(account_id=trade.account_id)
    if risk.is_strained or risk.cash - risk.reserved < needed:
        return "Its money is not free any more."
    if trade.account.is_paper:
        return ""
    free = {(each.venue, each.shard): each for each in purses.of(trade.account_id)}
    for order in waiting:
        market = (trade.first if order.role == Role.FIRST else trade.second).market
        place = free.get((market.venue, market.shard))
        if place is None or place.free < order.worst_cost:
            return f"{purses.name_of(market.venue, market.shard)} has not enough free cash."
    return ""
