"""Money at the edges: no cash from nothing, no share paid twice, no cent lost in a match."""

from dataclasses import replace
from decimal import Decimal

import pytest

from sandbox.polymarket.rows import Order, Refused, Rules
from tests.sandbox.polymarket_world import NO, YES, PolymarketWorld
from tests.sandbox.test_oracle import judge_of
from tests.sandbox.test_polymarket import buy, mine, wait

CASH = Decimal(1000)


@pytest.fixture
def world() -> PolymarketWorld:
    return PolymarketWorld(speed=0)


def total(world: PolymarketWorld) -> Decimal:
    return sum((wallet.cash for wallet in world.exchange.wallets.values()), Decimal(0))


def test_a_market_order_whose_fee_cannot_be_paid_is_refused(world):
    world.quote(YES, "0.50", "5000")
    with pytest.raises(Refused, match="not enough balance"):
        buy(world, "0.99", "1010", kind="FAK", spend=Decimal(999))
    order = buy(world, "0.99", "900", kind="FAK", spend=Decimal(900))
    wait(world, 20)

    assert order.matched == 1800
    assert mine(world).cash == CASH - 900 - world.market.taker_fee(
        price=Decimal("0.50"), shares=Decimal(1800)
    )
    assert mine(world).cash >= 0


def test_shares_that_were_sold_are_not_redeemed(world):
    mine(world).shares[YES] = Decimal(100)
    world.quote(YES, "0.40", "100", buy=True)
    sell(world, "0.40", "100")
    payout = (Decimal(1), Decimal(0))
    world.exchange.resolve(world.market.condition, payout, now=world.clock.now())
    paid = world.exchange.redeem(world.owner, world.market.condition, now=world.clock.now())
    wait(world, 20)

    assert paid == 0
    assert mine(world).shares.get(YES, 0) == 0
    assert mine(world).cash == CASH + 40 - world.market.taker_fee(
        price=Decimal("0.40"), shares=Decimal(100)
    )


def sell(world: PolymarketWorld, price: str, shares: str):
    order = buy_of(world, price, shares)
    return world.exchange.place(order, now=world.clock.now())


def buy_of(world: PolymarketWorld, price: str, shares: str):
    return Order(
        order_id=f"0x{77:064x}",
        key="mine",
        wallet=mine(world),
        market=world.market,
        token=YES,
        buy=False,
        price=Decimal(price),
        shares=Decimal(shares),
        created_at=world.clock.now(),
    )


@pytest.mark.parametrize("shares", ["10", "33.33", "7.77"])
def test_two_who_buy_both_outcomes_pay_a_dollar_for_each_pair(world, shares):
    before = total(world)
    world.quote(NO, "0.43", shares, buy=True)
    order = buy(world, "0.57", shares)
    wait(world, 20)

    fee = world.exchange.trades[0].taker.fee
    assert order.matched == Decimal(shares)
    assert before - total(world) == Decimal(shares) + fee


def test_a_lost_match_leaves_no_exposure():
    world = PolymarketWorld(speed=0, rules=Rules(fails=frozenset({1})))
    judge = judge_of(world)
    world.quote(YES, "0.50", "100")
    buy(world, "0.50", "100")
    at_stake = judge.exposure(world.owner.lower())
    wait(world, 20)

    assert at_stake == 50 + world.market.taker_fee(price=Decimal("0.50"), shares=Decimal(100))
    assert judge.exposure(world.owner.lower()) == 0


def test_a_profit_elsewhere_hides_no_risk(world):
    judge = judge_of(world)
    world.quote(YES, "0.10", "100")
    buy(world, "0.10", "100")
    wait(world, 20)
    world.quote(YES, "0.90", "100", buy=True)
    sell(world, "0.90", "100")
    wait(world, 20)
    world.quote(NO, "0.80", "100")
    world.exchange.place(
        replaced(buy_of(world, "0.80", "100"), token=NO, buy=True), now=world.clock.now()
    )

    assert judge.exposure(world.owner.lower()) >= 80


def replaced(order, **changed):
    return replace(order, order_id=f"0x{78:064x}", **changed)


def test_an_order_that_is_killed_was_never_accepted(world):
    log, judge = world.exchange.log, judge_of(world)
    lines = len(log)
    with pytest.raises(Refused, match="fully filled or killed"):
        buy(world, "0.50", "500", kind="FOK")

    assert judge.exposures == []
    assert len(log) == lines


def test_nobody_trades_with_himself_and_no_book_stands_crossed(world):
    mine(world).shares[YES] = Decimal(50)
    low = sell(world, "0.40", "10")
    high = buy(world, "0.60", "10")

    assert (low.status, high.status) == ("CANCELED", "LIVE")
    assert world.exchange.trades == []
    bids, asks = world.market.ladder(YES)
    assert (len(bids), asks) == (1, [])
