"""Replay recorded trades through FLOW 1 on the real database.

The tape brings its own clock, and the clock moves only when everything that is due before has been
done. So the books after a replay depend on the tape alone: not on the speed, not on the number of
workers, and not on how often a process was killed on the way.
"""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.db import transaction

from backtest import recordings
from backtest.database import Database
from backtest.resolutions import Winner
from markets import resolutions
from markets.domain.estimators import Facts, TapeEstimator
from markets.models import Feed, Market
from markets.queries import rows
from markets.resolutions import BadPayout
from risk.domain.breakers import day_start
from trading import orders
from trading.domain.order_state import WORKING, OrderState
from trading.hands import Hands, OwnHands
from trading.models import Order
from trading.sweep import sweep
from venues.types import Side, Trade
from whales import ingest, scoring
from whales.ingest import Moved
from whales.models import Signal, Whale

log = logging.getLogger(__name__)

FLUSH_ROWS = 500
FLUSH_SECONDS = 0.5  # of a paced replay: how often the pages see something new
LOOK_SECONDS = 0.5  # how long orders that a person made may stay unseen
REMIND_SECONDS = 5  # how long work may rest before the sweep does it itself
POLL_SECONDS = 0.01

WORKING_ORDERS = """
SELECT w.id, m.external_id AS market, o.token, w.side, w.limit_price, w.expires_at
  FROM trading_order w
  JOIN markets_outcome o ON o.id = w.outcome_id JOIN markets_market m ON m.id = o.market_id
 WHERE w.state = ANY(%(states)s)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Working:
    """An order that a later print may fill."""

    id: UUID
    market: str
    token: str
    side: str
    limit_price: Decimal
    expires_at: datetime

    def may_fill(self, trade: Trade) -> bool:
        """Tell whether a print is on the order's side and as good as its limit."""
        if (trade.market, trade.token, trade.side) != (self.market, self.token, self.side):
            return False
        if trade.side is Side.BUY:
            return trade.price <= self.limit_price
        return trade.price >= self.limit_price


@dataclass(kw_only=True)
class Replay:
    """One recording on its way through the platform."""

    feed: Feed
    paths: Sequence[Path]
    in_order: bool
    winners: Sequence[Winner]
    hands: Hands = field(default_factory=OwnHands)
    rows_per_second: float | None = None  # None: as fast as it goes
    progress: Callable[[int], None] = lambda rows: None
    stop: Callable[[], bool] = lambda: False

    def __post_init__(self) -> None:
        self._database = Database()
        self._estimator = TapeEstimator()
        self._window = timedelta(seconds=settings.SIGNAL_WINDOW_SECONDS)
        self._buffer: list[Trade] = []
        self._seen: set[int] = set()
        self._followed: set[str] = set()
        self._signal_due: datetime | None = None
        self._waiting = 0  # fills of followed whales that no signal covers yet
        self._order_due: datetime | None = None
        self._working: list[Working] = []
        self._pending_winners = sorted(
            (each for each in self.winners if each.at is not None), key=_winner_key
        )
        self._flushed = self._looked = time.monotonic()

    def run(self) -> None:
        """Replay from where the last run stopped. Returns early when `stop` says so."""
        self._database.prepare()
        self._resume()
        started, begun_at = time.monotonic(), self.feed.position
        for count, trade in enumerate(self._remaining(), start=1):
            if self.stop():
                self._flush()
                return
            self._do_what_is_due(before=trade.at)
            self._see(trade)
            self.progress(1)
            self._keep_pace(count, started)
        self._finish()
        log.info("Read %s of %s rows", self.feed.position - begun_at, self.feed.total)

    def _resume(self) -> None:
        """Do what a crash left undone, and rebuild what only lived in memory."""
        if self.feed.clock_at is not None:
            sweep(now=self.feed.clock_at)
            self._read_working()
            self._poll(self._working, now=self.feed.clock_at)
        for trade in self._past():
            if self._is_new(trade):
                self._estimator.see(trade)
        followed = dict(Whale.objects.filter(follows__isnull=False).values_list("address", "pk"))
        self._followed = set(followed)
        self._ingest = ingest.Ingest(followed=set(followed.values()))
        self._signal_due = ingest.next_signal_due(window=self._window)
        self._waiting = ingest.waiting_fills()
        self._read_working()
        done = set(
            Market.objects.filter(status=Market.Status.RESOLVED).values_list(
                "external_id", flat=True
            )
        )
        self._pending_winners = [each for each in self._pending_winners if each.market not in done]

    def _trades(self) -> Iterator[Trade]:
        return recordings.in_time_order(self.paths, in_order=self.in_order)

    def _past(self) -> Iterable[Trade]:
        trades = self._trades()
        return (next(trades) for _ in range(self.feed.position))

    def _remaining(self) -> Iterable[Trade]:
        trades = self._trades()
        for _ in range(self.feed.position):
            next(trades)
        return trades

    def _is_new(self, trade: Trade) -> bool:
        """Tell whether this is the first time that the tape brings a trade."""
        key = hash((trade.market, trade.token, trade.side, trade.transaction, trade.counter))
        before = len(self._seen)
        self._seen.add(key)
        return len(self._seen) > before

    def _see(self, trade: Trade) -> None:
        self._buffer.append(trade)
        touched: list[Working] = []
        if self._is_new(trade):
            self._estimator.see(trade)
            if trade.wallet in self._followed:
                self._waiting += 1
                self._signal_due = self._signal_due or trade.at + self._window
            touched = [each for each in self._working if each.may_fill(trade)]
        if touched:
            self._flush()
            self._poll(touched, now=trade.at)
            self._read_working()
        paced = self.rows_per_second is not None
        if len(self._buffer) >= FLUSH_ROWS or (
            paced and time.monotonic() - self._flushed >= FLUSH_SECONDS
        ):
            self._flush()

    def _do_what_is_due(self, *, before: datetime | None) -> None:
        """Do everything due before a time, one moment after the other; None means all there is."""
        while not self.stop():
            resolution_due = self._pending_winners[0].at if self._pending_winners else None
            moments = [
                moment
                for moment in (self._signal_due, self._order_due, resolution_due)
                if moment is not None and (before is None or moment < before)
            ]
            if not moments:
                return
            now = min(moments)
            changed = now in (self._order_due, resolution_due)
            if self._signal_due == now:
                changed |= self._copy(now=now)
            else:
                self._flush(clock_at=now)
            if self._order_due == now:
                self._poll((each for each in self._working if each.expires_at <= now), now=now)
            if resolution_due == now:
                self._settle(now=now)
            # Somebody at a page may have made an order too.
            if changed or time.monotonic() - self._looked > LOOK_SECONDS:
                self._read_working()

    def _copy(self, *, now: datetime) -> bool:
        """Copy the signals that are due; returns whether there may be new orders."""
        changed = False
        with transaction.atomic():
            self._flush(clock_at=now)
            signals = ingest.close_signals(now=now, window=self._window, facts=self._facts)
        for signal in signals:
            if not self.feed.assumed:
                scoring.score_once(whale_id=signal.whale_id, as_of=day_start(signal.at))
            changed |= self.hands.copy(signal.pk, now=now)
            self._wait(now=now, signal=signal)
        self._waiting -= sum(signal.fills for signal in signals)
        if self._waiting > 0:
            self._signal_due = ingest.next_signal_due(window=self._window)
        else:
            self._waiting, self._signal_due = 0, None
        return changed

    def _facts(self, market: str, token: str) -> Facts | None:
        assert self.feed.clock_at is not None
        return self._estimator.facts(market=market, token=token, now=self.feed.clock_at)

    def _read_working(self) -> None:
        """Remember which outcomes have orders that a print may fill, and when one runs out."""
        found = rows(WORKING_ORDERS, {"states": [state.value for state in WORKING]})
        self._looked = time.monotonic()
        self._working = [Working(**row) for row in found]
        self._order_due = min((each.expires_at for each in self._working), default=None)

    def _poll(self, working: Iterable[Working], *, now: datetime) -> None:
        orders.poll(order_ids=[each.id for each in working], now=now)

    def _settle(self, *, now: datetime) -> None:
        while self._pending_winners and self._pending_winners[0].at == now:
            self._resolve(self._pending_winners.pop(0), now=now)
        self.hands.settle(now=now)
        self._wait(now=now)

    def _resolve(self, winner: Winner, *, now: datetime) -> None:
        market = Market.objects.filter(external_id=winner.market).first()
        if market is None:
            return  # nobody traded it on this tape
        try:
            payouts = resolutions.winner_takes_all(market=market, winner=winner.winner)
            resolutions.resolve(
                market=market, payouts=payouts, source="resolutions file", resolved_at=now
            )
        except BadPayout as problem:
            log.error("Not settled: %s", problem)

    def _wait(self, *, now: datetime, signal: Signal | None = None) -> None:
        """Wait for the workers; what rests too long is done by the sweep."""
        since = time.monotonic()
        while not self.hands.own and self._is_undone(now, signal):
            if time.monotonic() - since > REMIND_SECONDS:
                log.warning("A worker is late; the sweep does its work")
                sweep(now=now)
                since = time.monotonic()
            time.sleep(POLL_SECONDS)

    def _is_undone(self, now: datetime, signal: Signal | None) -> bool:
        on_the_way = [OrderState.RESERVED, OrderState.PREPARED, OrderState.SENDING]
        undecided = signal is not None and (
            Signal.objects.filter(state=Signal.State.NEW, pk=signal.pk).exists()
        )
        return (
            undecided
            or Order.objects.filter(state__in=on_the_way).exists()
            or Market.objects.filter(
                resolutions__settled_at__isnull=True, resolutions__resolved_at__lte=now
            ).exists()
        )

    def _flush(self, *, clock_at: datetime | None = None) -> None:
        """Store what was read and move the clock, in one statement."""
        at = clock_at or (self._buffer[-1].at if self._buffer else self.feed.clock_at)
        position = self.feed.position + len(self._buffer)
        self._ingest.store(
            self._buffer, moved=Moved(feed=self.feed.pk, position=position, clock_at=at)
        )
        self.feed.position, self.feed.clock_at = position, at
        self._buffer = []
        self._flushed = time.monotonic()
        self._database.grown(position=position)

    def _keep_pace(self, count: int, started: float) -> None:
        if self.rows_per_second is None:
            return
        ahead = count / self.rows_per_second - (time.monotonic() - started)
        while ahead > 0 and not self.stop():
            if time.monotonic() - self._flushed >= FLUSH_SECONDS:
                self._flush()
            time.sleep(min(ahead, 0.2))
            ahead = count / self.rows_per_second - (time.monotonic() - started)

    def _finish(self) -> None:
        self._flush()
        end = self.feed.last_at
        if end is not None:
            rest = [each for each in self.winners if each.at is None]
            late = max([end, *(each.at for each in self._pending_winners if each.at)])
            self._pending_winners += [
                Winner(market=each.market, winner=each.winner, at=late) for each in rest
            ]
        self._do_what_is_due(before=None)
        Feed.objects.filter(pk=self.feed.pk).update(state=Feed.State.DONE)


def _winner_key(winner: Winner) -> tuple[datetime, str]:
    assert winner.at is not None
    return winner.at, winner.market
