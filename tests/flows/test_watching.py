"""The watch: whales found on the leaderboard of the sandbox, copied as they trade, and settled."""

from datetime import timedelta

import pytest
from django.db.models import Count

from accounts.models import User
from backtest import demo
from markets.models import Feed, Market, Resolution
from sandbox.exchanges import Sandbox
from sandbox.games import GAME
from sandbox.polymarket.rows import Settlement
from sandbox.serving import serving
from sandbox.world import FIRST_GAME
from tests.world import assert_invariants
from trading.models import Decision, Fill, Order, Position
from trading.watching import Watch
from venues.errors import Unreadable
from venues.polymarket.public import Addresses, Public
from whales.discovery import discover
from whales.models import Follow, Signal, WhaleTrade


class Life:
    """A sandbox, an account's owner, and a watch that moves with the sandbox's clock."""

    def __init__(self, url: str, made: Sandbox) -> None:
        self.made = made
        self.public = Public(Addresses(clob=url, gamma=url, data=url))
        now = made.clock.now()
        self.feed = Feed.objects.create(
            key="sandbox", kind=Feed.Kind.SANDBOX, name="sandbox", started_at=now, seen_at=now
        )
        owner = User.objects.create_user("ana", password="not-a-secret-2026")
        self.accounts = demo.ensure_accounts(feed=self.feed, owner=owner, now=now)
        self.found = discover(self.public, now=now)
        demo.follow_best(accounts=self.feed.accounts, candidates=self.found, now=now)
        self.watch = self.new_watch()

    def new_watch(self) -> Watch:
        feed = Feed.objects.get(key="sandbox")
        return Watch(feed=feed, public=self.public, now=self.made.clock.now)

    def live(self, seconds: int, *, step: int = 1) -> None:
        for _ in range(0, seconds, step):
            self.made.clock.move(timedelta(seconds=step))
            self.made.world.advance(self.made.clock.now())
            self.watch.step()


@pytest.fixture
def life(transactional_db, now):
    made = Sandbox(seed=1, start=now, speed=0)
    with serving(made.apps()["polymarket"]) as url:
        yield Life(url, made)


def test_skill_earns_the_score_and_luck_does_not(life):
    scores = {each.name: each.score for each in life.found}

    assert len(scores) == 10
    assert scores["steady-heron"] > 70
    assert scores["coin-tosser"] < 40
    assert life.found[0].score == max(scores.values())
    assert Resolution.objects.count() == Market.objects.count()  # nothing of the past is open
    assert not Signal.objects.exists()  # and nothing of it is copied


def test_the_default_profile_copies_within_two_minutes_and_the_books_hold(life):
    life.live(120)

    copied = Decision.objects.filter(account__name="Default", reason="COPIED")
    assert copied.exists()
    assert not Decision.objects.filter(assumed=True).exists()
    assert Fill.objects.exists()
    for order in Order.objects.filter(filled_shares__gt=0):
        assert order.filled_cost / order.filled_shares <= order.limit_price
    assert Position.objects.filter(outcome__bid__isnull=False).exists()  # marked at a real bid
    assert_invariants()


def test_what_was_held_when_a_game_ended_is_settled_as_the_exchange_says(life):
    life.live(100)
    held = set(Position.objects.values_list("outcome__market__external_id", flat=True))
    assert held
    exchange = life.made.polymarket.exchange
    for condition in held:
        exchange.resolve(condition, (1, 0), now=life.made.clock.now())
    life.live(20)

    assert not Position.objects.filter(
        closed_at__isnull=True, outcome__market__external_id__in=held
    ).exists()
    for resolution in Resolution.objects.filter(market__external_id__in=held):
        first, second = exchange.markets[resolution.market.external_id].tokens
        assert resolution.payouts == {first: "1", second: "0"}
    assert_invariants()


def test_a_watch_that_was_killed_goes_on_and_doubles_nothing(life):
    life.live(40)
    life.made.clock.move(timedelta(seconds=30))  # nobody watches, the whales trade on
    life.made.world.advance(life.made.clock.now())
    life.watch = life.new_watch()
    life.live(20)

    per_trade = Decision.objects.values("account", "signal__trades").annotate(n=Count("id"))
    assert not per_trade.filter(n__gt=1, signal__trades__isnull=False).exists()
    stored = set(WhaleTrade.objects.values_list("transaction", flat=True))
    whales = {each.address for each in life.found[:5]}
    done = [
        trade
        for trade in life.made.polymarket.exchange.trades
        if trade.taker.order.wallet.address in whales and trade.status is Settlement.CONFIRMED
    ]
    assert {trade.transaction for trade in done} <= stored
    assert_invariants()


def test_a_trade_that_is_too_old_when_it_is_seen_is_not_copied(life):
    life.made.clock.move(timedelta(seconds=100))
    life.made.world.advance(life.made.clock.now())
    life.live(5)

    late = Decision.objects.filter(signal__at__lt=life.made.clock.now() - timedelta(seconds=60))
    assert late.exists()
    assert set(late.values_list("reason", flat=True)) == {"SIGNAL_OLD"}


def test_a_venue_that_does_not_answer_is_an_error_of_reading_only(life):
    life.live(5)
    before = Feed.objects.get(key="sandbox").clock_at
    nobody = "http://127.0.0.1:9"
    life.watch.public = Public(Addresses(clob=nobody, gamma=nobody, data=nobody))
    with pytest.raises(Unreadable, match=r"127\.0\.0\.1:9"):
        life.watch.step()

    assert Feed.objects.get(key="sandbox").clock_at == before
    assert_invariants()


def test_games_end_by_themselves_and_their_markets_resolve(life):
    life.live(60)
    life.made.clock.move(FIRST_GAME + GAME - timedelta(seconds=70))
    life.made.world.advance(life.made.clock.now())
    life.live(80, step=10)

    exchange = life.made.polymarket.exchange
    ended = {game.polymarket.condition for game in life.made.world.ended}
    found = Market.objects.filter(external_id__in=ended)
    assert found
    assert {market.status for market in found} == {Market.Status.RESOLVED}
    assert all(exchange.markets[market.external_id].payout is not None for market in found)
    assert_invariants()


class Spoken:
    """A push that says what a test puts into it."""

    def __init__(self) -> None:
        self.is_live = True
        self.trades = []
        self.wanted = set()

    def want(self, wallets):
        self.wanted = set(wallets)

    def take(self):
        found, self.trades = self.trades, []
        return found


def test_a_trade_that_both_the_push_and_the_data_api_bring_is_stored_once(life):
    life.watch.push = Spoken()
    life.live(1)
    asked = []
    read = life.public.trades

    def counted(wallet, *, since=None):
        asked.append(wallet)
        return read(wallet, since=since)

    life.public.trades = counted
    told = 0
    for _ in range(40):
        life.made.clock.move(timedelta(seconds=1))
        life.made.world.advance(life.made.clock.now())
        for wallet in life.watch.push.wanted:
            since = life.made.clock.now() - timedelta(seconds=5)
            life.watch.push.trades += read(wallet, since=since)  # again and again
        told += len(life.watch.push.trades)
        life.watch.step()

    stored = WhaleTrade.objects.filter(at__gt=life.made.world._start)
    assert told > stored.count() > 0
    assert not stored.values("transaction").annotate(n=Count("id")).filter(n__gt=1).exists()
    assert 0 < len(asked) <= 2 * len(life.watch.push.wanted)  # reconciled, not polled
    life.watch.push.is_live = False
    before = len(asked)
    life.live(3)
    assert len(asked) == before + 3 * len(life.watch.push.wanted)  # down: every step reads
    assert_invariants()


def failing(read, *, names, times=10**9):
    """Let a read fail for some names, some times."""
    left = [times]

    def maybe(name, **options):
        if name in names and left[0] > 0:
            left[0] -= 1
            raise Unreadable(f"{name} cannot be read")
        return read(name, **options)

    return maybe


def test_one_book_that_cannot_be_read_stops_nothing_else(life):
    life.live(90, step=3)
    held = Position.objects.filter(closed_at__isnull=True).first()
    token = held.outcome.token
    life.public.book = failing(life.public.book, names={token})
    before, seen = Decision.objects.count(), Feed.objects.get(key="sandbox").seen_at
    life.live(120, step=3)

    assert Decision.objects.count() > before  # signals are decided
    assert Order.objects.filter(filled_shares__gt=0, created_at__gt=seen).exists()  # and filled
    assert Feed.objects.get(key="sandbox").seen_at == seen  # and the page says that it is late
    blind = Decision.objects.filter(outcome__token=token, at__gt=seen)
    assert set(blind.values_list("reason", flat=True)) <= {"FACTS_MISSING", "DUPLICATE"}
    assert_invariants()


def test_one_wallet_that_cannot_be_read_keeps_the_others_going(life):
    (lost,) = [each for each in life.found if each.name == "steady-heron"]
    now = life.made.clock.now()
    life.public.trades = failing(life.public.trades, names={lost.address})
    life.live(100, step=4)

    stored = WhaleTrade.objects.filter(at__gt=now)
    assert stored.exists()
    assert not stored.filter(whale_id=lost.whale_id).exists()
    assert (Feed.objects.get(key="sandbox").clock_at or now) <= now  # a restart reads it again
    life.public.trades = type(life.public).trades.__get__(life.public)
    life.live(180, step=4)
    assert WhaleTrade.objects.filter(at__gt=now, whale_id=lost.whale_id).exists()
    assert_invariants()


def test_a_pushed_trade_is_kept_though_the_read_after_it_fails(life):
    life.watch.push = Spoken()
    life.live(1)
    address = life.found[0].address
    for _ in range(200):
        life.made.clock.move(timedelta(seconds=1))
        life.made.world.advance(life.made.clock.now())
        since = life.made.clock.now() - timedelta(seconds=3)
        life.watch.push.trades = life.public.trades(address, since=since)
        if life.watch.push.trades:
            break
    told = life.watch.push.trades[0]
    nobody = "http://127.0.0.1:9"
    life.watch.public = Public(Addresses(clob=nobody, gamma=nobody, data=nobody))
    life.watch.push.is_live = False  # it went down just now: everything is read again, in vain
    with pytest.raises(Unreadable):
        life.watch.step()

    assert WhaleTrade.objects.filter(transaction=told.transaction).exists()


def test_a_paused_follow_is_watched_while_its_copies_are_held(life):
    life.live(100, step=4)
    held = Order.objects.filter(outcome__positions__closed_at__isnull=True).first()
    Follow.objects.update(paused=True)
    watched = life.watch._watched()

    assert held.whale.address in watched
    assert len(watched) < len(life.found)


def test_another_result_after_the_payment_is_told_and_changes_nothing(life, caplog):
    life.live(100)
    position = Position.objects.filter(closed_at__isnull=True).first()
    condition = position.outcome.market.external_id
    exchange = life.made.polymarket.exchange
    exchange.resolve(condition, (1, 0), now=life.made.clock.now())
    life.live(20)
    paid = Resolution.objects.get(market__external_id=condition)
    exchange.markets[condition].payout = (0, 1)
    life.live(100, step=10)

    assert paid.settled_at is not None
    assert Resolution.objects.get(market__external_id=condition).payouts == paid.payouts
    assert sum("needs a person" in record.message for record in caplog.records) == 1
    assert_invariants()
