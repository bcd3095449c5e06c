"""What scans found: one row for each route and stretch of time in which it earned something. Their
only writer.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings

from markets.domain.arbitrage import Caps, Quote, Side
from markets.domain.payoff import Route
from markets.domain.scanner import Found, Watched
from markets.models import Market, Opportunity, Outcome, Pair
from venues.money import ZERO

WRITE_EVERY = timedelta(seconds=1)  # what did not change much is written so often
POINTS = 600  # of an opportunity's line, then every second one is dropped
FORGET = timedelta(seconds=10)  # an open row that nobody has seen for so long ended then
Reserve = Callable[[str], Decimal]  # USD a share, by league
LEAST_DOLLARS = Decimal(1)  # that Polymarket takes of an order at once


def caps() -> Caps:
    """Return how much a scan looks at: the same on each venue."""
    most = settings.PAIR_SCAN_CAPITAL
    return Caps(first=most, second=most, total=most)


def watched(reserve: Reserve) -> list[Watched]:
    """Return all pairs that are not over and whose fees are known, ready to be scanned."""
    found = (
        Pair.objects.exclude(state=Pair.State.OVER)
        .select_related(
            "game", "polymarket", "away_outcome", "home_outcome", "kalshi_away", "kalshi_home"
        )
        .prefetch_related("kalshi_away__outcomes", "kalshi_home__outcomes")
        .order_by("pk")
    )
    return [
        one(pair, reserve)
        for pair in found
        if all(
            market.fee_rate is not None and market.status == Market.Status.OPEN
            for market in (pair.polymarket, pair.kalshi_away, pair.kalshi_home)
        )
    ]


def one(pair: Pair, reserve: Reserve) -> Watched:
    """Return a pair as a scan needs it."""
    return Watched(
        pair=pair.pk,
        league=pair.game.league,
        away=_side(pair.away_outcome, pair.polymarket, least=LEAST_DOLLARS),
        home=_side(pair.home_outcome, pair.polymarket, least=LEAST_DOLLARS),
        kalshi={
            route: _side(kalshi_leg(pair, route), kalshi_market(pair, route)) for route in Route
        },
        reserve=reserve(pair.game.league),
    )


def kalshi_market(pair: Pair, route: Route) -> Market:
    return pair.kalshi_away if route.kalshi_away else pair.kalshi_home


def kalshi_leg(pair: Pair, route: Route) -> Outcome:
    """Return the outcome that a route buys on Kalshi."""
    market = kalshi_market(pair, route)
    ending = "yes" if route.is_yes else "no"
    return next(each for each in market.outcomes.all() if each.token.endswith(f":{ending}"))


def polymarket_leg(pair: Pair, route: Route) -> Outcome:
    return pair.away_outcome if route.buys_away else pair.home_outcome


def _side(outcome: Outcome, market: Market, *, least: Decimal = ZERO) -> Side:
    return Side(
        token=outcome.token,
        asks=(),
        fee_rate=market.fee_rate or ZERO,
        tick=market.tick or Decimal("0.01"),
        min_shares=ZERO if least else (market.min_shares or ZERO),
        min_dollars=least,
    )


@dataclass(kw_only=True)
class Recorder:
    """Keeps the rows of what is open now, and writes no more than it must."""

    open: dict[tuple[int, str], Opportunity] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for row in Opportunity.objects.filter(ended_at__isnull=True):
            self.open[row.pair_id, row.route] = row

    def record(
        self, found: Iterable[Found], *, looked_at: Iterable[int], now: datetime
    ) -> list[Opportunity]:
        """Record what the pairs that were looked at earn now; returns their open rows.

        A route of these pairs that was not found has ended.
        """
        here = {(each.pair, each.quote.route.value): each.quote for each in found}
        pairs = set(looked_at)
        for key in [key for key in self.open if key[0] in pairs and key not in here]:
            self._end(key, now=now)
        return [self._see(key, quote, now=now) for key, quote in here.items()]

    def forget(self, *, now: datetime) -> None:
        """End rows whose pair nobody looks at any more: they were last seen when they were."""
        for key, row in list(self.open.items()):
            if now - row.last_seen > FORGET:
                self._end(key, now=row.last_seen)

    def _see(self, key: tuple[int, str], quote: Quote, *, now: datetime) -> Opportunity:
        row = self.open.get(key)
        if row is not None and now - row.last_seen > FORGET:
            self._end(key, now=row.last_seen)  # nobody saw it meanwhile: this is another stretch
            row = None
        figures = figures_of(quote)
        if row is None:
            row = Opportunity.objects.create(
                pair_id=key[0],
                route=key[1],
                first_seen=now,
                last_seen=now,
                best_edge=quote.edge,
                points=[_point(quote, now=now)],
                **figures,
            )
            self.open[key] = row
            return row
        changed = any(getattr(row, name) != value for name, value in figures.items())
        is_due = now - row.last_seen >= WRITE_EVERY
        for name, value in figures.items():
            setattr(row, name, value)
        if changed or is_due:
            row.best_edge = max(row.best_edge, quote.edge)
            if is_due:
                row.points = [*row.points, _point(quote, now=now)]
                if len(row.points) > POINTS:
                    row.points = row.points[::2]
            row.last_seen = now
            row.save(update_fields=["last_seen", "best_edge", "points", *figures])
        return row

    def _end(self, key: tuple[int, str], *, now: datetime) -> None:
        row = self.open.pop(key)
        row.ended_at = now
        row.save(update_fields=["ended_at"])


def figures_of(quote: Quote) -> dict[str, Any]:
    """Return a quote's columns."""
    places = Decimal("0.0000000001")
    return {
        "shares": quote.shares,
        "first_price": quote.first.average.quantize(places),
        "second_price": quote.second.average.quantize(places),
        "capital": quote.capital,
        "fees": quote.fees,
        "gross": quote.gross,
        "net": quote.net,
        "worst": quote.worst_loss.quantize(Decimal("0.000001")),
        "worst_branch": quote.worst.branch.value,
    }


def _point(quote: Quote, *, now: datetime) -> list[float]:
    """Return a point of the line: seconds, gross and net edge in cents a share. For the eye."""
    gross, net = quote.gross / quote.shares, quote.edge
    return [round(now.timestamp(), 2), round(float(100 * gross), 3), round(float(100 * net), 3)]


def current(*, now: datetime) -> Sequence[Opportunity]:
    """Return what earns something now, best first."""
    found = Opportunity.objects.filter(ended_at__isnull=True, last_seen__gt=now - FORGET)
    rows = found.select_related("pair__game", "pair__polymarket")
    return sorted(rows, key=lambda row: (-row.net, row.pk))


def by_pair(rows: Iterable[Opportunity]) -> Mapping[int, Opportunity]:
    """Return the best route of each pair: the largest net, then the smaller worst branch."""
    best: dict[int, Opportunity] = {}
    for row in rows:
        known = best.get(row.pair_id)
        if known is None or (row.net, -row.worst) > (known.net, -known.worst):
            best[row.pair_id] = row
    return best
