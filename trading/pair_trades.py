"""The only mover of pair trades: planned with both legs' money held, moved by evidence, ended.

Every step holds the account's RiskState first and the trade second, so two coordinators, or a
coordinator and a person, never act on one trade at once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid5

from django.db import transaction

from accounts.models import Account
from markets.models import Opportunity, Outcome, Pair
from notifications.services import record, record_once
from risk.domain.pairs import PairLimits
from risk.models import RiskState
from trading import fills, orders, pair_figures, pair_orders, pair_views, pair_words
from trading.domain.legs import End, Legs, Place, decide
from trading.domain.order_state import IllegalMove, OrderState
from trading.domain.pair_state import NEXT, OPEN, PairState
from trading.domain.pairing import PairIntent
from trading.models import Fill, Order, PairEvent, PairTrade
from venues.words import dollars

P, S = PairState, OrderState


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All that a new pair trade is made of."""

    account: Account
    opportunity: Opportunity
    pair: Pair
    intent: PairIntent
    first: Outcome
    second: Outcome
    bounds: PairLimits
    figures: Mapping[str, Any]


def trade_id(account_id: UUID, opportunity_id: int) -> UUID:
    """Return the id that this account's trade of this opportunity has: there is never a second."""
    return uuid5(account_id, f"pair:{opportunity_id}")


def begin(plan: Plan, *, now: datetime) -> PairTrade:
    """Store a trade with both its orders and the money for them; the caller holds the account's
    RiskState, and has asked every check.
    """
    account, quote = plan.account, plan.intent.quote
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
        expected_net=plan.intent.expected_net,
        worst_loss=quote.worst_loss,
        figures=dict(plan.figures),
        bounds=_as_json(plan.bounds),
        created_at=now,
    )
    state = S.AWAITING_APPROVAL if waits else S.RESERVED
    pair_orders.write_legs(trade, plan.intent, state=state, now=now)
    _tell(trade, "", P(trade.state), pair_words.planned(trade), now=now)
    if waits:
        record(
            kind="approval_asked",
            account_id=account.pk,
            level="WARN",
            sentence=f"Approve the pair {trade.game}? {pair_words.planned(trade)}",
            payload={"pair_trade": str(trade.pk), "mode": trade.mode},
            at=now,
        )
    return trade


def advance(*, trade_id: UUID, now: datetime, stopped: str) -> list[UUID]:
    """Take one step of a trade by what evidence says; returns the orders to send for it.

    `stopped` says who stopped everything. Nothing is sent here. Safe to repeat.
    """
    with transaction.atomic():
        trade = lock(trade_id)
        legs = pair_views.view(trade, now=now, is_stopped=bool(stopped))
        if trade.state not in OPEN:
            _reopen(trade, legs, now=now)
            return []
        if _set_clock(trade, legs, now=now):
            legs = pair_views.view(trade, now=now, is_stopped=bool(stopped))
        step = decide(legs)
        made: list[UUID] = []
        if isinstance(step, Place):
            made = [pair_orders.place(trade, step, now=now)]
        if isinstance(step, End):
            _end(trade, step, now=now)
        elif step.state != trade.state:
            move(trade, step.state, step.sentence, now=now)
        elif isinstance(step, Place):
            _tell(trade, P(trade.state), step.state, step.sentence, now=now)
    return made


def _reopen(trade: PairTrade, legs: Legs, *, now: datetime) -> None:
    """Hand a pair to a person that had ended, when a match is told that opens a side of it."""
    if trade.settled_at is not None or "taken_over" in trade.figures:
        return
    if abs(legs.naked) <= max(legs.dust, Decimal("0.01")):
        return
    sentence = "A match was told after its end: one side is open."
    if not pair_views.runs(trade.account, trade.game):
        _end(trade, End(state=P.MANUAL, sentence=sentence), now=now)
        return
    # Another trade of this game runs: this one keeps its end, and a person is told.
    record_once(
        about="pair_trade",
        kind="pair_manual",
        account_id=trade.account_id,
        level="ACT",
        sentence=f"{trade.game}: {sentence} Another trade of the game runs; look at both.",
        payload={"pair_trade": str(trade.pk)},
        at=now,
    )


def end_settled(trade: PairTrade, *, now: datetime) -> None:
    """End a locked trade whose shares were all paid: what was open is not open any more."""
    finish(trade, P.HEDGED, "What it held was paid.", now=now, is_told=False)


def lock(trade_id: UUID) -> PairTrade:
    """Lock a trade after its account."""
    account_id = PairTrade.objects.values_list("account_id", flat=True).get(pk=trade_id)
    RiskState.objects.select_for_update().get(account_id=account_id)
    return (
        PairTrade.objects.select_for_update(of=("self",))
        .select_related("account", "pair", "game", "opportunity", "first__market", "second__market")
        .get(pk=trade_id)
    )


def give_up(
    trade: PairTrade, waiting: Sequence[Order], why: str, *, by: str, now: datetime
) -> None:
    """End a locked trade that nobody sent anything of."""
    for order in waiting:
        orders.move(order, S.DENIED, sentence=why, reason=why, by=by, now=now)
    trade.ended_at = now
    trade.save(update_fields=["ended_at"])
    move(trade, P.ABORTED, why, by=by, now=now)


def move(trade: PairTrade, new: PairState, sentence: str, *, now: datetime, by: str = "") -> None:
    """Move a locked trade; raises `IllegalMove` where it cannot go."""
    old = P(trade.state)
    if new not in NEXT[old]:
        raise IllegalMove(f"a pair cannot go from {old} to {new}")
    trade.state = new.value
    trade.save(update_fields=["state"])
    _tell(trade, old, new, sentence, now=now, by=by)


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


def _end(trade: PairTrade, step: End, *, now: datetime) -> None:
    """End the legs. What still waits is given back; MANUAL is told, once."""
    if step.state is P.MANUAL and trade.state == P.MANUAL:
        return
    if step.state is P.MANUAL:
        move(trade, P.MANUAL, step.sentence, now=now)
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
    finish(trade, step.state, step.sentence, now=now)


def finish(
    trade: PairTrade,
    state: PairState,
    sentence: str,
    *,
    now: datetime,
    by: str = "",
    is_told: bool = True,
) -> None:
    for order in trade.orders.filter(waits=True, state=S.RESERVED):
        fills.release([order.pk])
        why = "Its pair needs it no more."
        orders.move(orders.lock(order.pk), S.DENIED, sentence=why, reason=why, now=now)
    trade.ended_at, trade.unhedged_at = now, None
    if state is P.HEDGED:
        trade.hedged_at = now
    trade.figures = {**trade.figures, **pair_figures.unwound(trade), **pair_figures.dear(trade)}
    trade.save(update_fields=["ended_at", "unhedged_at", "hedged_at", "figures"])
    move(trade, state, sentence, by=by, now=now)
    if is_told:
        _announce(trade, state, sentence, now=now)


def _announce(trade: PairTrade, state: PairState, sentence: str, *, now: datetime) -> None:
    if state is P.HEDGED:
        coming = pair_figures.expected_now(trade)
        record(
            kind="pair_hedged",
            account_id=trade.account_id,
            level="INFO" if coming >= 0 else "WARN",
            sentence=f"{pair_words.mark_of(trade)} {trade.game}: {sentence} Planned "
            f"{dollars(trade.expected, signed=True)}, expected now "
            f"{dollars(coming, signed=True)}.",
            payload={"pair_trade": str(trade.pk)},
            at=now,
        )
    elif state is P.ABORTED:
        record(
            kind="pair_aborted",
            account_id=trade.account_id,
            sentence=f"{pair_words.mark_of(trade)} {trade.game} did not come about. {sentence}",
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


def _tell(
    trade: PairTrade, old: str, new: PairState, sentence: str, *, now: datetime, by: str = ""
) -> None:
    PairEvent.objects.create(trade=trade, old=old, new=new.value, sentence=sentence, by=by, at=now)


def _as_json(bounds: PairLimits) -> dict[str, Any]:
    return {
        name: str(value) if isinstance(value, Decimal) else value
        for name, value in asdict(bounds).items()
    }
