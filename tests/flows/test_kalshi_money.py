"""What could lose, double or invent money on Kalshi, though every single order is right."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.test import override_settings

from accounts import credentials, kalshi_keys
from accounts.credentials import KeyTaken
from accounts.models import Account
from accounts.venues import kalshi_of, kalshi_public
from markets import kalshi_catalogue
from markets.models import Market, Outcome, Resolution
from notifications.models import Event
from risk.models import Purse, Reservation, RiskState
from sandbox.faults import Kind, Rule
from sandbox.kalshi import life
from sandbox.kalshi.exchange import Rules
from sandbox.serving import serving
from tests.kalshi_live import PEM, KalshiLive, kalshi_live, to
from tests.sandbox.kalshi_world import AWAY, HOME, RSA_KEY, SHARD, KalshiWorld, public_pem
from tests.venues.kalshi import YES
from tests.world import FACTS, assert_invariants, trade
from tests.yes import yes_to_sale
from trading import (
    kalshi_news,
    onboarding,
    onboarding_kalshi,
    orders,
    portfolio,
    sending,
    settlement,
    stopping,
)
from trading.closing import CannotClose, close_position
from trading.keeping import Keeper
from trading.models import Order, Position
from trading.onboarding import NotAllowed
from venues.errors import Unreadable
from venues.kalshi import markets
from venues.kalshi.hours import THURSDAY
from venues.kalshi.portfolio import Portfolio
from venues.kalshi.reports import balance
from venues.reading import BadMessage
from venues.secrets import Secret
from venues.types import Side
from whales.models import Follow

D = Decimal


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def live(transactional_db, now):
    with kalshi_live(now) as made:
        yield made


def take(live: KalshiLive, account: Account | None = None) -> None:
    kalshi_news.take(credentials.of(account or live.account, "kalshi"), now=live.now)


def lag(live: KalshiLive, seconds: float) -> None:
    live.venue.exchange.rules = Rules(maintenance=False, read_lag=timedelta(seconds=seconds))


class TestSilence:
    def test_an_order_that_rests_is_not_declared_over_while_reads_lag(self, live):
        lag(live, 4)
        order = live.place("0.55", "20")
        assert order.state == "LIVE"

        for _ in range(4):
            live.venue.clock.move(timedelta(seconds=3.6))
            live.reconcile()

        assert live.order().state == "LIVE"
        assert RiskState.objects.get(account=live.account).reserved > 0

    def test_reads_that_lag_by_as_much_as_two_looks_are_apart_prove_nothing(self, live):
        lag(live, 11)

        assert not kalshi_of(credentials.of(live.account, "kalshi")).is_healthy()

    def test_a_shard_that_is_down_says_nothing_of_its_orders(self, live):
        client = kalshi_of(credentials.of(live.account, "kalshi"))
        order = live.place("0.55", "20")
        request = orders.request_for(order)
        assert client.is_healthy([request])

        live.venue.exchange.down.add(SHARD)

        assert not client.is_healthy([request])
        assert client.is_healthy()

    def test_more_claimed_than_any_fill_tells_goes_to_a_person(self, live):
        order = live.place("0.55", "20")
        Order.objects.filter(pk=order.pk).update(claimed_shares=8, state="CANCEL_PENDING")
        live.venue.exchange.cancel("alice", order.reference, now=live.now)

        live.reconcile(live.now + timedelta(minutes=50))
        assert live.order().state == "CANCEL_PENDING"
        assert Event.objects.filter(kind="fills_missing").count() == 1
        live.reconcile(live.now + timedelta(minutes=66))

        assert live.order().state == "MANUAL"
        assert Event.objects.filter(kind="order_manual", level="ACT").count() == 1

    def test_an_order_that_was_made_smaller_by_hand_and_cancelled_is_over(self, live):
        order = live.place("0.55", "20")
        live.venue.exchange.decrease("alice", order.reference, by=D(15), to=None, now=live.now)

        orders.cancel(order_id=order.pk, by="ana", now=live.now)

        assert live.order().state == "CANCELED"
        assert RiskState.objects.get(account=live.account).reserved == 0


class TestSalesOfWhatIsGone:
    def resting_sale(self, live: KalshiLive) -> Order:
        """Hold 20 YES, let a sale of them rest, and let them meet 20 NO."""
        live.offer("0.53", "20.00")
        live.place("0.55", "20")
        sale = live.place("0.90", "20", side=Side.SELL)
        live.offer("0.60", "20.00", side="bid")
        live.place("0.41", "20", token=f"{HOME}:no")
        assert not Position.objects.filter(closed_at__isnull=True).exists()
        return live.order(sale.pk)

    def test_a_sale_that_nothing_covers_any_more_is_taken_back(self, live):
        sale = self.resting_sale(live)
        assert sale.state == "LIVE"

        stopping.cancel_uncovered(now=live.now)

        assert live.order(sale.pk).state == "CANCELED"
        assert live.member.resting() == []
        assert stopping.cancel_uncovered(now=live.now) == []
        live.judge()
        assert_invariants()

    def test_a_sale_that_is_covered_stays(self, live):
        live.offer("0.53", "20.00")
        live.place("0.55", "20")
        live.place("0.90", "20", side=Side.SELL)

        assert stopping.cancel_uncovered(now=live.now) == []

    def test_what_it_took_before_is_booked_though_all_cash_is_held(self, live):
        sale = self.resting_sale(live)
        state = RiskState.objects.get(account=live.account)
        RiskState.objects.filter(pk=state.pk).update(reserved=state.cash)
        live.offer("0.90", "20.00", side="bid")

        live.reconcile()

        assert live.order(sale.pk).state == "FILLED"
        (left,) = Position.objects.filter(closed_at__isnull=True)
        assert (left.outcome.token, left.shares) == (f"{HOME}:no", 20)
        assert RiskState.objects.get(pk=state.pk).is_strained
        assert Event.objects.filter(kind="cash_short", level="ACT").count() == 1
        live.judge()
        RiskState.objects.filter(pk=state.pk).update(reserved=0)
        denied = live.place("0.55", "1")
        assert "took more than was free" in denied.reason


class TestTwoPlaces:
    def test_play_money_tells_nothing_of_real_games(self, live, now):
        """Demo and production have games of the same names; only one of them is real."""
        held = live.place("0.55", "20")
        demo = KalshiWorld(Rules(maintenance=False), clock=live.venue.clock)
        demo.kalshi.keys.add(key_id="key-play", user_id="alice", public_pem=public_pem(RSA_KEY))
        with serving(demo.app) as url:
            places = to(url)
            with override_settings(
                KALSHI_DEMO_URL=places["KALSHI_URL"], KALSHI_DEMO_WS_URL=places["KALSHI_WS_URL"]
            ):
                play = live.world.open("Play", mode="LIVE", starting_balance=D(0))
                live.enter(play, name="play", environment="demo")
                onboarding_kalshi.prove(account=play, with_trial=False, now=live.now)
                demo.order("bob", "ask", "0.20", "10.00")
                live.place("0.20", "10", account=play)
                assert demo.exchange.members["alice"].positions[HOME].count == 10

                life.settle(demo.exchange, HOME, value=D(0), now=live.now)
                take(live, play)

                assert not Resolution.objects.exists()
                assert Market.objects.get(external_id=HOME).status == "OPEN"
                assert Outcome.objects.get(token=YES).payout is None
                assert Order.objects.get(pk=held.pk).state == "LIVE"
                paid = Position.objects.get(account=play)
                assert (paid.shares, paid.realised) == (0, -paid.bought_cost)
                assert_invariants()

    def test_a_real_result_does_not_pay_play_money(self, live):
        live.offer("0.53")
        live.place("0.55", "20")
        live.account.credentials.update(environment="demo")
        life.settle(live.venue.exchange, HOME, value=D(1), now=live.now)
        kalshi_catalogue.record_ends(kalshi_public(), now=live.now)
        settlement.settle_due(now=live.now)

        assert Position.objects.get().shares == 20

    def test_what_lies_at_the_other_venue_is_not_sized_with_and_its_holds_do_not_count(self, live):
        live.place("0.55", "100")
        held = Reservation.objects.get(state="HELD").amount
        Purse.objects.create(account=live.account, venue="polymarket", cash=200)
        RiskState.objects.filter(account=live.account).update(cash=1300)
        Follow.objects.all().delete()
        live.world.follow(live.account)

        signal = live.world.signal(trade(at=live.now), facts=FACTS)
        (found,) = portfolio.gather(signal_id=signal.pk, now=signal.due_at).situations

        assert held > 0
        assert found.free_cash == 200
        assert found.equity == 1300


class TestSettlements:
    def test_one_that_cannot_be_booked_stops_no_other(self, live, caplog):
        live.offer("0.53")
        live.place("0.55", "20")
        other = f"{AWAY}:yes"
        live.venue.order("bob", "ask", "0.40", "10.00", ticker=AWAY)
        live.place("0.40", "10", token=other)
        market = Market.objects.get(external_id=HOME)
        Resolution.objects.create(
            market=market,
            payouts={YES: "0", f"{HOME}:no": "1"},
            source="earlier",
            resolved_at=live.now,
            settled_at=live.now,
        )
        for ticker in (HOME, AWAY):
            life.settle(live.venue.exchange, ticker, value=D(1), now=live.now)

        take(live)

        assert Position.objects.get(outcome__token=other).shares == 0
        assert "needs a person" in caplog.text

    def test_a_row_that_cannot_be_read_stops_no_other(self, live):
        live.offer("0.53")
        live.place("0.55", "20")
        life.settle(live.venue.exchange, HOME, value=D(1), now=live.now)
        (good,) = live.venue.call("alice", "GET", "/portfolio/settlements").json()["settlements"]

        class Calls:
            def pages(self, *asked, **options):
                return [{**good, "market_result": ""}, good]

        (found,) = Portfolio(Calls()).settlements()

        assert found.ticker == HOME

    def test_one_that_is_amended_is_told(self, live):
        live.offer("0.53")
        live.place("0.55", "20")
        life.settle(live.venue.exchange, HOME, value=D(1), now=live.now)
        take(live)
        live.member.settlements[0]["revenue"] = D(0)

        take(live)
        take(live)

        assert Event.objects.filter(kind="settlement_conflict", level="ACT").count() == 1


class TestKeys:
    def test_a_key_that_was_replaced_at_kalshi_can_be_replaced_here(self, live):
        live.offer("0.53")
        live.place("0.55", "20")
        self.rotate(live)

        live.enter(name="new")

        credential = credentials.of(live.account, "kalshi")
        assert (credential.signer, credential.address) == ("key-new", "key-alice")
        second = live.world.open("Second", mode="LIVE", starting_balance=D(0))
        with pytest.raises(KeyTaken):
            live.enter(second, name="new")

    def test_money_that_was_traded_here_is_known_again_by_its_orders(self, live):
        live.offer("0.53")
        live.place("0.55", "20")
        self.rotate(live)
        second = live.world.open("Second", mode="LIVE", starting_balance=D(0))

        with pytest.raises(KeyTaken):
            live.enter(second, name="new")

    def test_going_back_to_an_older_account_is_refused_while_the_newer_has_anything_open(
        self, live
    ):
        live.offer("0.53", "20.00")
        live.place("0.55", "20")
        live.venue.order("alice", "ask", "0.53", "20.00")
        Position.objects.update(closed_at=live.now, shares=0, cost=0, confirmed_shares=0)
        live.enter(name="bob")
        onboarding_kalshi.prove(account=live.account, with_trial=False, now=live.now)
        assert credentials.of(live.account, "kalshi").address == "key-bob"
        live.intend("0.30", "5")

        with pytest.raises(NotAllowed, match="open"):
            live.enter(name="alice")

    def rotate(self, live: KalshiLive) -> None:
        """Delete the key at Kalshi, and make another one of the same account there."""
        keys = live.venue.kalshi.keys
        keys._keys.pop("key-alice")
        keys.add(key_id="key-new", user_id="alice", public_pem=public_pem(RSA_KEY))

    def test_a_key_with_capitals_can_be_asked_with(self, live):
        live.venue.kalshi.keys.add(
            key_id="Key-Bob-2", user_id="bob", public_pem=public_pem(RSA_KEY)
        )
        second = live.world.open("Second", mode="LIVE", starting_balance=D(0))
        onboarding_kalshi.enter(
            account=second, key_id="Key-Bob-2", pem=pem(), environment="production", now=live.now
        )
        onboarding_kalshi.prove(account=second, with_trial=False, now=live.now)
        live.venue.order("alice", "ask", "0.53", "20.00")
        live.faults._rules.append(
            Rule(
                venue="kalshi",
                endpoint="POST /portfolio/events/orders",
                kind=Kind.ACCEPT_THEN_CLOSE,
                nth=1,
            )
        )
        live.place("0.55", "20", account=second)

        live.reconcile()

        assert live.order().state == "FILLED"

    def test_a_key_stays_while_an_order_of_it_waits_to_be_sent(self, live):
        live.intend()

        with pytest.raises(NotAllowed, match="1 orders"):
            onboarding.forget(account=live.account, venue="kalshi", by="ana", now=live.now)

    def test_a_key_that_is_refused_is_told_once(self, live):
        self.rotate(live)
        keeper = Keeper(now=lambda: live.now, listen=lambda credential: Silent())

        for _ in range(2):
            keeper.step()
            keeper._news.clear()

        (told,) = Event.objects.filter(kind="key_refused")
        assert told.level == "ACT"
        assert "does not know this Key ID" in told.sentence

    def test_a_restricted_key_without_a_breakdown_is_no_key_for_us(self):
        with pytest.raises(BadMessage, match="subaccount"):
            balance({"balance_dollars": "10.0000"})

    def test_figures_older_than_the_last_trade_are_not_taken_for_a_deposit(self, live):
        live.offer("0.53")
        live.place("0.55", "20")
        cash = RiskState.objects.get(account=live.account).cash
        lag(live, 4)
        live.member.cash[SHARD] += D(11)  # as a balance that has not heard of the fill

        steps = live.prove()

        assert not steps["figures"].ok
        assert RiskState.objects.get(account=live.account).cash == cash
        assert credentials.of(live.account, "kalshi").verified_at is not None

    def test_a_trial_order_is_taken_back_though_reads_lag(self, live):
        Outcome.objects.update(last_price=D("0.53"), last_at=live.now)
        lag(live, 2)

        live.prove(with_trial=True)

        assert live.posts() == 1
        assert live.member.resting() == []

    def test_a_trial_order_goes_where_cash_is_and_its_failure_unproves_nothing(self, live):
        Outcome.objects.update(last_price=D("0.53"), last_at=live.now)
        live.member.cash[SHARD] = D(0)

        steps = live.prove(with_trial=True)

        assert "No market is known" in steps["no trial order"].says
        assert live.posts() == 0
        assert credentials.of(live.account, "kalshi").verified_at is not None


class Silent:
    is_live = False

    def start(self) -> None:
        return

    def close(self) -> None:
        return

    def take(self) -> list:
        return []


def pem():
    return Secret(PEM)


class TestFeesAndTerms:
    def test_nothing_is_bought_where_the_fees_are_unknown_and_what_rests_can_be_taken_back(
        self, live
    ):
        row = live.venue.call("", "GET", "/series/KXNBAGAME").json()
        row["series"]["fee_type"] = "flat"

        class Public:
            def series(self, ticker):
                return markets.series(row["series"])

            def contracts(self, tickers):
                return []

        rests = live.place("0.55", "20")
        made = live.intend("0.55", "20")
        kalshi_catalogue.sync(Public(), ["KXNBAGAME"], now=live.now)

        sending.submit(order_ids=[made], now=live.now)

        assert live.order(made).state == "DENIED"
        assert "What this market charges is not known" in live.order(made).reason
        orders.cancel(order_id=rests.pk, by="ana", now=live.now)  # but it can be taken back
        assert live.order(rests.pk).state == "CANCELED"
        assert live.member.resting() == []

    def test_a_dead_cache_stops_no_order(self, live, settings):
        settings.CACHES = {
            "default": {
                "BACKEND": "django.core.cache.backends.redis.RedisCache",
                "LOCATION": "redis://127.0.0.1:1/0",
            }
        }
        assert kalshi_keys.hours("production") == THURSDAY

    def test_a_position_is_closed_by_hand_as_anywhere(self, live):
        live.offer("0.53", "20.00")
        live.place("0.55", "20")
        live.offer("0.50", "40.00", side="bid")

        position, least = Position.objects.get(), D("0.49")
        ask = {"position_id": position.pk, "key": "once", "now": live.now, "exit_price": least}
        yes = yes_to_sale(position, by=live.account.owner, now=live.now, exit_price=least)
        with pytest.raises(CannotClose, match="you have none yet"):
            close_position(**ask, yes=replace(yes, proof=None))
        with pytest.raises(CannotClose, match="What you saw"):
            close_position(**ask, yes=replace(yes, digest="another offer"))

        made = close_position(**ask, yes=yes)
        sending.submit(order_ids=[made], now=live.now)

        assert live.order(made).state == "FILLED"
        assert not Position.objects.filter(closed_at__isnull=True).exists()
        live.judge()
        assert_invariants()


def test_an_error_begins_with_our_own_sentence(live):
    live.venue.kalshi.keys._keys.pop("key-alice")

    with pytest.raises(Unreadable, match=r"^Kalshi does not know this Key ID"):
        kalshi_of(credentials.of(live.account, "kalshi")).portfolio.balance()
