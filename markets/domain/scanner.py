"""Which routes of many pairs earn something now: every best price at once, then one walk each.

A route can earn only if its two best levels do, fees and reserve included. Those are compared for
all routes in whole numbers in one go; the few that remain are walked level by level. A changed book
costs a look at its own routes only.
"""

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np
import numpy.typing as npt

from markets.domain.arbitrage import UNIT, Asked, Caps, Quote, Side, quote, unit_cost
from markets.domain.payoff import Route
from venues.ladders import Asks, Rungs
from venues.reading import BadMessage

log = logging.getLogger(__name__)

NOTHING = 2 * UNIT  # what a share costs that nobody offers
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """One pair as a scan needs it: the halves of its routes, without books."""

    pair: int
    league: str
    away: Side  # on Polymarket
    home: Side
    kalshi: Mapping[Route, Side]
    reserve: Decimal

    def halves(self, route: Route) -> tuple[Side, Side]:
        return (self.away if route.buys_away else self.home), self.kalshi[route]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One route of a pair that earns something."""

    pair: int
    quote: Quote


class Scanner:
    """Holds the asks of all tokens of the watched pairs."""

    def __init__(self, pairs: Sequence[Watched], *, caps: Caps | None = None) -> None:
        self.pairs = {each.pair: each for each in pairs}
        self._caps = caps
        self._asks: dict[str, Rungs | Asks] = {}
        self._halves: dict[tuple[int, Route], tuple[Side, Side]] = {}  # with their asks
        self._routes = [(each, route) for each in pairs for route in Route]
        tokens = [half.token for each, route in self._routes for half in each.halves(route)]
        self._places = {token: place for place, token in enumerate(dict.fromkeys(tokens))}
        self._rates = {
            half.token: half.rate for each, route in self._routes for half in each.halves(route)
        }
        self._best: Ints = np.full(len(self._places), NOTHING, dtype=np.int64)
        self._first = self._column(0)
        self._second = self._column(1)
        self._most = np.array(
            [int((1 - each.reserve) * UNIT) for each, _ in self._routes], dtype=np.int64
        )
        # The same numbers for a look at one token: single cells of an array are slow to read.
        self._cells = [NOTHING] * len(self._places)
        self._bounds = list(
            zip(self._first.tolist(), self._second.tolist(), self._most.tolist(), strict=True)
        )
        self._of_token: dict[str, list[int]] = {}
        for number, (each, route) in enumerate(self._routes):
            for half in each.halves(route):
                self._of_token.setdefault(half.token, []).append(number)

    @property
    def tokens(self) -> Collection[str]:
        return self._places.keys()

    def update(self, token: str, asks: Rungs | Asks) -> None:
        """Take a token's asks, best first; none at all means that its book is not known."""
        place = self._places.get(token)
        if place is None:
            return
        self._asks[token] = asks
        for number in self._of_token[token]:
            pair, route = self._routes[number]
            self._halves.pop((pair.pair, route), None)
        best = self.best(token)
        cost = NOTHING if best is None else unit_cost(best, self._rates[token])
        self._best[place] = self._cells[place] = cost

    def asks(self, token: str) -> Rungs:
        """Return a token's asks. Raises BadMessage for levels that cannot be read."""
        found = self._asks.get(token, ())
        return found.rungs if isinstance(found, Asks) else found

    def best(self, token: str) -> int | None:
        """Return the best ask of a token, in the units of `venues.ladders`."""
        asks = self._asks.get(token, ())
        return asks.best if isinstance(asks, Asks) else asks[0][0] if asks else None

    def scan(self) -> list[Found]:
        """Return every route that earns something now."""
        best = self._best
        earning = np.flatnonzero(best[self._first] + best[self._second] <= self._most)
        return self._walk(earning.tolist())

    def scan_token(self, token: str) -> list[Found]:
        """Return the routes of one token that earn something now."""
        best, found = self._cells, []
        for number in self._of_token.get(token, ()):
            first, second, most = self._bounds[number]
            if best[first] + best[second] <= most:
                found.append(number)
        return self._walk(found)

    def halves(self, pair: int, route: Route) -> tuple[Side, Side]:
        """Return both halves of a route with their asks."""
        known = self._halves.get((pair, route))
        if known is None:
            first, second = self.pairs[pair].halves(route)
            known = self._halves[pair, route] = (
                replace(first, asks=self.asks(first.token)),
                replace(second, asks=self.asks(second.token)),
            )
        return known

    def _walk(self, numbers: Iterable[int]) -> list[Found]:
        found = []
        for number in numbers:
            pair, route = self._routes[number]
            try:
                first, second = self.halves(pair.pair, route)
            except BadMessage as problem:
                log.warning("A book of pair %s cannot be read: %s", pair.pair, problem)
                continue
            made = quote(route, first, second, asked=Asked(reserve=pair.reserve), caps=self._caps)
            if made is not None:
                found.append(Found(pair=pair.pair, quote=made))
        return found

    def _column(self, half: int) -> Ints:
        return np.array(
            [self._places[each.halves(route)[half].token] for each, route in self._routes],
            dtype=np.int64,
        )
