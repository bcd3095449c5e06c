"""The only writer of pair trades: planned with both legs' money held, moved by evidence, ended.

Every step holds the account's RiskState first and the trade second, so two coordinators, or a
coordinator and a person, never act on one trade at once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid5

from django.conf import settings
from django.db import transaction
from django.db.models import Case, Q, Sum, When

from accounts.models import Account, User
from markets.domain.arbitrage import Quote
from markets.models import Market, Opportunity, Outcome, Pair
from notifications.services import record
from risk.domain.pairs import PairLimits
from risk.domain.reasons import Reason
from risk.models import RiskState
from trading import fills, orders, purses
from trading.domain.entries import worst_cost
from trading.domain.legs import (
    NEXT,
    ONE_SIDED,
    OPEN,
    RUNNING,
    End,
    Legs,
    LegTerms,
    OrderView,
    PairState,
    Place,
    Role,
    decide,
)
from trading.domain.order_state import IllegalMove, OrderState
from trading.domain.situation import Intent
from trading.models import Approval, Fill, Order, OrderEvent, PairEvent, PairTrade
from trading.proposals import Event, decision_id, order_fields, order_id, write
from venues.money import MICRO, ZERO
from venues.types import OrderKind, Settlement, Side
from venues.words import dollars, price, shares

P, S = PairState, OrderState
SEND_FIRST = timedelta(seconds=3)  # from the books to the wire; later nobody believes them
SEND_NEXT = timedelta(seconds=10)
SEEN_WITHIN = timedelta(seconds=3)  # that an opportunity was seen, for a person to approve it
BOTH = (Role.FIRST, Role.HEDGE)  # whose money is held from the beginning
LATE = timedelta(hours=1)  # for which a match may be told of a pair that ended


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All that a new pair trade is made of."""

    account: Account
    opportunity: Opportunity
    pair: Pair
    quote: Quote
    first: Outcome
    second: Outcome
    bounds: PairLimits
    min_edge: Decimal  # USD a share that the first hedge must leave, reserve included
    expected_net: Decimal  # USD, after the leg risk too
    kind: OrderKind  # of the first leg
    figures: Mapping[str, Any]
    in_flight: Decimal  # USD of fees and of what an unwind may lose


def trade_id(account_id: UUID, opportunity_id: int) -> UUID:
    """Return the id that this account's trade of this opportunity has: there is never a second."""
    return uuid5(account_id, f"pair:{opportunity_id}")


def held_for(plan: Plan) -> tuple[Decimal, Decimal]:
    """Return what both legs can cost at worst, USD: the second one at its last price."""
    quote = plan.quote
    first = worst_cost(
        limit=quote.first.limit, shares=quote.shares, fee_rate=fee_rate_of(plan.first.market)
    )
    last = Decimal(str(plan.figures["last_hedge"]))
    second = worst_cost(limit=last, shares=quote.shares, fee_rate=fee_rate_of(plan.second.market))
    return first, second


def fee_rate_of(market: Market) -> Decimal:
    assert market.fee_rate is not None, "a market without a known fee is never planned"
    return market.fee_rate


def begin(plan: Plan, *, now: datetime) -> PairTrade:
    """Store a trade with both its orders and the money for them; the caller holds the account's
    RiskState, and has asked every check.
    """
    account, quote = plan.account, plan.quote
    waits = account.mode == Account.Mode.APPROVAL or account.rehearsal
    trade = PairTrade.objects.create(
        id=trade_id(account.pk, plan.opportunity.pk),
        account=account,
        opportunity=plan.opportunity,
        game=plan.pair.game,
        pair=plan.pair,
        route=quote.route.value,
        mode=account.mode,
        state=P.AWAITING_APPROVAL if waits else P.PLANNED,
        first=plan.first,
        second=plan.second,
        shares=quote.shares,
        first_price=quote.first.average,
        second_price=quote.second.average,
        first_fee=quote.first.fee,
        second_fee=quote.second.fee,
        expected=quote.profit,
        expected_net=plan.expected_net,
        worst_loss=quote.worst_loss,
        figures=dict(plan.figures)
        | {
            "min_edge": str(plan.min_edge),
            "first_rate": str(fee_rate_of(plan.first.market)),
            "second_rate": str(fee_rate_of(plan.second.market)),
        },
        bounds=_as_json(plan.bounds),
        created_at=now,
    )
    held = held_for(plan)
    state = S.AWAITING_APPROVAL if waits else S.RESERVED
    last = Decimal(str(plan.figures["last_hedge"]))
    legs = ((Role.FIRST, plan.first, quote.first.limit), (Role.HEDGE, plan.second, last))
    for (role, outcome, limit), cost in zip(legs, held, strict=True):
        intent = Intent(
            side=Side.BUY,
            limit_price=limit,
            shares=quote.shares,
            worst_cost=cost,
            immediate_cost=plan.in_flight if role is Role.FIRST else ZERO,
        )
        made = _order(trade, role, outcome, intent, number=1, state=state, now=now)
        kind = plan.kind if role is Role.FIRST else OrderKind.FAK
        sent_by = now + SEND_FIRST if role is Role.FIRST else now + SEND_NEXT
        Order.objects.filter(pk=made).update(
            kind=kind.value, waits=role is Role.HEDGE, send_by=sent_by
        )
    _tell(trade, "", P(trade.state), _planned_words(trade), now=now)
    return trade


def approve(*, trade_id: UUID, by: User, now: datetime, note: str = "") -> str:
    """Approve both legs of a waiting trade, and what closes them within the bounds shown.

    The prices are asked again before the first leg is sent: its limit holds. Returns a sentence.
    """
    with transaction.atomic():
        trade = lock(trade_id)
        if trade.state != P.AWAITING_APPROVAL:
            return f"It is not waiting any more; it is {trade.state}."
        waiting = list(trade.orders.select_for_update().filter(state=S.AWAITING_APPROVAL))
        needed = sum((each.worst_cost for each in waiting), ZERO)
        why = _stale(trade, waiting, needed, now=now)
        if why:
            _give_up(trade, waiting, why, by=by.username, now=now)
            return f"Nothing was sent. {why}"
        for order in waiting:
            Approval.objects.create(
                order=order, answer=Approval.Answer.APPROVED, by=by, note=note, at=now
            )
            orders.reserve(order, immediate_cost=_in_flight(trade, order), now=now)
            order.send_by = now + SEND_FIRST
            orders.move(
                order,
                S.RESERVED,
                sentence=f"Approved by {by.username} with its pair.",
                by=by.username,
                now=now,
                save=["send_by"],
            )
        _move(trade, P.PLANNED, f"Approved by {by.username}.", by=by.username, now=now)
    return f"Approved: at most {dollars(needed)}."


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
    if one_sided(account=trade.account):
        return "Another pair of this account has one side open."
    if one_sided() >= settings.PAIR_OPEN_LEGS:
        return "Too many pairs of this server have one side open."
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


def decline(*, trade_id: UUID, by: User, now: datetime, note: str = "") -> str:
    """Decline a waiting trade: final, and always possible while it waits."""
    with transaction.atomic():
        trade = lock(trade_id)
        if trade.state != P.AWAITING_APPROVAL:
            return f"It is not waiting any more; it is {trade.state}."
        why = f"Declined by {by.username}" + (f": {note}" if note else ".")
        waiting = list(trade.orders.select_for_update().filter(state=S.AWAITING_APPROVAL))
        _give_up(trade, waiting, why, by=by.username, now=now)
    return why


def advance(*, trade_id: UUID, now: datetime, stopped: str) -> list[UUID]:
    """Take one step of a trade by what evidence says; returns the orders to send for it.

    `stopped` says who stopped everything. Nothing is sent here. Safe to repeat.
    """
    with transaction.atomic():
        trade = lock(trade_id)
        legs = view(trade, now=now, is_stopped=bool(stopped))
        if trade.state not in OPEN:
            _reopen(trade, legs, now=now)
            return []
        if _set_clock(trade, legs, now=now):
            legs = view(trade, now=now, is_stopped=bool(stopped))
        step = decide(legs)
        made: list[UUID] = []
        if isinstance(step, Place):
            made = [_place(trade, step, now=now)]
        if isinstance(step, End):
            _end(trade, step, now=now)
        elif step.state != trade.state:
            _move(trade, step.state, step.sentence, now=now)
        elif isinstance(step, Place):
            _tell(trade, P(trade.state), step.state, step.sentence, now=now)
    return made


def _reopen(trade: PairTrade, legs: Legs, *, now: datetime) -> None:
    """Hand a pair to a person that had ended, when a match is told that opens a side of it."""
    if trade.settled_at is not None or "taken_over" in trade.figures:
        return
    if abs(legs.naked) > max(legs.dust, Decimal("0.01")):
        step = End(state=P.MANUAL, sentence="A match was told after its end: one side is open.")
        _end(trade, step, now=now)


def settle_by_hand(*, trade_id: UUID, by: str, note: str, now: datetime) -> bool:
    """Let a person take over what evidence could not settle; what is open stays an ordinary
    position. Returns whether it counted.
    """
    with transaction.atomic():
        trade = lock(trade_id)
        doubtful = trade.orders.filter(state__in=[S.UNKNOWN, S.MANUAL, S.SENDING, S.DELAYED])
        if trade.state != P.MANUAL or doubtful.exists():
            return False
        legs = view(trade, now=now, is_stopped=False)
        trade.figures = {**trade.figures, "taken_over": True}
        trade.save(update_fields=["figures"])
        held = max(legs.held(first=True), legs.held(first=False))
        state = P.HEDGED if held > 0 else P.FLAT
        _finish(trade, state, f"{by} looked at both venues: {note}", by=by, now=now)
    return True


def end_settled(trade: PairTrade, *, now: datetime) -> None:
    """End a locked trade whose legs were both paid: what was open is not open any more."""
    _finish(trade, P.HEDGED, "Both venues have paid.", now=now)


def lock(trade_id: UUID) -> PairTrade:
    """Lock a trade after its account."""
    account_id = PairTrade.objects.values_list("account_id", flat=True).get(pk=trade_id)
    RiskState.objects.select_for_update().get(account_id=account_id)
    return (
        PairTrade.objects.select_for_update(of=("self",))
        .select_related("account", "pair", "game", "opportunity", "first__market", "second__market")
        .get(pk=trade_id)
    )


def view(trade: PairTrade, *, now: datetime, is_stopped: bool) -> Legs:
    """Return what is known of a trade now."""
    confirmed = Sum("fills__shares", filter=Q(fills__settlement=Settlement.CONFIRMED.value))
    found = trade.orders.annotate(sure=confirmed).order_by("created_at", "pk")
    return Legs(
        state=P(trade.state),
        orders=tuple(_order_view(each) for each in found),
        bounds=bounds_of(trade),
        first=_terms(trade.first.market, trade.figures["first_rate"]),
        second=_terms(trade.second.market, trade.figures["second_rate"]),
        second_price=trade.second_price,
        min_edge=Decimal(trade.figures["min_edge"]),
        unhedged_for=None
        if trade.unhedged_at is None
        else max((now - trade.unhedged_at).total_seconds(), 0.0),
        is_stopped=is_stopped,
        refused_for=_refused_for(trade, now=now),
        free=_free(trade),
    )


def _refused_for(trade: PairTrade, *, now: datetime) -> float | None:
    """Return how long ago an order was refused before it was sent; waiting ones do not count."""
    last = (
        OrderEvent.objects.filter(order__pair_trade=trade, order__waits=False, new=S.DENIED.value)
        .order_by("-at")
        .values_list("at", flat=True)
        .first()
    )
    return None if last is None else max((now - last).total_seconds(), 0.0)


def _free(trade: PairTrade) -> Decimal:
    """Return cash that another hedge could be paid with."""
    risk = RiskState.objects.get(account_id=trade.account_id)
    return risk.cash - risk.reserved


def bounds_of(trade: PairTrade) -> PairLimits:
    """Return the bounds of a trade, as they were when it began."""
    kept: dict[str, Any] = {}
    for name, value in trade.bounds.items():
        known = getattr(PairLimits(), name)
        if isinstance(known, tuple):
            kept[name] = tuple(value)
        else:
            kept[name] = Decimal(value) if isinstance(known, Decimal) else value
    return PairLimits(**kept)


def held(account_id: UUID, outcome_id: int) -> Decimal:
    """Return shares of an outcome that an account holds for pairs which are not settled."""
    running = Order.objects.filter(
        account_id=account_id,
        outcome_id=outcome_id,
        pair_trade__settled_at__isnull=True,
        pair_trade__state__in=sorted(RUNNING - {P.MANUAL.value}),
    ).exclude(pair_trade__figures__has_key="taken_over")
    bought = running.filter(side=Side.BUY).aggregate(total=Sum("filled_shares"))["total"] or ZERO
    sold = running.filter(side=Side.SELL).aggregate(total=Sum("filled_shares"))["total"] or ZERO
    total: Decimal = bought - sold
    return total


def one_sided(**filters: Any) -> int:
    """Return how many trades may have one side open."""
    return PairTrade.objects.filter(state__in=[each.value for each in ONE_SIDED], **filters).count()


def open_trades(*, urgent: bool = False) -> list[UUID]:
    """Return trades that a coordinator must look at: those with a side open first, then by age;
    with `urgent` those alone.
    """
    sided = [each.value for each in ONE_SIDED - {P.MANUAL}]
    found = PairTrade.objects.filter(state__in=sided if urgent else sorted(OPEN))
    first = Case(When(state__in=sided, then=0), default=1)
    return list(found.order_by(first, "created_at", "pk").values_list("pk", flat=True))


def just_ended(*, now: datetime) -> list[UUID]:
    """Return trades that ended of late: a match may still be told of them."""
    found = PairTrade.objects.filter(ended_at__gt=now - LATE, settled_at__isnull=True)
    return list(found.exclude(state__in=sorted(OPEN)).values_list("pk", flat=True))


def _order_view(order: Any) -> OrderView:
    sale = order.side == Side.SELL
    return OrderView(
        role=Role(order.role),
        state=S(order.state),
        waits=order.waits,
        filled=order.filled_shares,
        confirmed=order.sure or ZERO,
        cost=order.filled_cost - order.fees if sale else order.filled_cost + order.fees,
    )


def _terms(market: Market, rate: str) -> LegTerms:
    """Return what limits are made from; a fee that nobody knows now is that of the beginning."""
    known = Decimal(rate) if market.fee_rate is None else market.fee_rate
    return LegTerms(tick=market.tick or Decimal("0.01"), rate=known)


def _set_clock(trade: PairTrade, legs: Legs, *, now: datetime) -> bool:
    """Start the clock of an open side at its first match, and stop it; tells whether it did."""
    naked = abs(legs.naked) >= max(legs.dust, Decimal("0.01"))
    if naked and trade.unhedged_at is None:
        first = Fill.objects.filter(order__pair_trade=trade).order_by("at").first()
        # A side that was closed once opens again when that is known, not when it was first bought.
        again = first is None or "unhedged_seconds" in trade.figures
        at = now if again or first is None else min(now, first.at)
        trade.unhedged_at = at
    elif not naked and trade.unhedged_at is not None:
        seconds = (now - trade.unhedged_at).total_seconds()
        longest = max(float(trade.figures.get("unhedged_seconds", 0)), seconds)
        trade.figures = {**trade.figures, "unhedged_seconds": round(longest, 3)}
        trade.unhedged_at = None
    else:
        return False
    trade.save(update_fields=["unhedged_at", "figures"])
    return True


def _place(trade: PairTrade, step: Place, *, now: datetime) -> UUID:
    """Let the waiting hedge go for exactly what is needed, or write another order."""
    waiting = trade.orders.filter(role=step.role.value, waits=True, state=S.RESERVED).first()
    outcome = trade.first if step.role.is_first else trade.second
    if waiting is not None and step.role is Role.HEDGE:
        orders.let_go(
            order_id=waiting.pk,
            shares=min(step.shares, waiting.shares),
            limit=min(step.limit, waiting.limit_price),
            send_by=now + SEND_NEXT,
        )
        return waiting.pk
    buys = step.role.side is Side.BUY
    name = "first_rate" if step.role.is_first else "second_rate"
    rate = _terms(outcome.market, trade.figures[name]).rate
    cost = worst_cost(limit=step.limit, shares=step.shares, fee_rate=rate) if buys else ZERO
    intent = Intent(
        side=step.role.side, limit_price=step.limit, shares=step.shares, worst_cost=cost
    )
    number = trade.orders.filter(role=step.role.value).count() + 1
    made = _order(trade, step.role, outcome, intent, number=number, state=S.RESERVED, now=now)
    Order.objects.filter(pk=made).update(kind=OrderKind.FAK.value, send_by=now + SEND_NEXT)
    if trade.mode == Account.Mode.APPROVAL:
        # Whoever approved the pair approved, with it, what closes it within the bounds shown.
        given = Approval.objects.filter(order__pair_trade=trade, order__role=Role.FIRST.value)
        for answer in given:
            Approval.objects.create(
                order_id=made,
                answer=answer.answer,
                by=answer.by,
                note="approved with its pair",
                at=now,
            )
    return made


def _order(
    trade: PairTrade,
    role: Role,
    outcome: Outcome,
    intent: Intent,
    *,
    number: int,
    state: OrderState,
    now: datetime,
) -> UUID:
    """Write an order of a pair with a decision of its own."""
    source = f"pair:{trade.pk}:{role.value.lower()}:{number}"
    made = order_id(account_id=trade.account_id, source=source)
    reason = {Role.FIRST: Reason.PAIR_TRADED, Role.HEDGE: Reason.PAIR_HEDGED}.get(
        role, Reason.PAIR_UNWOUND
    )
    verb = "Buys" if intent.side is Side.BUY else "Sells"
    decision = {
        "id": decision_id(account_id=trade.account_id, source=source),
        "account_id": trade.account_id,
        "accepted": True,
        "reason": reason.value,
        "sentence": (
            f"{verb} {shares(intent.shares)} of {outcome.name} at {price(intent.limit_price)} or "
            f"better, for the pair {trade.game.key}."
        ),
        "arithmetic": "",
        "size": intent.worst_cost,
        "inputs": {"pair_trade": str(trade.pk), "role": role.value},
        "factors": {},
        "assumed": False,
        "mode": trade.mode,
    }
    event = Event(
        source=source,
        outcome_id=outcome.pk,
        side=intent.side,
        venue=outcome.market.venue,
        fee_rate=outcome.market.fee_rate or ZERO,
    )
    write([decision | order_fields(intent, order=made, state=state)], event, now=now)
    Order.objects.filter(pk=made).update(pair_trade=trade, role=role.value)
    return made


def _end(trade: PairTrade, step: End, *, now: datetime) -> None:
    """End the legs. What still waits is given back; MANUAL is told, once."""
    if step.state is P.MANUAL and trade.state == P.MANUAL:
        return
    if step.state is P.MANUAL:
        _move(trade, P.MANUAL, step.sentence, now=now)
        trade.figures = {**trade.figures, "was_manual": True}
        trade.save(update_fields=["figures"])
        record(
            kind="pair_manual",
            account_id=trade.account_id,
            level="ACT",
            sentence=f"{trade.game}: {step.sentence} Open the pair and decide.",
            payload={"pair_trade": str(trade.pk)},
            at=now,
        )
        return
    _finish(trade, step.state, step.sentence, now=now)


def _finish(
    trade: PairTrade, state: PairState, sentence: str, *, now: datetime, by: str = ""
) -> None:
    for order in trade.orders.filter(waits=True, state=S.RESERVED):
        fills.release([order.pk])
        why = "Its pair needs it no more."
        orders.move(orders.lock(order.pk), S.DENIED, sentence=why, reason=why, now=now)
    trade.ended_at = now
    if state is P.HEDGED:
        trade.hedged_at = now
    trade.figures = {**trade.figures, **_unwound(trade)}
    trade.save(update_fields=["ended_at", "hedged_at", "figures"])
    _move(trade, state, sentence, by=by, now=now)
    _announce(trade, state, sentence, now=now)


def _unwound(trade: PairTrade) -> dict[str, str]:
    """Return how much was sold again, and what that lost: from it the leg risk is measured."""
    sold, lost = ZERO, ZERO
    for role, bought_by in (
        (Role.UNWIND, (Role.FIRST, Role.REBUY)),
        (Role.UNHEDGE, (Role.HEDGE,)),
    ):
        sales = trade.orders.filter(role=role.value)
        buys = trade.orders.filter(role__in=[each.value for each in bought_by])
        shares_sold = sum((each.filled_shares for each in sales), ZERO)
        bought = sum((each.filled_shares for each in buys), ZERO)
        if not shares_sold or not bought:
            continue
        unit = sum((each.filled_cost + each.fees for each in buys), ZERO) / bought
        sold += shares_sold
        lost += unit * shares_sold - sum((each.filled_cost - each.fees for each in sales), ZERO)
    return {"unwound_shares": str(sold), "unwound_loss": str(lost.quantize(MICRO))}


def _announce(trade: PairTrade, state: PairState, sentence: str, *, now: datetime) -> None:
    if state is P.HEDGED:
        record(
            kind="pair_hedged",
            account_id=trade.account_id,
            sentence=f"{mark_of(trade)} {trade.game}: {sentence}",
            payload={"pair_trade": str(trade.pk)},
            at=now,
        )
    elif state is P.FLAT:
        record(
            kind="pair_flat",
            account_id=trade.account_id,
            level="WARN",
            sentence=f"{trade.game}: the second side could not be had in time. {sentence}",
            payload={"pair_trade": str(trade.pk)},
            at=now,
        )


def announcement(trade: PairTrade) -> str:
    """Return the news of a trade in the form that users were promised."""
    cost = trade.first_price * trade.shares + trade.second_price * trade.shares
    cost += trade.first_fee + trade.second_fee
    away, _, home = trade.game.title.partition(" @ ")
    return "\n".join(
        (
            f"{mark_of(trade)} 💰 New Arb: {away} vs {home}",
            f"Mode: {'Paper' if trade.mode == Account.Mode.PAPER else 'Real'} Trading",
            f"Sport: {trade.game.league}",
            "Type: perfect",
            f"Profit: {dollars(trade.expected)}",
            f"ROI: {100 * trade.expected / cost:.2f}%",
            f"Cost: {dollars(cost)}",
            f"Time: {trade.created_at:%Y-%m-%d %H:%M:%S} UTC",
        )
    )


def mark_of(trade: PairTrade) -> str:
    """Return the mark by which people tell real money from paper."""
    return "📄 PAPER" if trade.mode == Account.Mode.PAPER else "🔴 LIVE"


def _give_up(
    trade: PairTrade, waiting: Sequence[Order], why: str, *, by: str, now: datetime
) -> None:
    for order in waiting:
        orders.move(order, S.DENIED, sentence=why, reason=why, by=by, now=now)
    trade.ended_at = now
    trade.save(update_fields=["ended_at"])
    _move(trade, P.ABORTED, why, by=by, now=now)


def _in_flight(trade: PairTrade, order: Order) -> Decimal:
    return Decimal(trade.figures["in_flight"]) if order.role == Role.FIRST else ZERO


def _move(trade: PairTrade, new: PairState, sentence: str, *, now: datetime, by: str = "") -> None:
    old = P(trade.state)
    if new not in NEXT[old]:
        raise IllegalMove(f"a pair cannot go from {old} to {new}")
    trade.state = new.value
    trade.save(update_fields=["state"])
    _tell(trade, old, new, sentence, now=now, by=by)


def _tell(
    trade: PairTrade, old: str, new: PairState, sentence: str, *, now: datetime, by: str = ""
) -> None:
    PairEvent.objects.create(trade=trade, old=old, new=new.value, sentence=sentence, by=by, at=now)


def _planned_words(trade: PairTrade) -> str:
    return (
        f"{shares(trade.shares)} at {price(trade.first_price)} on Polymarket and "
        f"{price(trade.second_price)} on Kalshi: {dollars(trade.expected, signed=True)} expected."
    )


def _as_json(bounds: PairLimits) -> dict[str, Any]:
    return {
        name: str(value) if isinstance(value, Decimal) else value
        for name, value in asdict(bounds).items()
    }
