"""A living market: games that are scheduled, played and decided, and a house that quotes both
venues around a hidden fair price. The same seed and the same clock give the same event log.
"""

import random
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from sandbox import history, texts
from sandbox.book import Side
from sandbox.crowd import WHALES, Crowd
from sandbox.games import Draft, Game
from sandbox.kalshi import life
from sandbox.kalshi.exchange import Exchange as KalshiExchange
from sandbox.kalshi.exchange import Placing
from sandbox.kalshi.listing import Event, Series, Status
from sandbox.kalshi.listing import Market as KalshiMarket
from sandbox.kalshi.refusals import Refusal
from sandbox.polymarket.exchange import Exchange as PolymarketExchange
from sandbox.polymarket.rows import Order, Refused
from sandbox.teams import LEAGUES, League, Team

ZERO, ONE, CENT = Decimal(0), Decimal(1), Decimal("0.01")
HOUSE = "0x" + "50" * 20  # the wallet, and the member's name, of whoever quotes
VISITOR = "visitor"  # the member who takes what the house quotes on Kalshi
LEVELS = 4
RICH = Decimal(10_000_000)
STEP = timedelta(seconds=1)
FIRST_GAME = timedelta(minutes=8)
BETWEEN_GAMES = timedelta(minutes=4)
GAMES = 6  # listed at any time, before they start or while they are played
NEW_YORK = ZoneInfo("America/New_York")  # whose date both venues give a game
FEE_CHANGES = {"KXNFLGAME": (timedelta(minutes=20), Decimal("0.5"))}  # when, and to what
VISITS = 0.15  # the chance that somebody trades on Kalshi in one step
REQUOTE = 0.35  # the chance that a venue's quotes of a game move in one step
DRIFT = 0.7  # how far one venue may lag behind the other, in cents per step
WALK = 0.1  # how far a fair price moves in one step before the game, in cents
PLAY = 12  # times as far while it is played


class World:
    """Moves both exchanges on, one second after the other."""

    def __init__(
        self,
        *,
        seed: int,
        start: datetime,
        kalshi: KalshiExchange,
        polymarket: PolymarketExchange,
        recalled: Sequence[Draft] = (),
        leagues: Sequence[League] = LEAGUES,
    ) -> None:
        self._draw, self._leagues = random.Random(seed), leagues
        self._ids = random.Random(f"ids {seed} {start.isoformat()}")  # another start, other games
        self._kalshi, self._polymarket = kalshi, polymarket
        self._next = start
        self._count = 0
        self._rest: dict[str, list[Team]] = {}  # who has not played yet, by league
        kalshi.open_member(HOUSE, cash=dict.fromkeys(range(4), RICH))
        kalshi.open_member(VISITOR, cash=dict.fromkeys(range(4), RICH))
        for name in (HOUSE, VISITOR):
            kalshi.members[name].invented = True
        self._visits = random.Random(f"visits {seed}")
        self._house = polymarket.open_wallet(HOUSE, cash=RICH, invented=True)
        polymarket.house = HOUSE
        self.crowd = Crowd(polymarket, seed=seed, whales=WHALES, cash=RICH / 10)
        history.write(polymarket, WHALES, house=self._house, seed=seed, until=start)
        self._start, self._scheduled = start, 0
        self.bends: list[Callable[[datetime], None]] = []  # done at each step
        self.frozen: set[str] = set()  # events whose quotes the house leaves to somebody else
        self.games = [self._list(draft, start) for draft in recalled]
        self.games += [self._schedule(start) for _ in range(GAMES - len(self.games))]
        for name, change in FEE_CHANGES.items():
            at = start + change[0]
            if name in kalshi.series:
                life.announce_fees(kalshi, kalshi.series[name], at=at, multiplier=change[1])
        self.ended: deque[Game] = deque(maxlen=50)  # the latest

    def advance(self, now: datetime) -> None:
        """Do everything up to a time, step by step, so that no speed changes what happens."""
        while self._next <= now:
            at = self._next
            life.expire(self._kalshi, now=at)
            self._polymarket.tick(now=at)
            for game in self.games:
                self._step(game, at)
            self.crowd.step(self.games, at)
            self._visit(at)
            for bend in self.bends:
                bend(at)
            if any(game.over for game in self.games):
                self.ended.extend(game for game in self.games if game.over)
                self.games = [game for game in self.games if not game.over]
                self.games += [self._schedule(at) for _ in range(GAMES - len(self.games))]
            self._next = at + STEP

    def _schedule(self, now: datetime) -> Game:
        """List the next game on both venues: each league in turn, one after the other."""
        league = self._leagues[self._scheduled % len(self._leagues)]
        away, home = self._next_teams(league)
        starts_at = self._start + FIRST_GAME + self._scheduled * BETWEEN_GAMES
        self._scheduled += 1
        draft = Draft(
            league=league,
            away=away,
            home=home,
            starts_at=starts_at,
            date=starts_at.astimezone(NEW_YORK),
            condition=f"0x{self._ids.getrandbits(256):064x}",
            tokens=(str(self._ids.getrandbits(250)), str(self._ids.getrandbits(250))),
            fair=self._draw.uniform(30, 70),
            luck=self._draw.uniform(0, 100),
        )
        while draft.ticker in self._kalshi.events:
            draft = replace(draft, date=draft.date + timedelta(days=1))  # they have played that day
        return self._list(draft, now)

    def _list(self, draft: Draft, now: datetime) -> Game:
        market = draft.market()
        self._polymarket.list_market(market)
        self._house.shares |= dict.fromkeys(draft.tokens, RICH)
        return Game(
            draft=draft,
            fair=draft.fair,
            polymarket=market,
            kalshi=self._list_on_kalshi(draft, now),
            lag={"kalshi": 0.0, "polymarket": 0.0},
        )

    def recall_decided(self, drafts: Iterable[Draft], *, now: datetime) -> None:
        """List games on Kalshi that ended in an earlier run, with what they paid."""
        for draft in drafts:
            if draft.ticker in self._kalshi.events:
                continue
            first = ONE if draft.winner == 0 else ZERO
            sides = self._list_on_kalshi(draft, now)
            for market, value in zip(sides, (first, ONE - first), strict=True):
                life.settle(self._kalshi, market.ticker, value=value, now=now)

    def _next_teams(self, league: League) -> tuple[Team, Team]:
        """Draw two teams; nobody plays twice before everybody has played."""
        rest = self._rest.setdefault(league.name, [])
        if len(rest) < 2:
            rest[:] = self._draw.sample(league.teams, len(league.teams))
        return rest.pop(), rest.pop()

    def _list_on_kalshi(self, draft: Draft, now: datetime) -> tuple[KalshiMarket, KalshiMarket]:
        league = draft.league
        series = self._kalshi.series.get(league.series) or Series(
            ticker=league.series,
            title=f"{league.name} game",
            shard=league.shard,
            sources=(("the Governing League", texts.SITES[league.name]),),
            rulebook=texts.rulebook(league.name),
        )
        event = Event(
            ticker=draft.ticker,
            series=series,
            title=f"{draft.away.city} at {draft.home.city}",
            competition=texts.COMPETITIONS[league.name],
            starts_at=draft.starts_at,
            ends_at=draft.ends_at,
        )
        made = []
        cities = (draft.away.city, draft.home.city)
        for team in (draft.away, draft.home):
            who_wins, more = texts.kalshi(league.name, team.city, cities, draft.date)
            market = KalshiMarket(
                ticker=f"{event.ticker}-{team.code}",
                event=event,
                yes=team.city,
                shard=league.shard,
                opens_at=now,
                closes_at=draft.starts_at + timedelta(hours=48),
                expected_at=draft.starts_at + timedelta(hours=3),
                strike={league.strike: team.target},
                rules_primary=who_wins,
                rules_secondary=more,
            )
            self._kalshi.list_market(market)
            made.append(market)
        return made[0], made[1]

    def _step(self, game: Game, at: datetime) -> None:
        if game.over:
            return
        if at >= game.ends_at:
            self._decide(game, at)
            return
        pace = WALK if at < game.starts_at else PLAY * WALK
        game.fair = min(max(game.fair + self._draw.gauss(0, pace), 3), 97)
        for venue in ("polymarket", "kalshi"):
            game.lag[venue] = 0.9 * game.lag[venue] + self._draw.gauss(0, DRIFT)
            if self._draw.random() < REQUOTE and game.draft.ticker not in self.frozen:
                self._withdraw(game, venue, at)
                self._quote(game, venue, at)

    def _visit(self, at: datetime) -> None:
        """Now and then let somebody take a few contracts on Kalshi, at the price that is there."""
        if self._visits.random() > VISITS or not self.games:
            return
        game = self._visits.choice(self.games)
        market, side = self._visits.choice(game.kalshi), self._visits.choice((Side.BID, Side.ASK))
        price = market.book.best(side.other)
        if price is None or market.status is not Status.ACTIVE:
            return
        asked = Placing(
            ticker=market.ticker,
            side=side,
            count=Decimal(self._visits.randint(1, 60)),
            price=price,
            time_in_force="immediate_or_cancel",
        )
        with suppress(Refusal):
            self._kalshi.place(VISITOR, asked, now=at)

    def _decide(self, game: Game, at: datetime) -> None:
        """End a game: both venues learn who won."""
        game.over = True
        first = ONE if game.winner == 0 else ZERO
        self._polymarket.resolve(game.polymarket.condition, (first, ONE - first), now=at)
        for market, value in zip(game.kalshi, (first, ONE - first), strict=True):
            life.settle(self._kalshi, market.ticker, value=value, now=at)

    def _withdraw(self, game: Game, venue: str, at: datetime) -> None:
        for order_id in game.quotes.pop(venue, []):
            if venue == "polymarket":
                self._polymarket.cancel(HOUSE, order_id, now=at)
                self._polymarket.forget(order_id)
            else:
                member = self._kalshi.members[HOUSE]
                if member.orders[order_id].status == "resting":
                    self._kalshi.cancel(HOUSE, order_id, now=at)
                self._kalshi.forget(HOUSE, order_id)

    def _quote(self, game: Game, venue: str, at: datetime) -> None:
        """Quote the away team a few cents around what this venue believes."""
        believed = game.fair + game.lag[venue]
        half = self._draw.choice((0.5, 1.0, 1.5))
        placed: list[str] = []
        for level in range(LEVELS):
            for buy in (True, False):
                cents = round(believed - half - level if buy else believed + half + level)
                if 1 <= cents <= 99:
                    shares = Decimal(self._draw.randint(2_000, 12_000))
                    price = Decimal(cents) * CENT
                    placed += self._place(game, venue, buy=buy, price=price, shares=shares, at=at)
        game.quotes[venue] = placed

    def _place(
        self, game: Game, venue: str, *, buy: bool, price: Decimal, shares: Decimal, at: datetime
    ) -> list[str]:
        if venue == "kalshi":
            return self._place_on_kalshi(game, buy=buy, price=price, shares=shares, at=at)
        self._count += 1
        order = Order(
            order_id=f"0x{self._count:064x}",
            key=HOUSE,
            wallet=self._house,
            market=game.polymarket,
            token=game.polymarket.tokens[0],
            buy=buy,
            price=price,
            shares=shares,
            created_at=at,
            post_only=True,
        )
        try:
            return [self._polymarket.place(order, now=at).order_id]
        except Refused:
            return []  # somebody's order stands in the way: the house waits

    def _place_on_kalshi(
        self, game: Game, *, buy: bool, price: Decimal, shares: Decimal, at: datetime
    ) -> list[str]:
        """Quote both markets of the game: the home team's is the mirror, in a book of its own."""
        placed = []
        for market, side, own in (
            (game.kalshi[0], Side.BID if buy else Side.ASK, price),
            (game.kalshi[1], Side.ASK if buy else Side.BID, ONE - price),
        ):
            if market.status is not Status.ACTIVE:
                continue
            asked = Placing(
                ticker=market.ticker,
                side=side,
                count=shares,
                price=own,
                time_in_force="good_till_canceled",
                post_only=True,
            )
            try:
                placed.append(self._kalshi.place(HOUSE, asked, now=at).order_id)
            except Refusal:
                continue
        return placed
