"""FLOW 2, top to bottom: two books become an opportunity, a decision, and two legs.

scan (markets.domain.scanner) > record (markets.opportunities) > gather > decide (domain.pairing) >
begin (pair_trades) > advance (domain.legs) > submit (orders) > hedged, flat or a person's hands.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from accounts.models import Account
from markets.domain.payoff import Route
from markets.opportunities import kalshi_leg, polymarket_leg
from notifications.services import record
from risk import stops
from risk.models import RiskState
from trading import (
    orders,
    pair_gathering,
    pair_trades,
    pair_words,
    reconciliation,
    sending,
    windows,
)
from trading.domain.order_state import FINAL
from trading.domain.pair_state import PairState
from trading.domain.pairing import PairAnswer, PairIntent, PairSituation, decide_pair
from trading.models import Decision, Order, PairTrade
from trading.pair_gathering import Seen, Shared
from trading.proposals import Event, decision_id, write
from venues.money import MICRO, ZERO
from venues.paper import BookAt
from venues.types import Side as OrderSide


def consider(
    seen: Seen,
    *,
    now: datetime,
    known: set[tuple[UUID, int, str]] | None = None,
) -> UUID | None:
    """Decide for every account that trades pairs; returns the id of the trade that began.

    At most one begins: what an account takes of both books, the next one must not count on, so its
    turn comes with the next look. `known` remembers refusals that are on record.
    """
    known = set() if known is None else known
    shared = pair_gathering.share(seen, now=now)
    for account in pair_gathering.accounts():
        made = None
        with reconciliation.one_alone(f"{account} before {seen.opportunity}"):
            made = _consider(account, seen, shared, known, now=now)
        if made is not None:
            return made
    return None


def _consider(
    account: Account,
    seen: Seen,
    shared: Shared,
    known: set[tuple[UUID, int, str]],
    *,
    now: datetime,
) -> UUID | None:
    """Decide for one account; returns the trade that began."""
    with transaction.atomic():
        # Locks the account, so that two opportunities cannot both spend the same cash.
        risk = RiskState.objects.select_for_update().get(account=account)
        windows.roll(risk, now=now)
        situation = pair_gathering.gather(account, risk, seen, shared, now=now)
        answer = decide_pair(situation)
        if answer.intent is not None:
            return _begin(account, seen, shared, situation, answer.intent, now=now).pk
        key = (account.pk, seen.opportunity.pk, answer.reason.value)
        if key not in known:
            _refuse(account, seen, answer, now=now)
            known.add(key)
    return None


def drive(
    *,
    trade_id: UUID,
    now: datetime,
    book_at: BookAt | None = None,
    clock_now: Callable[[], datetime] | None = None,
) -> PairState:
    """Take a trade on until it has to wait; returns its state. Safe to repeat at any time.

    `book_at` tells paper orders of real books. Real orders are asked after by reconciliation.
    """
    for _ in range(12):  # steps that follow each other at once; more would be a mistake
        now = clock_now() if clock_now else now
        _learn(trade_id, now=now, book_at=book_at)
        made = pair_trades.advance(trade_id=trade_id, now=now, stopped=_stopped(trade_id))
        first = _first_to_send(trade_id)
        if made or first:
            sending.submit(order_ids=[*first, *made], now=clock_now() if clock_now else now)
        else:
            break
    return PairState(PairTrade.objects.values_list("state", flat=True).get(pk=trade_id))


def _stopped(trade_id: UUID) -> str:
    """Return who stopped everything for a trade, its exits too."""
    account_id = PairTrade.objects.values_list("account_id", flat=True).get(pk=trade_id)
    return pair_gathering.stopped(account_id, stops.read_stops(), entries=False)


def _begin(
    account: Account,
    seen: Seen,
    shared: Shared,
    situation: PairSituation,
    intent: PairIntent,
    *,
    now: datetime,
) -> PairTrade:
    route = intent.quote.route
    plan = pair_trades.Plan(
        account=account,
        opportunity=shared.rows[route],
        pair=shared.pair,
        intent=intent,
        first=polymarket_leg(shared.pair, route),
        second=kalshi_leg(shared.pair, route),
        bounds=situation.bounds,
        figures=_figures(situation, intent)
        | {"rules_hash": shared.pair.rules_hash, "book_age": seen.book_age},
    )
    trade = pair_trades.begin(plan, now=now)
    record(
        kind="pair_found",
        account_id=account.pk,
        sentence=pair_words.announcement(trade),
        payload={"pair_trade": str(trade.pk)},
        at=now,
    )
    return trade


def _figures(situation: PairSituation, intent: PairIntent) -> dict[str, Any]:
    """Return the numbers of a decision, as they are kept with its trade."""
    quote, risk = intent.quote, situation.leg_risk
    first, second = situation.halves[quote.route]
    return {
        "min_edge": str(intent.min_edge),
        "last_hedge": str(intent.last_hedge),
        "in_flight": str(intent.in_flight),
        "first_rate": str(first.fee_rate),
        "second_rate": str(second.fee_rate),
        "gross": str(quote.gross),
        "net": str(quote.net),
        "capital": str(quote.capital),
        "roi": str(quote.roi),
        "reserve": str(quote.reserve),
        "worst_branch": quote.worst.branch.value,
        "worst_pays": str(quote.worst.pays),
        "leg_risk": {
            "chance": str(risk.chance),
            "loss": str(risk.loss),
            "trades": risk.trades,
            "failed": risk.failed,
        },
        "lasted": situation.lasted[quote.route],
        "first_limit": str(quote.first.limit),
        "second_limit": str(quote.second.limit),
    }


def _refuse(account: Account, seen: Seen, answer: PairAnswer, *, now: datetime) -> None:
    """Record why this account does nothing about an opportunity: once for each reason."""
    source = f"opportunity:{seen.opportunity.pk}:{answer.reason.value}"
    if Decision.objects.filter(account=account, source=source).exists():
        return
    route = Route(seen.opportunity.route)
    outcome = polymarket_leg(seen.opportunity.pair, route)  # which of the two never changes
    quote = answer.quote
    numbers = {
        "opportunity": seen.opportunity.pk,
        "route": route.value,
        "pair": str(seen.opportunity.pair),
    }
    if quote is not None:
        numbers |= {"shares": str(quote.shares), "net": str(quote.net), "roi": str(quote.roi)}
    row = {
        "id": decision_id(account_id=account.pk, source=source),
        "account_id": account.pk,
        "accepted": False,
        "reason": answer.reason.value,
        "sentence": answer.sentence,
        "arithmetic": "",
        "size": ZERO if quote is None else quote.capital.quantize(MICRO),
        "inputs": numbers,
        "factors": {},
        "assumed": False,
        "mode": account.mode,
    }
    event = Event(
        source=source,
        outcome_id=outcome.pk,
        side=OrderSide.BUY,
        venue=outcome.market.venue,
        fee_rate=outcome.market.fee_rate or ZERO,
    )
    write([row], event, now=now)


def _first_to_send(trade_id: UUID) -> list[UUID]:
    """Return orders of a trade that nobody has sent yet, and that wait for nothing."""
    found = Order.objects.unsent().filter(pair_trade_id=trade_id)
    return list(found.values_list("pk", flat=True))


def _learn(trade_id: UUID, *, now: datetime, book_at: BookAt | None) -> None:
    """Ask what became of a trade's orders."""
    going = Order.objects.filter(pair_trade_id=trade_id, waits=False).exclude(
        state__in=[each.value for each in FINAL]
    )
    paper = list(going.filter(mode=Account.Mode.PAPER).values_list("pk", flat=True))
    if paper:
        orders.poll(order_ids=paper, now=now, book_at=book_at)
    real = Order.objects.filter(pair_trade_id=trade_id).exclude(mode=Account.Mode.PAPER)
    asked = list(real.filter(pk__in=reconciliation.to_ask(now=now)).values_list("pk", flat=True))
    if asked:
        reconciliation.reconcile(order_ids=asked, now=now)
