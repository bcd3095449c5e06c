"""What is mispriced now between both venues, and what an account did about it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from accounts.models import Account
from markets import clock, opportunities, pairing
from markets.domain.payoff import Route
from markets.models import Opportunity, Pair
from risk.domain.pairs import DEFAULT_PAIRS
from risk.domain.reasons import ADVICE, Reason
from risk.models import PairProfile, RiskProfile
from trading import leases
from trading.models import Decision, PairTrade
from trading.pair_watch import LEASE
from venues.words import duration
from web.views import page_of, paged

LATE = timedelta(seconds=15)  # of a watch that says nothing
WIDTH, HEIGHT = 600, 160


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """An opportunity with what this account did about it."""

    row: Opportunity
    lasted: str
    verdict: Decision | None
    trade: PairTrade | None
    beside: int | None  # the other route of its game that was decided meanwhile, if it was not
    is_live: bool

    @property
    def route(self) -> str:
        """Return what its route buys where, in words."""
        return route_words(self.row)

    @property
    def unit(self) -> Decimal:
        return self.row.net / self.row.shares

    @property
    def fees(self) -> Decimal:
        return self.row.fees / self.row.shares


@login_required
@require_GET
def found(request: HttpRequest, account_id: UUID) -> HttpResponse:
    """List what earns something now, with the reason why it was not traded, and the latest ones."""
    context = page_of(request, account_id, title="Pairs")
    account, now = context["account"], clock.database_now()
    live = opportunities.current(now=now)
    best = opportunities.by_pair(live)
    past = (
        Opportunity.objects.filter(ended_at__isnull=False)
        .select_related("pair__game", "pair__polymarket")
        .order_by("-last_seen", "-pk")
    )
    league = request.GET.get("league", "")
    if league in DEFAULT_PAIRS.leagues:
        past = past.filter(pair__game__league=league)
        best = {key: row for key, row in best.items() if row.pair.game.league == league}
    page = paged(request, past)
    seen = leases.seen_at(LEASE)
    context |= {
        "live": _shown(account, list(best.values()), is_live=True),
        "past": _shown(account, list(page), is_live=False),
        "page": page,
        "league": league,
        "scanned_for": settings.PAIR_SCAN_CAPITAL,
        "leagues": DEFAULT_PAIRS.leagues,
        "pairs": Pair.objects.exclude(state=Pair.State.OVER).count(),
        "refused": pairing.refused(),
        "silent": None if seen is not None and now - seen < LATE else _silence(seen, now),
        "bounds": PairProfile.objects.get(account=account).bounds(),
        "limits": RiskProfile.objects.get(account=account).limits(),
        "games": Pair.objects.exclude(state=Pair.State.OVER)
        .select_related("game")
        .order_by("game__starts_at", "pk"),
    }
    topic = request.headers.get("HX-Target", "")
    whole = not request.headers.get("HX-Request") or topic != "opportunities"
    name = "web/opportunities.html" if whole else "web/fragments/opportunities.html"
    response = render(request, name, context)
    response.headers["Vary"] = "HX-Request, HX-Target, Cookie"
    return response


def _silence(seen: Any, now: Any) -> str:
    return "never began here" if seen is None else f"said nothing for {duration(now - seen)}"


@login_required
@require_GET
def opportunity(request: HttpRequest, account_id: UUID, opportunity_id: int) -> HttpResponse:
    context = page_of(request, account_id, title="Opportunity")
    row = get_object_or_404(
        Opportunity.objects.select_related(
            "pair__game", "pair__polymarket", "pair__away_outcome", "pair__home_outcome"
        ),
        pk=opportunity_id,
    )
    account = context["account"]
    limits = RiskProfile.objects.get(account=account).limits()
    others = (
        Opportunity.objects.filter(pair=row.pair).exclude(pk=row.pk).select_related("pair__game")
    )
    context |= {
        "shown": _shown(account, [row], is_live=row.ended_at is None)[0],
        "row": row,
        "legs": _legs(row.pair, Route(row.route)),
        "verdicts": _verdicts(account, [row])[row.pk],
        "advice": {reason.value: text for reason, text in ADVICE.items()},
        "line": _line(row.points),
        "limits": limits,
        "other": [(each, route_words(each)) for each in others.order_by("-last_seen")[:10]],
    }
    return render(request, "web/opportunity.html", context)


def _shown(account: Account, rows: Sequence[Opportunity], *, is_live: bool) -> list[Shown]:
    verdicts, made = _verdicts(account, rows), _trades(account, rows)
    ended = [row for row in rows if row.ended_at and not verdicts[row.pk] and row.pk not in made]
    beside = _decided_beside(account, ended)
    return [
        Shown(
            row=row,
            lasted=duration(row.last_seen - row.first_seen),
            verdict=verdicts[row.pk][0] if verdicts[row.pk] else None,
            trade=made.get(row.pk),
            beside=beside.get(row.pk),
            is_live=is_live,
        )
        for row in sorted(rows, key=lambda each: -each.net if is_live else 0)
    ]


def _verdicts(account: Account, rows: Sequence[Opportunity]) -> dict[int, list[Decision]]:
    """Return why this account did nothing about opportunities, the latest reason first."""
    sources = {f"opportunity:{row.pk}:{reason.value}": row.pk for row in rows for reason in Reason}
    found: dict[int, list[Decision]] = {row.pk: [] for row in rows}
    for each in Decision.objects.filter(account=account, source__in=sources).order_by("-at"):
        found[sources[each.source]].append(each)
    return found


def _trades(account: Account, rows: Sequence[Opportunity]) -> dict[int, PairTrade]:
    made = PairTrade.objects.filter(account=account, opportunity__in=[row.pk for row in rows])
    return {each.opportunity_id: each for each in made}


def _decided_beside(account: Account, ended: Sequence[Opportunity]) -> dict[int, int]:
    """Return which other route of its pair this account decided on while each of these lasted.

    An account decides on a game's best route alone, and looks at the others on the way.
    """
    if not ended:
        return {}
    there = Opportunity.objects.filter(
        pair__in={row.pair_id for row in ended},
        first_seen__lte=max(row.last_seen for row in ended),
        last_seen__gte=min(row.first_seen for row in ended),
    )
    others = list(there.order_by("-last_seen", "pk"))
    verdicts, made = _verdicts(account, others), _trades(account, others)
    decided = [each for each in others if verdicts[each.pk] or each.pk in made]
    found = {}
    for row in ended:
        for each in decided:
            mine = each.pair_id == row.pair_id and each.route != row.route
            if mine and each.first_seen <= row.last_seen and each.last_seen >= row.first_seen:
                found[row.pk] = each.pk
                break
    return found


def route_words(row: Opportunity) -> str:
    """Return which team's side a route buys on which venue."""
    route, game = Route(row.route), row.pair.game
    ours = game.away if route.buys_away else game.home
    theirs = game.away if route.kalshi_away else game.home
    return f"{ours} on Polymarket, {theirs} {'YES' if route.is_yes else 'NO'} on Kalshi"


def _legs(pair: Pair, route: Route) -> tuple[str, str]:
    """Return what a route buys, in words."""
    ours = pair.away_outcome if route.buys_away else pair.home_outcome
    team = pair.game.away if route.kalshi_away else pair.game.home
    return ours.name, f"{team} {'YES' if route.is_yes else 'NO'}"


def _line(points: Sequence[Sequence[float]]) -> dict[str, Any]:
    """Return the static picture of an edge over time: gross and net cents a share."""
    if len(points) < 2:
        return {}
    start, end = points[0][0], points[-1][0]
    values = [value for point in points for value in point[1:]] + [0.0]
    low, high = min(values), max(values)
    span, height = (end - start) or 1, (high - low) or 1

    def y(value: float) -> float:
        return HEIGHT - 8 - (HEIGHT - 16) * (value - low) / height

    def line(place: int) -> str:
        return " ".join(
            f"{WIDTH * (point[0] - start) / span:.1f},{y(point[place]):.1f}" for point in points
        )

    return {
        "gross": line(1),
        "net": line(2),
        "zero": f"{y(0.0):.1f}",
        "sentence": (
            f"Net edge went from {points[0][2]:.2f}¢ to {points[-1][2]:.2f}¢ a share in "
            f"{duration(timedelta(seconds=end - start))}; best {max(p[2] for p in points):.2f}¢."
        ),
    }
