"""Limits under concurrency: parallel signals never get past a limit, and never fall short of it."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal

from django.db import connection

from risk.models import RiskProfile, RiskState
from tests.world import World, assert_invariants, trade
from tests.yes import yes_to
from trading import approvals, copying, sending
from trading.models import Decision, Order

SIGNALS = 200
ROOM = 10
WORKERS = 16


def in_parallel(acts) -> None:
    """Run every act on a thread with a connection of its own; the first error is raised."""

    def run(act):
        try:
            return act()
        finally:
            connection.close()

    with ThreadPoolExecutor(WORKERS) as pool:
        for done in [pool.submit(run, act) for act in acts]:
            done.result()


def test_two_hundred_signals_with_room_for_ten_accept_exactly_ten(world: World):
    RiskProfile.objects.update(
        max_positions=ROOM,
        max_total_exposure=1,
        max_per_category=1,
        max_per_market=1,
        hourly_loss_limit=5000,
        daily_loss_limit=5000,
    )
    signals = [
        world.signal(trade(at=world.now, market=f"market-{number}")) for number in range(SIGNALS)
    ]
    now = world.now + timedelta(seconds=2)

    def act(signal):
        return lambda: copying.copy_signal(signal_id=signal.pk, now=now)

    in_parallel([act(signal) for signal in signals])

    assert Decision.objects.count() == SIGNALS
    assert Decision.objects.filter(accepted=True).count() == ROOM
    assert Order.objects.filter(state="RESERVED").count() == ROOM
    assert_invariants()


def test_cash_for_some_is_never_reserved_for_more(world: World):
    RiskState.objects.update(cash=Decimal(0))
    rich = world.open("Rich", starting_balance=Decimal(3000))
    world.follow(rich)
    RiskProfile.objects.filter(account=rich).update(
        max_positions=500,
        max_total_exposure=1,
        max_per_category=1,
        max_per_market=1,
        hourly_loss_limit=5000,
    )
    signals = [world.signal(trade(at=world.now, market=f"m-{number}")) for number in range(60)]
    now = world.now + timedelta(seconds=2)
    ids = [rich.pk]

    def act(signal):
        return lambda: copying.copy_signal(signal_id=signal.pk, now=now, account_ids=ids)

    in_parallel([act(signal) for signal in signals])

    state = RiskState.objects.get(account=rich)
    # What is left would not pay for one more smallest trade, tapered as the last ones were.
    assert 2600 < state.reserved <= state.cash == 3000
    assert Decision.objects.filter(account=rich, accepted=False).exists()


def test_the_same_signal_from_many_workers_makes_one_order(world: World):
    signal = world.signal(trade(at=world.now))

    def act():
        made = copying.copy_signal(signal_id=signal.pk, now=signal.due_at)
        sending.submit(order_ids=made, now=signal.due_at)

    in_parallel([act] * 20)

    assert Decision.objects.count() == Order.objects.count() == 1
    assert_invariants()


def test_one_order_sent_by_many_workers_is_sent_once(world: World):
    signal = world.signal(trade(at=world.now))
    made = copying.copy_signal(signal_id=signal.pk, now=signal.due_at)

    in_parallel([lambda: sending.submit(order_ids=made, now=signal.due_at)] * 20)

    states = list(Order.objects.get().events.order_by("sequence").values_list("new", flat=True))
    assert states == ["RESERVED", "PREPARED", "SENDING", "LIVE"]
    assert_invariants()


def test_twenty_answers_to_one_approval_have_one_winner(world: World):
    world.account.rehearsal = True
    world.account.save(update_fields=["rehearsal"])
    (waiting,) = world.copy(world.signal(trade(at=world.now)))
    counted, barrier = [], threading.Barrier(10)
    soon = world.now + timedelta(minutes=1)
    yes = yes_to(waiting, by=world.owner, now=soon)

    def act(answer, **said):
        def run():
            barrier.wait(timeout=20)
            counted.append(answer(order_id=waiting, now=soon, **said).counted)

        return run

    in_parallel(
        [act(approvals.approve, yes=yes)] * 5 + [act(approvals.decline, by=world.owner)] * 5
    )

    assert counted.count(True) == 1
    assert Order.objects.get().state in ("RESERVED", "DENIED")
    assert_invariants()
