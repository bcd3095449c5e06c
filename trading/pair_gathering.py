"""All that an account's decision on an opportunity is made of, read once and in one place."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.db.models import F, Min, Sum

from accounts import credentials, kalshi_keys
from accounts.models import Account
from markets import clock
from markets.domain.arbitrage import Side
from markets.domain.payoff import Route
from markets.models import Feed, Market, Opportunity, Pair, PairApproval
from markets.opportunities import kalshi_market
from risk import stops
from risk.domain import breakers
from risk.domain.pairs import DEFAULT_PAIRS, PairCandidate, PairLimits
from risk.domain.presets import Limits
from risk.models import PairProfile, Reservation, RiskProfile, RiskState
from risk.services import record_trips
from trading import exposure, pair_views, purses
from trading.domain.pair_state import PairState
from trading.domain.pairing import PairSituation, Purse
from trading.models import Fill, PairTrade
from venues.money import ZERO
from venues.types import Settlement

Halves = Mapping[Route, tuple[Side, Side]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """An opportunity with the books that it was seen in."""

    opportunity: Opportunity
    halves: Halves  # of all routes of its pair
    book_age: float | None  # seconds, of the oldest book


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What is the same for all accounts."""

    pair: Pair
    rows: Mapping[Route, Opportunity]  # that are open, by route
    pause: str
    switches: stops.Stops
    seconds_to_start: float
    names: frozenset[str]


def share(seen: Seen, *, now: datetime) -> Shared:
    """Return what every account's decision on an opportunity has in common."""
    pair = (
        Pair.objects.select_related(
            "game", "polymarket", "away_outcome", "home_outcome", "kalshi_away", "kalshi_home"
        )
        .prefetch_related("kalshi_away__outcomes", "kalshi_home__outcomes")
        .get(pk=seen.opportunity.pair_id)
    )
    start = pair.starts_at or now
    return Shared(
        pair=pair,
        rows=_rows(seen),
        pause=pause(now),
        switches=stops.read_stops(),
        seconds_to_start=(start - now).total_seconds(),
        names=_names(pair),
    )


def _rows(seen: Seen) -> dict[Route, Opportunity]:
    """Return the row of each route: the one that is decided on stands for routes without one."""
    found = Opportunity.objects.filter(pair=seen.opportunity.pair_id, ended_at__isnull=True)
    mine = {Route(row.route): row for row in found}
    return {route: mine.get(route, seen.opportunity) for route in seen.halves}


def _names(pair: Pair) -> frozenset[str]:
    """Return names by which a user may exclude a pair."""
    game = pair.game
    names = (
        game.key,
        f"{game.league}:{game.key}",
        pair.polymarket.slug,
        pair.event,
        f"{game.league}:{game.away}",
        f"{game.league}:{game.home}",
    )
    return frozenset(name.casefold() for name in names)


def gather(
    account: Account, risk: RiskState, seen: Seen, shared: Shared, *, now: datetime
) -> PairSituation:
    """Return one account before one opportunity; its RiskState is locked by the caller."""
    profile = RiskProfile.objects.get(account=account)
    limits, bounds = profile.limits(), PairProfile.objects.get(account=account).bounds()
    worth = exposure.worth_of([account.pk], now=now).get(account.pk, ZERO)
    equity = risk.cash + worth
    losses = _losses(account, risk, equity=equity, now=now)
    trips = breakers.trips(losses, limits)
    if trips:
        record_trips(account_id=account.pk, trips=trips, losses=losses, now=now)
    open_trips = stops.open_trips([account.pk], now=now).get(account.pk, ()) + trips
    places = _places(account)
    pair = shared.pair
    return PairSituation(
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
        leg_risk=pair_views.leg_risk(bounds=bounds, is_paper=account.is_paper),
        halves=dict(seen.halves),
        lasted={
            route: max((now - row.first_seen).total_seconds(), 0.0)
            for route, row in shared.rows.items()
        },
        traded=_traded(account, shared.rows),
        league=pair.game.league,
    )


def _losses(
    account: Account, risk: RiskState, *, equity: Decimal, now: datetime
) -> breakers.Losses:
    columns = {field.attname: getattr(risk, field.attname) for field in risk._meta.concrete_fields}
    held = Reservation.objects.filter(account_id=account.pk, state="HELD", entry=True)
    in_flight = held.aggregate(total=Sum("immediate_cost"))["total"] or ZERO
    return breakers.losses_from(columns, now=now, equity=equity, in_flight_cost=in_flight)


def _provisional(account: Account) -> Decimal:
    """Return what was bought on Polymarket and is not settled, USD: any of it may still fail."""
    open_fills = Fill.objects.filter(
        account=account,
        venue="polymarket",
        settlement__in=[each.value for each in Settlement if not each.is_final],
        order__side="BUY",
    )
    total: Decimal | None = open_fills.aggregate(t=Sum(F("price") * F("shares")))["t"]
    return total or ZERO


def _traded(account: Account, rows: Mapping[Route, Opportunity]) -> frozenset[Route]:
    """Return routes whose present stretch this account has traded: it trades none twice."""
    of = {row.pk for row in rows.values()}
    done = PairTrade.objects.filter(account=account, opportunity__in=of)
    known = set(done.values_list("opportunity_id", flat=True))
    return frozenset(route for route, row in rows.items() if row.pk in known)


def _candidate(
    account: Account,
    seen: Seen,
    shared: Shared,
    *,
    limits: Limits,
    bounds: PairLimits,
    trips: Sequence[breakers.Trip],
    now: datetime,
) -> PairCandidate:
    pair = shared.pair
    mine = PairTrade.objects.filter(account=account)
    markets = (pair.polymarket, pair.kalshi_away, pair.kalshi_home)
    day = breakers.day_start(now)
    approved, frozen = judged(pair, said_of(pair, account), bounds)
    return PairCandidate(
        limits=limits,
        bounds=bounds,
        mode_refusal=stops.mode_refusal(account.mode),
        stopped=stopped(account.pk, shared.switches, entries=True),
        keys_missing=keys_missing(account),
        trips=breakers.refusal(trips[0]) if trips else None,
        league=pair.game.league,
        names=shared.names,
        delay=pair.polymarket.seconds_delay,
        frozen=frozen,
        blocked=pair.blocked_why,
        is_approved=approved,
        provisional=_provisional(account),
        markets_open=all(each.status == Market.Status.OPEN for each in markets),
        fees_known=all(each.fee_rate is not None for each in markets),
        seconds_to_start=shared.seconds_to_start,
        pause=shared.pause,
        book_age=seen.book_age,
        is_busy=pair_views.runs(account, pair.game),
        has_open_leg=pair_views.one_sided(account) > 0,
        server_legs=pair_views.server_is_full(is_paper=account.is_paper),
        pairs_today=mine.filter(created_at__gte=day).exclude(state=PairState.ABORTED.value).count(),
    )


def stopped(account_id: UUID, switches: stops.Stops, *, entries: bool) -> str:
    """Return who stopped an account on either venue: its entries, or else everything."""
    said = (
        switches.words(account_id=account_id, whale="", venue=venue, entries=entries)
        for venue in ("polymarket", "kalshi")
    )
    return next((words for words in said if words), "")


def said_of(pair: Pair, account: Account) -> PairApproval | None:
    """Return the latest word of an account's owner on a pair."""
    mine = PairApproval.objects.filter(pair=pair, user=account.owner_id)
    return mine.order_by("at", "pk").last()


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


def least_reserve(league: str) -> Decimal:
    """Return the smallest reserve of any account: a scan must not overlook what it would take."""
    name = f"reserve_{league.lower()}"
    found = PairProfile.objects.exclude(leagues=[]).aggregate(least=Min(name))["least"]
    return DEFAULT_PAIRS.reserve(league) if found is None else Decimal(found)


def accounts() -> Sequence[Account]:
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


def pause(now: datetime) -> str:
    """Return which venue pauses now or within moments, or an empty string."""
    hours = kalshi_keys.hours(kalshi_keys.PRODUCTION)
    waits = max(hours.opens_in(now), hours.opens_in(now + timedelta(seconds=120)))
    return "Kalshi pauses; we stop two minutes before." if waits > timedelta(0) else ""


def keys_missing(account: Account) -> str:
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
