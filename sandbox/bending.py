"""Exchanges that bend their own rules as a script says: late reads, lost trades, thin books."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from sandbox.clock import Clock, Skewed
from sandbox.faults import Chosen, Kind, Rule
from sandbox.kalshi import life
from sandbox.kalshi.exchange import Exchange as KalshiExchange
from sandbox.kalshi.exchange import Rules as KalshiRules
from sandbox.polymarket.exchange import Exchange as PolymarketExchange
from sandbox.polymarket.rows import Rules as PolymarketRules


class Bent:
    """What the rules of a script make of both exchanges."""

    def __init__(self, rules: Sequence[Rule], *, seed: int, start: datetime) -> None:
        self._rules, self._seed, self._start = rules, seed, start
        self._paused: set[int] = set()  # rules whose pause has begun, by place

    def kalshi(self) -> KalshiRules:
        lag = self._of("kalshi", Kind.READ_LAG)
        return KalshiRules(
            dedup="open_only" if self._of("kalshi", Kind.DEDUP_OPEN_ONLY) else "burned",
            read_lag=timedelta(seconds=lag[0].seconds if lag else 0),
            partial=self._chosen("kalshi", Kind.PARTIAL_FILL),
        )

    def polymarket(self) -> PolymarketRules:
        delayed = self._of("polymarket", Kind.DELAYED_MATCH)
        return PolymarketRules(
            fails=self._chosen("polymarket", Kind.TRADE_FAILED),
            retries=self._chosen("polymarket", Kind.TRADE_RETRIED),
            partial=self._chosen("polymarket", Kind.PARTIAL_FILL),
            delayed=self._chosen("polymarket", Kind.DELAYED_MATCH),
            delay=timedelta(seconds=delayed[0].seconds if delayed else 0),
        )

    def clock(self, venue: str, clock: Clock) -> Clock:
        """Return the clock of a venue, which may be wrong."""
        skews = self._of(venue, Kind.CLOCK_SKEW)
        return Skewed(clock, timedelta(seconds=skews[0].seconds)) if skews else clock

    def step(
        self, kalshi: KalshiExchange, polymarket: PolymarketExchange, *, now: datetime
    ) -> None:
        """Do what falls due: pauses begin and end, ticks change."""
        elapsed = (now - self._start).total_seconds()
        for place, rule in enumerate(self._rules):
            if rule.kind is Kind.PAUSE:
                self._pause(place, rule, kalshi, polymarket, now=now, on=rule.holds(elapsed))
            elif rule.kind is Kind.TICK_SIZE and rule.holds(elapsed):
                self._change_ticks(polymarket, rule.tick)

    def _pause(
        self,
        place: int,
        rule: Rule,
        kalshi: KalshiExchange,
        polymarket: PolymarketExchange,
        *,
        now: datetime,
        on: bool,
    ) -> None:
        if on == (place in self._paused):
            return
        (self._paused.add if on else self._paused.discard)(place)
        if rule.venue == "polymarket":
            polymarket.paused = on
        elif on:
            life.pause(kalshi, life.SHARDS, now=now)
        else:
            life.resume(kalshi, life.SHARDS)

    def _change_ticks(self, polymarket: PolymarketExchange, tick: Decimal) -> None:
        for market in polymarket.markets.values():
            if market.payout is None:
                market.tick = tick

    def _of(self, venue: str, kind: Kind) -> list[Rule]:
        return [rule for rule in self._rules if (rule.venue, rule.kind) == (venue, kind)]

    def _chosen(self, venue: str, kind: Kind) -> Chosen:
        return Chosen(rules=self._of(venue, kind), seed=self._seed)
