"""FLOW 2, top to bottom: two books become an opportunity, a decision, and two legs.

scan (markets.domain.scanner) > record (markets.opportunities) > gather > decide (domain.pairing) >
begin (pair_trades) > advance (domain.legs) > submit (orders) > hedged, flat or a person's hands.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Min, Q, Sum

from accounts import credentials, kalshi_keys
from accounts.models import Account
from markets import clock
from markets.domain.arbitrage import Side
from markets.domain.payoff import Route
from markets.models import Feed, Market, Opportunity, Pair, PairApproval
from markets.opportunities import kalshi_leg, kalshi_market, polymarket_leg
from notifications.services import record
from risk import stops
from risk.domain import breakers
from risk.domain.pairs import DEFAULT_PAIRS, PairCandidate, PairLimits
from risk.domain.reasons import Reason
from risk.models import PairProfile, Reservation, RiskProfile, RiskState
from risk.services import record_trips
from trading import exposure, orders, pair_trades, purses, reconciliation, sending, windows
from trading.domain.legs import RUNNING, PairState
from trading.domain.order_state import FINAL
from trading.domain.pairing import (
    LegRisk,
    PairAnswer,
    PairSituation,
    Purse,
    decide_pair,
)
from trading.models import Decision, Order, PairTrade
from trading.proposals import Event, decision_id, write
from venues.money import ZERO
from venues.paper import BookAt
from venues.types import Side as OrderSide

log = logging.getLogger(__name__)

MEASURED = 200  # of the latest trades, from which the leg risk is known
PAPER = Account.Mode.PAPER
PLACES = Decimal("0.000001")
Halves = Mapping[Route, tuple[Side, Side]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """An opportunity with the books that it was seen in."""

    opportunity: Opportunity
    halves: Halves  # of all routes of its pair
    book_age: float | None  # seconds, of the oldest book


def consider(
    seen: Seen,
    *,
    now: datetime,
    known: set[tuple[UUID, int, str]] | None = None,
) -> list[UUID]:
    """Decide for every account that trades pairs; returns ids of the trades that began.

    `known` remembers refusals that are on record, so that they are not written again.
    """
    began: list[UUID] = []
    known = set() if known is None else known
    for account in _accounts():
        try:
            made = _consider(account, seen, known, now=now)
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            log.exception("Account %s cannot decide on %s; the others do", account, seen)
            continue
        if made is not None:
            began.append(made)
            # What one account takes of both books, the next one must not count on: its turn
            # comes with the next look.
            break
    return began


def _consider(
    account: Account, seen: Seen, known: set[tuple[UUID, int, str]], *, now: datetime
) -> UUID | None:
    """Decide for one account; returns the trade that began."""
    with transaction.atomic():
        # Locks the account, so that two opportunities cannot both spend the same cash.
        risk = RiskState.objects.select_for_update().get(account=account)
        windows.roll(risk, now=now)
        shared = _shared(seen, now=now)
        situation = _gather(account, risk, seen, shared, now=now)
        answer = decide_pair(situation)
        if answer.intent is not None:
            row = _row_of(seen, answer.intent.quote.route)
            answer = _of_the_row(account, row, answer, situation.bounds, now=now)
        if answer.intent is not None:
            return _begin(
                account, row, situation, answer, pair=shared.pair, book_age=seen.book_age, now=now
            ).pk
        key = (account.pk, seen.opportunity.pk, answer.reason.value)
        if key not in known:
            _refuse(account, seen, answer, now=now)
            known.add(key)
    return None


def _of_the_row(
    account: Account, row: Opportunity, answer: PairAnswer, bounds: PairLimits, *, now: datetime
) -> PairAnswer:
    """Ask what is left to ask once it is known which route is traded."""
    if PairTrade.objects.filter(pk=pair_trades.trade_id(account.pk, row.pk)).exists():
        sentence = "This stretch of the opportunity was traded already."
        return replace(answer, reason=Reason.GAME_BUSY, sentence=sentence, intent=None)
    lasted = (now - row.first_seen).total_seconds()
    if lasted < float(bounds.min_lifetime):
        least = bounds.min_lifetime.normalize()
        sentence = f"It lasted {max(lasted, 0):.1f} s; you ask for {least:f} s."
        return replace(answer, reason=Reason.EDGE_BRIEF, sentence=sentence, intent=None)
    return answer


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
        made = pair_trades.advance(trade_id=trade_id, now=now, stopped=_stopped_all(trade_id))
        first = _first_to_send(trade_id)
        if made or first:
            sending.submit(order_ids=[*first, *made], now=clock_now() if clock_now else now)
        else:
            break
    return PairState(PairTrade.objects.values_list("state", flat=True).get(pk=trade_id))


def leg_risk(*, bounds: PairLimits, is_paper: bool) -> LegRisk:
    """Return how often second legs failed on this server, and what a share of that cost: of real
    trades, or of paper ones.
    """
    real = Q(mode=PAPER) if is_paper else ~Q(mode=PAPER)
    latest = (
        PairTrade.objects.exclude(state=PairState.ABORTED.value)
        .filter(real, Q(ended_at__isnull=False) | Q(state=PairState.MANUAL.value))
        .order_by("-created_at")[:MEASURED]
    )
    trades, failed, shares, loss = 0, 0, ZERO, ZERO
    for trade in latest:
        trades += 1
        unwound = Decimal(str(trade.figures.get("unwound_shares", "0")))
        if unwound or trade.state == PairState.MANUAL or trade.figures.get("was_manual"):
            failed += 1
            shares += unwound
            loss += max(Decimal(str(trade.figures.get("unwound_loss", "0"))), ZERO)
    return LegRisk(
        trades=trades, failed=failed, loss=loss / shares if shares > 0 else bounds.hedge_loss
    )


def least_reserve(league: str) -> Decimal:
    """Return the smallest reserve of any account: a scan must not overlook what it would take."""
    name = f"reserve_{league.lower()}"
    found = PairProfile.objects.exclude(leagues=[]).aggregate(least=Min(name))["least"]
    return DEFAULT_PAIRS.reserve(league) if found is None else Decimal(found)


def _accounts() -> Sequence[Account]:
    """Return accounts that trade pairs in the market of the current feed."""
    feed = clock.current_feed()
    found = Account.objects.select_related("owner").exclude(pair_profile__leagues=[])
    if feed is not None:
        mine = set(feed.accounts)
        others = _accounts_of_other_feeds(mine)
        found = found.exclude(pk__in=others)
    return list(found.order_by("created_at", "pk"))


def _accounts_of_other_feeds(mine: Iterable[str]) -> list[UUID]:
    named = {each for feed in Feed.objects.all() for each in feed.accounts}
    return [UUID(each) for each in named - set(mine)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shared:
    """What is the same for all accounts."""

    pair: Pair
    delay: int
    pause: str
    switches: stops.Stops
    server_legs: str
    seconds_to_start: float
    lasted: float
    said: Mapping[int, PairApproval]  # by user
    names: frozenset[str]


def _shared(seen: Seen, *, now: datetime) -> _Shared:
    pair = (
        Pair.objects.select_related(
            "game", "polymarket", "away_outcome", "home_outcome", "kalshi_away", "kalshi_home"
        )
        .prefetch_related("kalshi_away__outcomes", "kalshi_home__outcomes")
        .get(pk=seen.opportunity.pair_id)
    )
    game = pair.game
    said = PairApproval.objects.filter(pair=pair).order_by("at", "pk")
    start = pair.starts_at or now
    running = pair_trades.one_sided()
    full = running >= settings.PAIR_OPEN_LEGS
    return _Shared(
        pair=pair,
        delay=pair.polymarket.seconds_delay,
        pause=_pause(now),
        switches=stops.read_stops(),
        server_legs=f"{running} pairs of this server have one side open; that is its limit."
        if full
        else "",
        seconds_to_start=(start - now).total_seconds(),
        lasted=max((now - seen.opportunity.first_seen).total_seconds(), 0.0),
        said={each.user_id: each for each in said},
        names=frozenset(
            name.casefold()
            for name in (
                game.key,
                pair.polymarket.slug,
                pair.event,
                f"{game.league}:{game.away}",
                f"{game.league}:{game.home}",
            )
        ),
    )


def _pause(now: datetime) -> str:
    """Return which venue pauses now or within moments, or an empty string."""
    hours = kalshi_keys.hours(kalshi_keys.PRODUCTION)
    waits = max(hours.opens_in(now), hours.opens_in(now + timedelta(seconds=120)))
    return "Kalshi pauses; we stop two minutes before." if waits > timedelta(0) else ""


def _gather(
    account: Account, risk: RiskState, seen: Seen, shared: _Shared, *, now: datetime
) -> PairSituation:
    profile = RiskProfile.objects.get(account=account)
    limits, bounds = profile.limits(), PairProfile.objects.get(account=account).bounds()
    worth = exposure.worth_of([account.pk], now=now).get(account.pk, ZERO)
    equity = risk.cash + worth
    columns = {field.attname: getattr(risk, field.attname) for field in risk._meta.concrete_fields}
    in_flight = _in_flight(account.pk)
    losses = breakers.losses_from(columns, now=now, equity=equity, in_flight_cost=in_flight)
    trips = breakers.trips(losses, limits)
    if trips:
        record_trips(account_id=account.pk, trips=trips, losses=losses, now=now)
    open_trips = stops.open_trips([account.pk], now=now).get(account.pk, ()) + trips
    places = _places(account)
    pair = shared.pair
    return PairSituation(
        account_id=account.pk,
        candidate=_candidate(
            account, seen, shared, limits=limits, bounds=bounds, trips=open_trips, now=now
        ),
        limits=limits,
        bounds=bounds,
        equity=equity,
        free_cash=ZERO if risk.is_strained else risk.cash - risk.reserved,
        first_purse=_purse(places, risk, pair.polymarket),
        second_purses={
            route: _purse(places, risk, kalshi_market(pair, route)) for route in seen.halves
        },
        losses=losses,
        leg_risk=leg_risk(bounds=bounds, is_paper=account.is_paper),
        halves=dict(seen.halves),
        league=pair.game.league,
    )


def _candidate(
    account: Account,
    seen: Seen,
    shared: _Shared,
    *,
    limits: Any,
    bounds: PairLimits,
    trips: Sequence[breakers.Trip],
    now: datetime,
) -> PairCandidate:
    pair = shared.pair
    mine = PairTrade.objects.filter(account=account)
    markets = (pair.polymarket, pair.kalshi_away, pair.kalshi_home)
    day = breakers.day_start(now)
    approved, frozen = judged(pair, shared.said.get(account.owner_id), bounds)
    return PairCandidate(
        limits=limits,
        bounds=bounds,
        mode_refusal=stops.mode_refusal(account.mode),
        stopped=_stopped(account, shared.switches),
        keys_missing=_keys_missing(account),
        trips=breakers.refusal(trips[0]) if trips else None,
        league=pair.game.league,
        names=shared.names,
        delay=shared.delay,
        frozen=frozen,
        blocked=pair.blocked_why,
        is_approved=approved,
        markets_open=all(each.status == Market.Status.OPEN for each in markets),
        fees_known=all(each.fee_rate is not None for each in markets),
        seconds_to_start=shared.seconds_to_start,
        pause=shared.pause,
        book_age=seen.book_age,
        lasted=shared.lasted,
        is_busy=mine.filter(
            game=pair.game, state__in=sorted(RUNNING), settled_at__isnull=True
        ).exists(),
        has_open_leg=pair_trades.one_sided(account=account) > 0,
        server_legs=shared.server_legs,
        pairs_today=mine.filter(created_at__gte=day).exclude(state=PairState.ABORTED.value).count(),
    )


def judged(pair: Pair, said: PairApproval | None, bounds: PairLimits) -> tuple[bool, str]:
    """Return whether a person, or his rule, approved a pair, and why it is frozen for him."""
    current = said is not None and said.rules_hash == pair.rules_hash
    if current and said is not None and not said.is_approved:
        return False, ""
    frozen = pair.frozen_why if pair.state == Pair.State.FROZEN else ""
    if current and said is not None:
        # Whoever has read what changed has lifted the freeze for himself.
        lifted = pair.frozen_at is None or said.at > pair.frozen_at
        return True, "" if lifted else frozen
    by_rule = pair.is_standard and pair.game.league in bounds.accept_standard
    return by_rule and pair.game.league in ("NBA", "NHL"), frozen


def _stopped(account: Account, switches: stops.Stops) -> str:
    return next(
        (
            words
            for venue in ("polymarket", "kalshi")
            if (words := switches.words(account_id=account.pk, whale="", venue=venue, entries=True))
        ),
        "",
    )


def _stopped_all(trade_id: UUID) -> str:
    """Return who stopped everything for a trade, its exits too."""
    account_id = PairTrade.objects.values_list("account_id", flat=True).get(pk=trade_id)
    switches = stops.read_stops()
    return next(
        (
            words
            for venue in ("polymarket", "kalshi")
            if (
                words := switches.words(account_id=account_id, whale="", venue=venue, entries=False)
            )
        ),
        "",
    )


def _keys_missing(account: Account) -> str:
    """Return which venue cannot be reached with this account's keys, or an empty string."""
    if account.is_paper:
        return ""
    if account.is_demo():
        return "Kalshi's key is a demo key: its play money hedges nothing."
    for venue in ("polymarket", "kalshi"):
        found = credentials.of(account, venue)
        if found is None or found.verified_at is None:
            return f"This account has no {venue.title()} key that has proved itself."
    return ""


def _places(account: Account) -> dict[tuple[str, int], purses.Place] | None:
    if account.is_paper:
        return None
    return {(each.venue, each.shard): each for each in purses.of(account.pk)}


def _purse(
    places: Mapping[tuple[str, int], purses.Place] | None, risk: RiskState, market: Market
) -> Purse:
    """Return the free cash that a market is paid from: on paper all of it is in one place."""
    free = risk.cash - risk.reserved
    if places is None:
        return Purse(name="The account", free=free)
    found = places.get((market.venue, market.shard))
    name = purses.name_of(market.venue, market.shard)
    return Purse(name=name, free=min(free, found.free) if found else ZERO)


def _in_flight(account_id: UUID) -> Decimal:
    held = Reservation.objects.filter(account_id=account_id, state="HELD", entry=True)
    return held.aggregate(total=Sum("immediate_cost"))["total"] or ZERO


def _begin(
    account: Account,
    row: Opportunity,
    each: PairSituation,
    answer: PairAnswer,
    *,
    pair: Pair,
    book_age: float | None,
    now: datetime,
) -> PairTrade:
    intent = answer.intent
    assert intent is not None
    quote, risk = intent.quote, each.leg_risk
    plan = pair_trades.Plan(
        account=account,
        opportunity=row,
        pair=pair,
        quote=quote,
        first=polymarket_leg(pair, quote.route),
        second=kalshi_leg(pair, quote.route),
        bounds=each.bounds,
        min_edge=intent.min_edge,
        expected_net=intent.expected_net,
        kind=intent.kind,
        in_flight=intent.in_flight,
        figures={
            "rules_hash": pair.rules_hash,
            "last_hedge": str(intent.last_hedge),
            "in_flight": str(intent.in_flight),
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
            "book_age": book_age,
            "lasted": each.candidate.lasted,
            "first_limit": str(quote.first.limit),
            "second_limit": str(quote.second.limit),
        },
    )
    trade = pair_trades.begin(plan, now=now)
    record(
        kind="pair_found",
        account_id=account.pk,
        sentence=pair_trades.announcement(trade),
        payload={"pair_trade": str(trade.pk)},
        at=now,
    )
    return trade


def _row_of(seen: Seen, route: Route) -> Opportunity:
    """Return the open row of the route that is traded; the one considered may be another route."""
    if seen.opportunity.route == route.value:
        return seen.opportunity
    row = Opportunity.objects.filter(
        pair=seen.opportunity.pair, route=route.value, ended_at__isnull=True
    ).first()
    return row or seen.opportunity


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
        "size": ZERO if quote is None else quote.capital.quantize(PLACES),
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
