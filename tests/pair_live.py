"""Both sandbox exchanges with their living market, and an account that trades pairs on them.

Everything goes over the exchanges' own protocols, except books: those are looked at directly, so
that a session of many games does not read each of them a thousand times.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from django.core.cache import cache
from django.test import override_settings

from accounts import credentials, kalshi_keys
from accounts.models import Account
from accounts.polymarket_keys import addresses
from accounts.venues import kalshi_public
from markets.models import Feed
from polymix.feeds import sandbox_texts
from risk.models import PairProfile, Purse, RiskProfile
from sandbox.book import Side
from sandbox.exchanges import Sandbox
from sandbox.faults import Kind, Rule
from sandbox.games import Game
from sandbox.kalshi.exchange import Placing
from sandbox.serving import serving
from sandbox.teams import WHOLE_LEAGUES
from sandbox.world import HOUSE
from tests.kalshi_live import HandClock
from tests.world import World
from trading import (
    kalshi_news,
    onboarding_kalshi,
    onboarding_polymarket,
    pair_settlement,
    reconciliation,
    redemption,
    settlement,
)
from trading.models import Fill, Order, PairTrade, Redemption
from trading.pair_watch import PairWatch
from venues import ladders
from venues.kalshi.hours import Hours
from venues.kalshi.parse import split
from venues.polymarket.public import Public
from venues.secrets import Secret
from venues.types import Book, Level

ONE, ZERO = Decimal(1), Decimal(0)
# Real orders are sent within SEND_SECONDS of the clock on the wall: the hand may not fall behind.
AHEAD = timedelta(minutes=10)


@dataclass
class DirectBooks:
    """What both exchanges' books are this very moment."""

    live: "PairLive"
    wanted: set[str] = field(default_factory=set)

    def want(self, *, polymarket, kalshi) -> None:
        self.wanted = {*polymarket, *kalshi}

    def step(self) -> set[str]:
        return set(self.wanted)

    def asks(self, token: str) -> ladders.Rungs:
        book = self.live.book(token)
        return () if book is None else ladders.rungs(book.asks)

    def age(self, token: str) -> float | None:
        return 0.0 if self.live.book(token) is not None else None

    def refresh(self, tokens, *, older_than: float) -> set[str]:
        return set()

    def book_at(self, token: str, at: datetime) -> Book | None:
        return self.live.book(token) if at <= self.live.now else None

    def latest(self) -> dict[str, Book]:
        found = ((token, self.live.book(token)) for token in self.wanted)
        return {token: book for token, book in found if book is not None}


@dataclass(kw_only=True)
class BentWatch(PairWatch):
    """A watch before whose next look at open trades something may happen."""

    before: Callable[[], None] | None = None

    def drive(self) -> None:
        before, self.before = self.before, None
        if before is not None and PairTrade.objects.exists():
            before()
        elif before is not None:
            self.before = before
        super().drive()


@dataclass
class PairLive:
    world: World
    sandbox: Sandbox
    account: Account
    watch: BentWatch
    public: Public
    skipped: set[str] = field(default_factory=set)  # events on which no gap could be made

    @property
    def now(self) -> datetime:
        return self.sandbox.clock.now()

    @property
    def kalshi(self):
        return self.sandbox.kalshi.exchange

    @property
    def polymarket(self):
        return self.sandbox.polymarket.exchange

    def book(self, token: str) -> Book | None:
        if ":" in token:
            ticker, outcome = split(token)
            market = self.kalshi.markets.get(ticker)
            if market is None or market.status.value != "active":
                return None
            bids, asks = market.book.levels(Side.BID), market.book.levels(Side.ASK)
            if outcome == "no":
                bids, asks = _mirror(asks), _mirror(bids)
            return _book(token, bids, asks, at=self.now)
        market = self.polymarket.by_token.get(token)
        if market is None or market.payout is not None:
            return None
        bids, asks = market.ladder(token)
        return _book(token, bids[::-1], asks[::-1], at=self.now)

    def pass_time(self, seconds: float) -> None:
        self.sandbox.clock.move(timedelta(seconds=seconds))
        self.sandbox.world.advance(self.now)

    def match(self) -> None:
        self.watch._match(now=self.now)

    def games(self) -> list[Game]:
        return self.sandbox.world.games

    def trade_only(self, game: Game) -> None:
        """Let the account trade one game alone: the living market has gaps of its own."""
        others = [each.draft.ticker for each in self.games() if each is not game]
        PairProfile.objects.filter(account=self.account).update(excluded=others)

    def make_gap(self, game: Game, *, away: str = "0.40", home: str = "0.50") -> None:
        """Let the away team be offered on Polymarket and the home team on Kalshi, cheaply."""
        world = self.sandbox.world
        self.hold(game)
        for venue in ("polymarket", "kalshi"):
            world._withdraw(game, venue, self.now)
        self.offer_first(game, away)
        self.offer_second(game, home)

    def offer_first(self, game: Game, price: str, shares: str = "90000") -> None:
        world = self.sandbox.world
        game.quotes.setdefault("polymarket", [])
        game.quotes["polymarket"] += world._place(
            game, "polymarket", buy=False, price=Decimal(price), shares=Decimal(shares), at=self.now
        )
        bid = Decimal(price) - Decimal("0.01")
        game.quotes["polymarket"] += world._place(
            game, "polymarket", buy=True, price=bid, shares=Decimal(5000), at=self.now
        )

    def offer_second(self, game: Game, price: str, count: str = "90000") -> None:
        """Offer the home team on Kalshi, in its own market alone."""
        game.quotes.setdefault("kalshi", [])
        for side, at in ((Side.ASK, Decimal(price)), (Side.BID, Decimal(price) - Decimal("0.01"))):
            asked = Placing(
                ticker=game.kalshi[1].ticker,
                side=side,
                count=Decimal(count),
                price=at,
                time_in_force="good_till_canceled",
                post_only=True,
            )
            placed = self.kalshi.place(HOUSE, asked, now=self.now)
            game.quotes["kalshi"].append(placed.order_id)

    def withdraw(self, game: Game, venue: str) -> None:
        self.sandbox.world._withdraw(game, venue, self.now)

    def fail(self, venue: str, kind: Kind, endpoint: str, *, nth: int = 1, status: int = 400):
        """Let a call of an exchange fail from now on, the nth of its kind."""
        rule = Rule(venue=venue, kind=kind, endpoint=endpoint, nth=nth, status=status)
        self.sandbox.failing[venue]._rules.append(rule)

    def hold(self, game: Game) -> None:
        """Let the house leave a game's quotes alone from now on."""
        self.sandbox.world.frozen.add(game.draft.ticker)

    def look(self) -> None:
        """Scan and decide once, not before the wall's time: pages call what is older gone."""
        behind = (datetime.now(UTC) - self.now).total_seconds()
        if behind > 0:
            self.pass_time(behind)
        self.watch._changed |= self.watch.books.step()
        self.watch._scan(now=self.now)

    def drive(self, *, seconds: float = 1.0, most: int = 400, until: Callable[[], bool]) -> None:
        """Let time pass and the coordinator work until something holds."""
        for _ in range(most):
            self.watch.drive()
            if until():
                return
            self.pass_time(seconds)
            reconciliation.doubt_lost_senders(now=self.now)
        told = Order.objects.values_list("role", "state", "events__sentence")
        raise AssertionError(f"still {[str(each) for each in PairTrade.objects.all()]}: {[*told]}")

    def finish(self, game: Game) -> None:
        """End a game now, as it stands, and settle what was traded on it."""
        self.sandbox.world._decide(game, self.now)
        self.pass_time(1)
        self.settle()

    def settle(self) -> None:
        for _ in range(40):
            # Again each time, as the watcher does: a venue may not answer a look.
            pair_settlement.read_ends(self.public, kalshi_public(), now=self.now)
            self.take_payouts()
            settlement.settle_due(now=self.now)
            pair_settlement.settle(now=self.now)
            if not PairTrade.objects.filter(settled_at=None).exclude(state="ABORTED").exists():
                return
            self.pass_time(10)

    def take_payouts(self) -> None:
        """Do what the keepers of real accounts do: redeem on the chain, read what Kalshi paid."""
        if self.account.is_paper:
            return
        order_ids = reconciliation.to_ask(now=self.now)
        reconciliation.reconcile(order_ids=order_ids, now=self.now)
        kalshi_news.take(credentials.of(self.account, "kalshi"), now=self.now)
        wallet = credentials.of(self.account, "polymarket").address
        for row in Redemption.objects.filter(done_at=None).select_related("market"):
            # Somebody else pressed the button: a chain that stands still confirms nothing.
            self.polymarket.redeem(wallet, row.market.external_id, now=self.now)
        redemption.redeem_due(now=self.now)

    def trade(self) -> PairTrade:
        return PairTrade.objects.latest("created_at")

    def judge(self) -> None:
        """Compare our books with both exchanges' own: I1, I2, I3, I5."""
        ours = Fill.objects.filter(account=self.account).exclude(settlement="FAILED")
        said = self.sandbox.oracle.judge(
            fills=[
                (
                    each.order.venue_order_id
                    if each.order.venue == "polymarket"
                    else each.order.reference,
                    each.venue_fill_id.partition(":")[0],
                    each.shares,
                )
                for each in ours.select_related("order")
            ],
            intents={
                str(order.pk): [order.venue_order_id, str(order.pk)]
                for order in Order.objects.filter(account=self.account)
            },
        )
        mine = {
            *Order.objects.filter(account=self.account).values_list("venue_order_id", flat=True),
            *Order.objects.filter(account=self.account).values_list("reference", flat=True),
            credentials.of(self.account, "polymarket").address,
            "user-1",
        } - {""}
        wrong = [
            each for found in said.values() for each in found if any(name in each for name in mine)
        ]
        assert wrong == []
        member = self.kalshi.members["user-1"]
        booked = {
            each.shard: each.cash
            for each in Purse.objects.filter(account=self.account, venue="kalshi")
        }
        assert {shard: cash for shard, cash in member.cash.items()} == booked


def _mirror(levels):
    return [(ONE - price, size) for price, size in reversed(levels)]


def _book(token, bids, asks, *, at) -> Book:
    def of(levels):
        return tuple(Level(price=price, shares=size) for price, size in levels)

    return Book(
        token=token,
        bids=of(sorted(bids, key=lambda level: -level[0])),
        asks=of(sorted(asks, key=lambda level: level[0])),
        at=at,
    )


def settings_for(polymarket: str, kalshi: str) -> dict[str, object]:
    known = sandbox_texts()
    texts = {
        name: {part.partition("=")[0]: (part.partition("=")[2],) for part in known[name].split(",")}
        for name in known
    }
    return {
        **{f"POLYMARKET_{name}_URL": polymarket for name in ("CLOB", "GAMMA", "DATA", "RELAYER")},
        "POLYMARKET_GEOBLOCK_URL": "",
        "POLYMARKET_WS_URL": polymarket.replace("http", "ws"),
        "POLYGON_RPC_URL": f"{polymarket}/rpc",
        "POLYMARKET_PER_SECOND": 0,
        "POLYMARKET_PER_MINUTE": 0,
        "KALSHI_URL": f"{kalshi}/trade-api/v2",
        "KALSHI_WS_URL": f"{kalshi.replace('http', 'ws')}/trade-api/ws/v2",
        "KALSHI_SERIES": ["KXNBAGAME", "KXNFLGAME", "KXNHLGAME"],
        "VENUE_RETRY_SECONDS": 0.01,
        "VENUE_TIMEOUT_SECONDS": 0.5,
        "LIVE_TRADING": True,
        **texts,
    }


@contextmanager
def pair_live(
    *, mode: str = "LIVE", rules: Sequence[Rule] = (), seed: int = 7
) -> Iterator[PairLive]:
    """Serve both exchanges and open one account that trades standard pairs on them."""
    now = datetime.now(UTC).replace(microsecond=0)
    if mode != "PAPER":
        now += AHEAD
    script = list(rules)
    made = Sandbox(
        seed=seed, start=now, speed=0, rules=script, clock=HandClock(now), leagues=WHOLE_LEAGUES
    )
    apps = made.apps()
    with (
        serving(apps["polymarket"]) as polymarket,
        serving(apps["kalshi"]) as kalshi,
        # More matches fail here than any chain would let.
        override_settings(SETTLEMENT_FAILURES=10**6, **settings_for(polymarket, kalshi)),
    ):
        cache.clear()
        kalshi_keys.clock_of.cache_clear()
        kalshi_keys.keep_hours(Hours(weekly=()), "production")
        world = World(now=now, starting_balance=Decimal(10_000))
        account = _open(world, mode=mode, now=now)
        with Public(addresses()) as public:
            live = PairLive(world, made, account, None, public)
            live.watch = BentWatch(
                polymarket=public,
                kalshi=kalshi_public(),
                books=DirectBooks(live),
                now=lambda: live.now,
                holder="test",
            )
            if mode != "PAPER":
                _enter_keys(live)
            yield live
    cache.clear()


def _open(world: World, *, mode: str, now: datetime) -> Account:
    """Open the account that trades standard pairs, and no other one, within wide limits."""
    start = Decimal(10_000) if mode == "PAPER" else ZERO
    account = world.open("Pairs", mode=mode, starting_balance=start)
    PairProfile.objects.update(leagues=[])
    PairProfile.objects.filter(account=account).update(
        leagues=["NBA", "NFL", "NHL"],
        accept_standard=["NBA", "NHL"],
        min_lifetime=0,
        max_worst_loss=500,
        quiet_seconds=0,
        fok_multiple=1_000,  # of what is offered here: a first leg may be matched in part
    )
    RiskProfile.objects.filter(account=account).update(
        max_daily_pairs=10_000,
        daily_loss_limit=100_000,
        hourly_loss_limit=100_000,
        max_consecutive_losses=100_000,
    )
    Feed.objects.create(
        key="sandbox",
        kind="SANDBOX",
        name="sandbox",
        started_at=now,
        seen_at=now,
        accounts=[str(account.pk)],
    )
    return account


def _enter_keys(live: PairLive) -> None:
    user = live.sandbox.users[0]
    # Enough for a long session: the legs of one venue lose many times in a row.
    live.polymarket.wallets[user.wallet].cash = Decimal(200_000)
    live.kalshi.members[user.name].cash.update(dict.fromkeys(range(4), Decimal(50_000)))
    onboarding_polymarket.enter(
        account=live.account,
        private_key=Secret(user.wallet_key),
        funder=user.wallet,
        now=live.now,
    )
    onboarding_polymarket.allow(account=live.account, by="ana", now=live.now)
    onboarding_polymarket.prove(account=live.account, with_trial=False, now=live.now)
    onboarding_kalshi.enter(
        account=live.account,
        key_id=user.kalshi_key_id,
        pem=Secret(user.kalshi_key),
        environment="production",
        now=live.now,
    )
    onboarding_kalshi.prove(account=live.account, with_trial=False, now=live.now)
