"""FLOW 1 from a whale's fill to the books, one account or many."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from django.test import override_settings

from risk import services
from risk.models import RiskProfile, RiskState
from tests.world import FACTS, NOBODY, OTHER_WHALE, WHALE, World, assert_invariants, trade
from trading import copying, orders, sending
from trading.models import Decision, Fill, Order, Position
from venues.types import Side
from whales.models import Follow, Signal, Whale, WhaleScore, WhaleTrade


def test_the_published_best_case_is_copied_for_its_printed_size(world: World):
    order = world.buy()

    decision = world.decision()
    assert decision.reason == "COPIED"
    assert decision.size == Decimal("548.26")
    assert decision.arithmetic == "Base Kelly $250.00 x whale 1.83 x market 1.20 = $548.26"
    assert order.limit_price == Decimal("0.55")  # the whale's 53 cents and 2 of drift
    assert order.shares == Decimal("974.90")
    assert order.worst_cost == Decimal("548.26")
    assert order.state == "FILLED"
    assert_invariants()


def test_buying_no_is_copied_as_no(world: World):
    order = world.buy(outcome="No")

    assert order.outcome.name == "No"
    assert Position.objects.get().outcome.name == "No"


def test_the_copier_pays_the_later_price_not_the_whales(world: World):
    facts = replace(FACTS, ask=Decimal("0.50"))
    made = world.copy(world.signal(trade(at=world.now, price="0.50"), facts=facts))
    too_early = world.now + timedelta(seconds=3)
    later = world.now + timedelta(seconds=40)
    world.see(trade(at=too_early, price="0.50", wallet=NOBODY, shares="5000"))
    world.see(trade(at=later, price="0.515", wallet=NOBODY, shares="100000"))

    orders.poll(order_ids=made, now=later)

    assert [fill.price for fill in Fill.objects.all()] == [Decimal("0.515")]
    assert_invariants()


def test_half_of_each_print_is_the_most_a_copier_takes(world: World):
    order = world.buy(print_shares="300")

    assert order.state == "PARTIAL"
    assert order.filled_shares == 150
    orders.poll(order_ids=[order.pk], now=order.expires_at)
    order.refresh_from_db()
    assert order.state == "EXPIRED"
    assert_invariants()


def test_asking_the_paper_venue_again_books_nothing_twice(world: World):
    order = world.buy(print_shares="300")
    before = RiskState.objects.get().cash

    for _ in range(3):
        orders.poll(order_ids=[order.pk], now=world.now + timedelta(minutes=5))

    assert Fill.objects.count() == 1
    assert RiskState.objects.get().cash == before
    assert_invariants()


def test_deciding_twice_keeps_the_first_answer(world: World):
    signal = world.signal(trade(at=world.now))
    first = copying.copy_signal(signal_id=signal.pk, now=signal.due_at)

    second = copying.copy_signal(signal_id=signal.pk, now=signal.due_at + timedelta(seconds=5))

    assert len(first) == 1
    assert second == []
    assert Decision.objects.count() == Order.objects.count() == 1
    sending.submit(order_ids=first, now=signal.due_at)
    sending.submit(order_ids=first, now=signal.due_at)
    assert_invariants()


def test_one_pass_decides_for_all_followers(world: World):
    careful = world.open("Careful", preset="conservative")
    world.follow(careful)
    idle = world.open("Idle")

    made = world.copy(world.signal(trade(at=world.now)))

    assert len(made) == 2
    assert set(Decision.objects.values_list("account__name", flat=True)) == {"Main", "Careful"}
    assert not Decision.objects.filter(account=idle).exists()


def test_fills_of_one_transaction_are_one_order_of_the_whale(world: World):
    first = trade(at=world.now, price="0.50", shares="100", transaction="0xabc")
    second = replace(first, price=Decimal("0.52"), shares=Decimal(300), counter=7)

    signal = world.signal(first, second)

    assert (signal.fills, signal.shares, signal.price) == (2, 400, Decimal("0.515"))
    assert Signal.objects.count() == 1


def test_the_same_trade_is_stored_once(world: World):
    fill = trade(at=world.now)

    world.see(fill)
    world.see(fill, fill)

    assert WhaleTrade.objects.count() == 1


REFUSALS = [
    ("SIGNAL_OLD", {"after": 31}, None, {}),
    ("PRICE_MOVED", {"facts": replace(FACTS, ask=Decimal("0.60"))}, None, {}),
    ("NO_EDGE", {}, None, {"price": "0.80"}),
    ("WHALE_QUALITY", {}, {"assumed": {"q": 60, "s": 4, "w": 75, "c": 50, "r": 0}}, {}),
    ("WHALE_UNPROVEN", {}, {"assumed": None}, {}),
    ("FOLLOW_FILTER", {}, {"paused": True}, {}),
    ("FOLLOW_FILTER", {}, {"categories": ["Crypto"]}, {}),
    ("TOO_SMALL", {}, {"max_trade": Decimal(20)}, {}),
    ("FACTS_MISSING", {"facts": None}, None, {}),
    ("MARKET_CLOSED", {"facts": replace(FACTS, hours=0.05)}, None, {}),
]


@pytest.mark.parametrize(("reason", "signal", "follow", "fill"), REFUSALS)
def test_a_trade_is_refused_with_its_reason(world: World, reason, signal, follow, fill):
    world.account.follows.update(**(follow or {}))

    found = world.signal(trade(at=world.now, **fill), **signal)
    world.copy(found, now=world.now + timedelta(seconds=signal.get("after", 2)))

    decision = world.decision()
    assert decision.reason == reason
    assert decision.sentence.endswith(".")
    assert not Order.objects.exists()
    assert_invariants()


def test_low_confidence_is_refused(world: World):
    RiskProfile.objects.update(min_confidence=99)

    world.copy(world.signal(trade(at=world.now)))

    assert world.decision().reason == "CONFIDENCE_LOW"


def test_our_own_wallet_is_never_followed(world: World):
    Whale.objects.filter(address=WHALE).update(own=True)

    world.copy(world.signal(trade(at=world.now)))

    assert world.decision().reason == "OWN_WALLET"


def test_the_same_whale_market_and_side_is_copied_once_a_minute(world: World):
    world.copy(world.signal(trade(at=world.now)))
    again = world.now + timedelta(seconds=45)

    world.copy(world.signal(trade(at=again, shares="700")))

    assert world.decision().reason == "DUPLICATE"
    assert Order.objects.count() == 1


def test_a_limit_in_use_is_named_with_its_numbers(world: World):
    RiskProfile.objects.update(max_per_market=Decimal("0.05"))
    world.buy()

    later = world.now + timedelta(minutes=5)
    world.copy(world.signal(trade(at=later, outcome="No")))

    decision = world.decision()
    assert decision.reason == "LIMIT_MARKET"
    assert "your limit is 5.0%" in decision.sentence


def test_cash_that_is_held_is_not_spent_again(world: World):
    poor = world.open("Poor", starting_balance=Decimal(60))
    world.follow(poor)
    RiskProfile.objects.filter(account=poor).update(
        max_position_pct=1, max_per_market=1, max_per_category=1, max_total_exposure=1
    )
    RiskProfile.objects.filter(account=poor).update(min_position_size=1, base_position_pct=1)
    for minute, market in enumerate(("one", "two", "three")):
        at = world.now + timedelta(minutes=minute)
        world.copy(world.signal(trade(at=at, market=market)))

    state = RiskState.objects.get(account=poor)
    assert 0 <= state.reserved <= state.cash == 60
    assert_invariants()


def test_too_many_positions_are_refused(world: World):
    RiskProfile.objects.update(max_positions=1)
    world.buy()

    world.copy(world.signal(trade(at=world.now + timedelta(minutes=2), market="other")))

    assert world.decision().reason == "LIMIT_POSITIONS"


def test_daily_copies_are_unlimited_unless_set(world: World):
    RiskProfile.objects.update(max_daily_copies=1)
    world.buy()

    world.copy(world.signal(trade(at=world.now + timedelta(minutes=2), market="other")))

    assert world.decision().reason == "LIMIT_DAILY_TRADES"


@pytest.mark.parametrize(
    ("scope", "key"), [("SERVER", ""), ("VENUE", "polymarket"), ("WHALE", WHALE), ("ACCOUNT", None)]
)
def test_a_kill_switch_stops_entries_and_lets_exits_go(world: World, scope, key):
    world.buy()
    key = str(world.account.pk) if key is None else key
    services.stop(scope=scope, key=key, level="ENTRIES", by="ana", why="", now=world.now)
    later = world.now + timedelta(minutes=3)

    world.copy(world.signal(trade(at=later, market="other")))
    bought = world.decision().reason
    sale = trade(at=later + timedelta(minutes=1), side=Side.SELL)
    world.copy(world.signal(sale))

    assert bought == "STOPPED"
    assert world.decision().reason == "EXIT_COPIED"
    services.stop(scope=scope, key=key, level="ALL", by="ana", why="", now=world.now)
    world.copy(world.signal(trade(at=later + timedelta(minutes=9), side=Side.SELL)))
    assert world.decision().reason == "STOPPED"
    assert_invariants()


def test_a_stop_between_decision_and_sending_wins(world: World):
    signal = world.signal(trade(at=world.now))
    made = copying.copy_signal(signal_id=signal.pk, now=signal.due_at)
    services.stop(scope="SERVER", key="", level="ENTRIES", by="ana", why="", now=signal.due_at)

    sending.submit(order_ids=made, now=signal.due_at)

    order = Order.objects.get()
    assert order.state == "DENIED"
    assert "stopped" in order.reason
    assert_invariants()


def test_an_order_that_waited_too_long_is_not_sent(world: World):
    signal = world.signal(trade(at=world.now))
    made = copying.copy_signal(signal_id=signal.pk, now=signal.due_at)

    sending.submit(order_ids=made, now=signal.due_at + timedelta(minutes=5))

    assert Order.objects.get().state == "DENIED"
    assert_invariants()


def test_a_sale_is_copied_in_proportion_and_only_of_what_came_from_this_whale(world: World):
    world.follow(world.account, whale=OTHER_WHALE)
    mine = world.buy(shares="1000")
    world.buy(at=world.now + timedelta(minutes=5), wallet=OTHER_WHALE, shares="200")
    held = Position.objects.get().shares
    later = world.now + timedelta(hours=1)

    made = world.copy(world.signal(trade(at=later, side=Side.SELL, shares="250")))
    world.see(trade(at=later + timedelta(minutes=1), side=Side.SELL, wallet=NOBODY, shares="99999"))
    orders.poll(order_ids=made, now=later + timedelta(minutes=1))

    sold = Order.objects.get(pk=made[0])
    assert sold.filled_shares == (mine.filled_shares / 4).quantize(Decimal("0.01"), "ROUND_FLOOR")
    assert Position.objects.get().shares == held - sold.filled_shares
    assert_invariants()


def test_a_sale_of_something_never_copied_is_nothing_to_sell(world: World):
    world.copy(world.signal(trade(at=world.now, side=Side.SELL)))

    assert world.decision().reason == "NOTHING_TO_SELL"


def test_an_earned_score_is_used_only_when_it_was_known(world: World):
    world.account.follows.update(assumed=None)
    figures = {"sharpe": 4.5, "win_rate": 75, "consistency": 50, "recent_roi": 0, "roi": 9}
    WhaleScore.objects.create(
        whale=Whale.objects.get(address=WHALE),
        as_of=world.now + timedelta(hours=1),
        score=95,
        bets=412,
        **figures,
    )
    world.copy(world.signal(trade(at=world.now)))
    assert world.decision().reason == "WHALE_UNPROVEN"

    world.copy(world.signal(trade(at=world.now + timedelta(hours=2))))

    decision = world.decision()
    assert decision.reason == "COPIED"
    assert not decision.assumed


def real(world: World, mode: str) -> None:
    """Let an account for real money follow the whale, and nobody else."""
    Follow.objects.all().delete()
    world.follow(world.open("Real", mode=mode))


@pytest.mark.parametrize("mode", ["LIVE", "APPROVAL"])
def test_live_trading_off_refuses_every_live_account(world: World, mode):
    real(world, mode)

    world.copy(world.signal(trade(at=world.now)))

    assert world.decision(world.accounts[-1]).reason == "LIVE_OFF"
    assert not Order.objects.exists()


@override_settings(LIVE_TRADING=True)
def test_a_live_order_reaches_no_venue_while_none_is_connected(world: World):
    real(world, "LIVE")

    world.copy(world.signal(trade(at=world.now)))

    order = Order.objects.get()
    assert order.state == "DENIED"
    assert "no keys for Polymarket" in order.reason
    assert [event.new for event in order.events.order_by("sequence")][-1] == "DENIED"
    assert_invariants()
