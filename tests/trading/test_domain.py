"""The order table, positions, the ledger and money: laws that hold for every input."""

from decimal import Decimal
from itertools import product

import pytest
from django.db import IntegrityError, connection, transaction
from hypothesis import given
from hypothesis import strategies as st

from tests.world import World, trade
from trading.domain import ledger
from trading.domain.order_state import (
    FINAL,
    HOLDING,
    NEXT,
    IllegalMove,
    OrderState,
    check_move,
)
from trading.domain.position import Holding
from trading.models import Entry, Order, Posting
from venues import money
from venues.polymarket.fees import taker_fee, worst_cost_per_share

prices = st.integers(1, 9999).map(lambda n: Decimal(n) / 10000)
counts = st.integers(1, 10_000_000).map(lambda n: Decimal(n) / 100)
dollars = st.integers(-(10**12), 10**12).map(lambda n: Decimal(n) / 10**6)


def test_the_table_names_every_state():
    assert set(NEXT) == set(OrderState)


@pytest.mark.parametrize(("old", "new"), list(product(OrderState, OrderState)))
def test_a_move_is_legal_exactly_when_the_table_has_it(old, new):
    if new in NEXT[old]:
        check_move(old=old, new=new)
    else:
        with pytest.raises(IllegalMove, match=f"from {old} to {new}"):
            check_move(old=old, new=new)


@pytest.mark.django_db
def test_the_database_has_the_same_table():
    with connection.cursor() as cursor:
        for old, new in product(OrderState, OrderState):
            cursor.execute("SELECT order_move_is_legal(%s, %s)", [old.value, new.value])
            assert cursor.fetchone()[0] == (new in NEXT[old]), (old, new)


def test_money_is_held_until_an_order_is_over():
    assert not HOLDING & FINAL
    assert (
        set(OrderState)
        - {
            OrderState.PROPOSED,
            OrderState.AWAITING_APPROVAL,
        }
        == HOLDING | FINAL
    )


def test_raw_sql_cannot_move_an_order_off_the_table(world: World):
    order = world.buy()

    with pytest.raises(IntegrityError, match="cannot go from FILLED to LIVE"):
        Order.objects.filter(pk=order.pk).update(state="LIVE")


def test_an_order_keeps_its_mode(world: World):
    order = world.buy()

    with pytest.raises(IntegrityError, match="mode it was born in"):
        Order.objects.filter(pk=order.pk).update(mode="LIVE")


def test_an_entry_that_does_not_balance_cannot_be_committed(world: World):
    entry = {"account": world.account, "kind": "DEPOSIT", "at": world.now}

    with pytest.raises(IntegrityError, match="sum to"), transaction.atomic():
        made = Entry.objects.create(source="wrong", **entry)
        Posting.objects.create(entry=made, book="CASH", amount=5)
        Posting.objects.create(entry=made, book="CAPITAL", amount=-4)
    with pytest.raises(IntegrityError, match="0 postings"), transaction.atomic():
        Entry.objects.create(source="empty", **entry)
    assert not Entry.objects.filter(source__in=["wrong", "empty"]).exists()


@pytest.mark.parametrize("table", ["trading_posting", "trading_entry", "trading_decision"])
def test_history_cannot_be_edited(world: World, table):
    world.copy(world.signal(trade(at=world.now)))

    with (
        pytest.raises(IntegrityError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(f"DELETE FROM {table}")


@given(amount=dollars, cost=dollars, basis=dollars)
def test_every_kind_of_entry_sums_to_zero(amount, cost, basis):
    for lines in (
        ledger.deposit(amount),
        ledger.buy(cost=cost),
        ledger.close(basis=basis, proceeds=amount),
    ):
        assert sum(line.amount for line in lines) == 0


@given(
    buys=st.lists(st.tuples(counts, prices), min_size=1, max_size=6),
    parts=st.lists(st.integers(1, 100), max_size=6),
    exit_price=prices,
)
def test_a_position_ends_with_what_came_in_less_what_went_out(buys, parts, exit_price):
    holding = Holding()
    for shares, price in buys:
        holding = holding.buy(shares=shares, cost=money.ceil_micro(shares * price))
    paid, got = holding.cost, Decimal(0)
    for part in parts:
        shares = money.floor_shares(holding.shares * part / 100)
        proceeds = money.floor_micro(shares * exit_price)
        holding = holding.close(shares=shares, proceeds=proceeds)
        got += proceeds
        assert holding.cost >= 0
    final = money.floor_micro(holding.shares * exit_price)
    holding = holding.close(shares=holding.shares, proceeds=final)

    assert (holding.shares, holding.cost) == (0, 0)
    assert holding.realised == got + final - paid


def test_more_than_is_held_cannot_be_closed():
    with pytest.raises(ValueError, match="of 1 held"):
        Holding(shares=Decimal(1)).close(shares=Decimal(2), proceeds=Decimal(1))


@given(limit=prices, better=prices, shares=counts, rate=st.sampled_from(["0", "0.03", "0.05"]))
def test_no_fill_inside_the_limit_costs_more_than_the_worst(limit, better, shares, rate):
    rate, price = Decimal(rate), min(limit, better)

    paid = price * shares + taker_fee(price=price, shares=shares, rate=rate)

    assert paid <= worst_cost_per_share(limit_price=limit, rate=rate) * shares


@given(parts=st.lists(st.integers(0, 10**9).map(lambda n: Decimal(n) / 10**6), min_size=1))
def test_parts_on_the_page_add_up_to_the_cent(parts):
    total = sum(parts, Decimal(0))

    shown = money.split_cents(total, parts)

    assert sum(shown) == money.nearest_cents(total)
    assert all(
        abs(cents - part) <= Decimal("0.01") for cents, part in zip(shown, parts, strict=True)
    )


@given(amount=dollars)
def test_rounding_goes_where_its_name_says(amount):
    assert money.floor_cents(amount) <= amount <= money.ceil_cents(amount)
    assert money.floor_micro(amount) == amount
    assert abs(money.nearest_cents(amount) - amount) <= Decimal("0.005")
