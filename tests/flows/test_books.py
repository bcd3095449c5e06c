"""Settlement, closing by hand, approvals and breakers, judged by the books."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import transaction

from accounts.models import Account
from markets.resolutions import BadPayout
from notifications.models import Event
from risk.domain.breakers import BreakerKind
from risk.models import BreakerTrip, Reservation, RiskProfile, RiskState
from risk.services import NothingToReset, reset_breaker
from tests.world import NOBODY, World, assert_invariants, trade
from tests.yes import yes_to, yes_to_sale
from trading import approvals, orders, sending, settlement
from trading.closing import CannotClose, close_position
from trading.consent import Yes
from trading.domain.entries import worst_cost
from trading.domain.order_state import OrderState
from trading.models import Entry, Order, Position
from trading.summary import as_json, summary
from trading.sweep import sweep
from venues.types import Side


@pytest.mark.parametrize(
    ("winner", "payout"), [("Yes", Decimal(1)), ("No", Decimal(0)), ("50-50", Decimal("0.5"))]
)
def test_a_resolution_pays_every_share_once(world: World, winner, payout):
    world.see(trade(at=world.now - timedelta(days=2), outcome="No", wallet=NOBODY))
    world.buy()
    held = Position.objects.get()
    at = world.now + timedelta(hours=2)

    world.resolve(winner=winner, at=at)
    settlement.settle_due(now=at)
    settlement.settle_market(market_id=held.outcome.market_id, now=at)

    closed = Position.objects.get()
    assert closed.closed_at == at
    assert closed.realised == held.shares * payout - held.cost
    assert RiskState.objects.get().cash == 10000 + closed.realised
    assert Entry.objects.filter(kind="SETTLEMENT").count() == 1
    assert_invariants()


def test_settlement_ends_what_still_rests(world: World):
    order = world.buy(print_shares="300")

    world.resolve(winner="Yes", at=world.now + timedelta(minutes=10))

    order.refresh_from_db()
    assert order.state == "CANCELED"
    assert RiskState.objects.get().reserved == 0
    assert_invariants()


def test_a_winner_that_is_no_outcome_settles_nothing(world: World):
    world.see(trade(at=world.now, outcome="No", wallet=NOBODY))
    world.buy()

    with pytest.raises(BadPayout, match="none of its outcomes"):
        world.resolve(winner="Maybe", at=world.now + timedelta(hours=1))

    assert Position.objects.get().closed_at is None


def test_a_settled_market_is_not_settled_again_by_another_vector(world: World):
    world.see(trade(at=world.now, outcome="No", wallet=NOBODY))
    world.buy()
    world.resolve(winner="Yes", at=world.now + timedelta(hours=1))

    with pytest.raises(BadPayout, match="needs a person"):
        world.resolve(winner="No", at=world.now + timedelta(hours=2))

    assert_invariants()


def test_a_position_is_closed_by_hand_once_for_one_key(world: World):
    world.buy()
    position = Position.objects.get()
    later = world.now + timedelta(hours=1)
    half = Decimal("0.50")
    yes = yes_to_sale(position, by=world.owner, now=later, exit_price=half)
    ask = {"position_id": position.pk, "yes": yes, "key": "tap-1", "now": later}

    made = close_position(**ask, exit_price=half)
    again = close_position(**ask, exit_price=half)
    sending.submit(order_ids=[made], now=later)
    filled = later + timedelta(minutes=1)
    world.see(trade(at=filled, side=Side.SELL, price="0.60", wallet=NOBODY, shares="9999999"))
    orders.poll(order_ids=[made], now=filled)

    assert made == again
    position.refresh_from_db()
    assert position.closed_at == filled
    assert position.realised > 0
    with pytest.raises(CannotClose, match="closed already"):
        close_position(**ask | {"key": "tap-2"})
    assert_invariants()


def test_shares_on_their_way_out_are_not_sold_twice(world: World):
    world.buy()
    position = Position.objects.get()
    later = world.now + timedelta(hours=1)
    yes = yes_to_sale(position, by=world.owner, now=later)
    ask = {"position_id": position.pk, "yes": yes, "key": "tap-1", "now": later}
    close_position(**ask)

    with pytest.raises(CannotClose, match="being sold"):
        close_position(**ask | {"key": "tap-2"})
    world.copy(world.signal(trade(at=later, side=Side.SELL)))

    assert world.decision().reason == "NOTHING_TO_SELL"
    assert_invariants()


@pytest.fixture
def rehearsal(world: World) -> World:
    Account.objects.update(rehearsal=True)
    return world


def test_an_approved_rehearsal_is_sent_and_filled(rehearsal: World):
    signal = rehearsal.signal(trade(at=rehearsal.now))
    (waiting,) = rehearsal.copy(signal)
    assert Order.objects.get().state == "AWAITING_APPROVAL"
    assert RiskState.objects.get().reserved == 0
    soon = rehearsal.now + timedelta(minutes=3)

    first = approvals.approve(
        order_id=waiting, yes=yes_to(waiting, by=rehearsal.owner, now=soon), now=soon
    )
    second = approvals.approve(
        order_id=waiting, yes=yes_to(waiting, by=rehearsal.owner, now=soon), now=soon
    )
    sending.submit(order_ids=[waiting], now=soon)

    assert first.counted
    assert not second.counted
    assert "approved this" in second.sentence
    assert Order.objects.get().state == "LIVE"
    assert_invariants()


def test_a_declined_order_is_over(rehearsal: World):
    (waiting,) = rehearsal.copy(rehearsal.signal(trade(at=rehearsal.now)))

    said = approvals.decline(
        order_id=waiting, by=rehearsal.owner, note="too close", now=rehearsal.now
    )
    late = approvals.approve(
        order_id=waiting,
        yes=yes_to(waiting, by=rehearsal.owner, now=rehearsal.now),
        now=rehearsal.now,
    )

    assert said.counted
    assert not late.counted
    order = Order.objects.get()
    assert (order.state, order.reason) == ("DENIED", "Declined by ana: too close")
    assert_invariants()


def test_nobody_answering_ends_an_order(rehearsal: World):
    (waiting,) = rehearsal.copy(rehearsal.signal(trade(at=rehearsal.now)))
    late = rehearsal.now + timedelta(minutes=6)

    assert approvals.expire_approvals(now=late) == 1
    assert approvals.expire_approvals(now=late) == 0

    assert Order.objects.get().reason.startswith("APPROVAL_EXPIRED")
    assert not approvals.approve(
        order_id=waiting, yes=yes_to(waiting, by=rehearsal.owner, now=late), now=late
    ).counted
    assert_invariants()


def test_an_approval_asks_everything_again(rehearsal: World):
    (waiting,) = rehearsal.copy(rehearsal.signal(trade(at=rehearsal.now)))
    rehearsal.see(trade(at=rehearsal.now + timedelta(minutes=1), price="0.70", wallet=NOBODY))

    said = approvals.approve(
        order_id=waiting,
        yes=yes_to(waiting, by=rehearsal.owner, now=rehearsal.now + timedelta(minutes=2)),
        now=rehearsal.now + timedelta(minutes=2),
    )

    assert not said.counted
    assert "ask is 70.0" in said.sentence
    assert Order.objects.get().state == "DENIED"
    assert_invariants()


def lose(world: World, *, market: str, at, amount: str = "0.53") -> None:
    world.see(
        trade(at=at - timedelta(days=1), market=market, outcome="No", wallet=NOBODY, price="0.4")
    )
    world.buy(at=at, market=market, price=amount)
    world.resolve(winner="No", market=market, at=at + timedelta(minutes=10))


def test_the_daily_breaker_trips_with_its_numbers_and_ends_with_the_day(world: World):
    RiskProfile.objects.update(hourly_loss_limit=100_000)
    lose(world, market="one", at=world.now)

    trip = BreakerTrip.objects.get()
    assert trip.kind == "DAILY"
    assert trip.measured >= 500
    assert trip.numbers["realised_today"].startswith("\N{MINUS SIGN}$")
    assert Event.objects.filter(kind="breaker_tripped").count() == 1
    same_day = world.now + timedelta(hours=2)
    world.copy(world.signal(trade(at=same_day, market="two")))
    assert world.decision().reason == "BREAKER_DAILY"
    next_day = world.now + timedelta(days=1)
    world.copy(world.signal(trade(at=next_day, market="two")))
    assert world.decision().reason == "COPIED"
    assert_invariants()


def test_a_fall_at_mark_counts_like_a_loss(world: World):
    RiskProfile.objects.update(hourly_loss_limit=100_000)
    world.buy()
    crash = world.now + timedelta(minutes=20)
    world.see(trade(at=crash, price="0.01", wallet=NOBODY))

    world.copy(world.signal(trade(at=crash + timedelta(minutes=1), market="two")))

    assert world.decision().reason == "BREAKER_DAILY"
    assert BreakerTrip.objects.get().kind == "DAILY"
    assert_invariants()


def test_the_hourly_breaker_ends_with_the_hour(world: World):
    RiskProfile.objects.update(daily_loss_limit=100_000)
    lose(world, market="one", at=world.now)

    world.copy(world.signal(trade(at=world.now + timedelta(minutes=15), market="two")))
    assert world.decision().reason == "BREAKER_HOURLY"
    world.copy(world.signal(trade(at=world.now + timedelta(minutes=45), market="two")))

    assert world.decision().reason == "COPIED"


def test_five_losses_in_a_row_wait_for_a_person(world: World):
    RiskProfile.objects.update(
        daily_loss_limit=100_000, hourly_loss_limit=100_000, max_position_size=60
    )
    for number in range(5):
        lose(world, market=f"m{number}", at=world.now + timedelta(days=number))
    later = world.now + timedelta(days=30)
    world.copy(world.signal(trade(at=later, market="next")))
    assert world.decision().reason == "BREAKER_STREAK"

    reset_breaker(
        account_id=world.account.pk, kind=BreakerKind.STREAK, by="ana", why="looked", now=later
    )
    world.copy(world.signal(trade(at=later + timedelta(minutes=5), market="next")))

    assert world.decision().reason == "COPIED"
    trip = BreakerTrip.objects.get(kind="STREAK")
    assert (trip.reset_by, trip.reset_why) == ("ana", "looked")
    assert Event.objects.filter(kind="breaker_reset", by="ana").count() == 1
    with pytest.raises(NothingToReset):
        reset_breaker(account_id=world.account.pk, kind=None, by="ana", why="", now=later)
    assert_invariants()


def test_a_reset_day_may_lose_its_limit_once_more(world: World):
    RiskProfile.objects.update(hourly_loss_limit=100_000)
    lose(world, market="one", at=world.now)
    after = world.now + timedelta(hours=1)

    reset_breaker(account_id=world.account.pk, kind=None, by="ana", why="go on", now=after)
    world.copy(world.signal(trade(at=after, market="two")))

    assert world.decision().reason == "COPIED"


def test_an_entry_whose_fee_and_spread_break_the_limit_is_refused(world: World):
    RiskProfile.objects.update(hourly_loss_limit=15)

    world.copy(world.signal(trade(at=world.now)))

    decision = world.decision()
    assert decision.reason == "LOSS_ROOM"
    assert "$15.00 of this hour's limit is left" in decision.sentence


def test_the_summary_agrees_with_the_rows(world: World):
    world.see(trade(at=world.now - timedelta(days=1), outcome="No", wallet=NOBODY))
    world.buy()
    world.resolve(winner="Yes", at=world.now + timedelta(minutes=10))

    found = as_json(summary(account=world.account, now=world.now + timedelta(minutes=10)))

    gain = Position.objects.get().realised
    assert Decimal(found["balance"]) == (10000 + gain).quantize(Decimal("0.01"), "ROUND_HALF_UP")
    assert (found["trades"], found["wins"], found["losses"]) == (1, 1, 0)
    assert found["win_rate"] == 100
    assert found["breaker"] == "closed"


def test_a_cancel_that_a_crash_cut_in_half_is_finished(world: World):
    order = world.buy(print_shares="300")
    with transaction.atomic():
        locked = Order.objects.select_for_update().get(pk=order.pk)
        orders.move(locked, OrderState.CANCEL_PENDING, now=world.now, by="ana")

    orders.poll(order_ids=[order.pk], now=order.expires_at)
    sweep(now=order.expires_at)

    order.refresh_from_db()
    assert (order.state, order.filled_shares) == ("CANCELED", 150)
    assert RiskState.objects.get().reserved == 0
    assert_invariants()


def test_a_dust_sale_of_the_whale_does_not_sell_everything(world: World):
    world.buy(shares="1000000000")
    later = world.now + timedelta(hours=1)

    world.copy(world.signal(trade(at=later, side=Side.SELL, shares="0.01")))

    assert world.decision().reason == "NOTHING_TO_SELL"


def test_an_approved_order_counts_its_fee_and_spread_in_flight(rehearsal: World):
    (waiting,) = rehearsal.copy(rehearsal.signal(trade(at=rehearsal.now)))

    approvals.approve(
        order_id=waiting,
        yes=yes_to(waiting, by=rehearsal.owner, now=rehearsal.now),
        now=rehearsal.now,
    )

    assert Reservation.objects.get().immediate_cost > 0


@pytest.mark.parametrize("price", ["0.995", "NaN", "0", "-1", "Infinity"])
def test_an_impossible_exit_price_is_refused(world: World, price):
    world.buy()
    position = Position.objects.get()

    with pytest.raises(CannotClose, match="Name a price"):
        close_position(
            position_id=position.pk,
            yes=Yes(by=world.owner),
            key="k",
            now=world.now,
            exit_price=Decimal(price),
        )


def test_an_order_that_fits_nearly_as_much_is_sent_for_less(rehearsal: World):
    (waiting,) = rehearsal.copy(rehearsal.signal(trade(at=rehearsal.now)))
    shown = Order.objects.get().worst_cost
    RiskProfile.objects.update(max_position_size=shown - 1)
    soon = rehearsal.now + timedelta(minutes=1)

    said = approvals.approve(
        order_id=waiting, yes=yes_to(waiting, by=rehearsal.owner, now=soon), now=soon
    )

    order = Order.objects.get()
    assert said.counted
    assert order.worst_cost <= shown - 1
    assert f"at most ${order.worst_cost:.2f}" in said.sentence
    assert_invariants()


def test_a_tighter_limit_is_asked_anew_and_never_buys_more(rehearsal: World):
    (waiting,) = rehearsal.copy(rehearsal.signal(trade(at=rehearsal.now)))
    before = Order.objects.get()
    RiskProfile.objects.update(
        max_price_drift=Decimal("0.005"), max_position_size=before.worst_cost - Decimal("0.5")
    )
    soon = rehearsal.now + timedelta(minutes=1)
    yes = yes_to(waiting, by=rehearsal.owner, now=soon)

    said = approvals.approve(order_id=waiting, yes=yes, now=soon)

    order = Order.objects.get()
    assert not said.counted
    assert order.state == "AWAITING_APPROVAL"
    assert order.limit_price < before.limit_price
    assert order.shares <= before.shares
    assert order.worst_cost <= before.worst_cost
    assert order.worst_cost == worst_cost(
        limit=order.limit_price, shares=order.shares, fee_rate=order.fee_rate
    )
    assert_invariants()


def test_an_order_that_fits_no_more_asks_again_with_what_does(rehearsal: World):
    (waiting,) = rehearsal.copy(rehearsal.signal(trade(at=rehearsal.now)))
    shown = Order.objects.get().worst_cost
    RiskProfile.objects.update(max_position_size=100)
    soon = rehearsal.now + timedelta(minutes=1)
    yes = yes_to(waiting, by=rehearsal.owner, now=soon)

    said = approvals.approve(order_id=waiting, yes=yes, now=soon)
    blind = approvals.approve(order_id=waiting, yes=yes, now=soon)

    order = Order.objects.get()
    assert "fits your limits" in said.sentence
    assert "not what would be sent" in blind.sentence
    assert order.state == "AWAITING_APPROVAL"
    assert order.worst_cost <= 100 < shown
    fresh = yes_to(waiting, by=rehearsal.owner, now=soon)
    assert approvals.approve(order_id=waiting, yes=fresh, now=soon).counted
    assert_invariants()
