"""Polymarket's order book by its own rules: matching, money, the chain, time."""

from datetime import timedelta
from decimal import Decimal

import pytest

from sandbox.polymarket.rows import Order, Refused, Rules
from tests.sandbox.polymarket_world import NO, YES, PolymarketWorld


@pytest.fixture
def world() -> PolymarketWorld:
    return PolymarketWorld(speed=0)


def buy(world: PolymarketWorld, price: str, shares: str, token: str = YES, **options) -> Order:
    return _place(world, price, shares, token, buy=True, **options)


def sell(world: PolymarketWorld, price: str, shares: str, token: str = YES, **options) -> Order:
    return _place(world, price, shares, token, buy=False, **options)


def _place(world, price, shares, token, **options) -> Order:
    world.numbers += 1
    fields = {
        "order_id": f"0x{10_000 + world.numbers:064x}",
        "key": "mine",
        "wallet": world.exchange.wallets[world.owner.lower()],
        "market": world.exchange.by_token[token],
        "token": token,
        "price": Decimal(price),
        "shares": Decimal(shares),
        "spend": None,
        "kind": "GTC",
        "expires_at": None,
        "created_at": world.clock.now(),
    }
    return world.exchange.place(Order(**{**fields, **options}), now=world.clock.now())


def wait(world: PolymarketWorld, seconds: float) -> None:
    world.clock.move(timedelta(seconds=seconds))
    world.exchange.tick(now=world.clock.now())


def mine(world: PolymarketWorld):
    return world.exchange.wallets[world.owner.lower()]


def test_the_taker_gets_the_makers_price_and_pays_the_fee_when_the_chain_confirms(world):
    world.quote(YES, "0.55", "100")
    order = buy(world, "0.60", "100")

    assert (order.status, order.paid) == ("MATCHED", Decimal(55))
    assert mine(world).cash == 1000  # nothing is on the chain yet ...
    assert mine(world).free_cash(Decimal(0)) == Decimal("943.7625")  # ... but it is spent
    wait(world, 3)
    assert world.exchange.trades[0].status == "MINED"
    wait(world, 8)
    assert world.exchange.trades[0].status == "CONFIRMED"
    assert mine(world).cash == Decimal(1000) - 55 - Decimal("1.2375")
    assert mine(world).shares == {YES: Decimal(100)}


def test_a_failed_trade_gives_everything_back():
    world = PolymarketWorld(speed=0, rules=Rules(fails=frozenset({1})))
    world.quote(YES, "0.55", "100")
    buy(world, "0.60", "100")
    wait(world, 20)

    assert world.exchange.trades[0].status == "FAILED"
    assert (mine(world).cash, mine(world).owed, mine(world).shares) == (1000, 0, {})


def test_a_trade_that_is_retried_is_mined_later_and_confirmed():
    world = PolymarketWorld(speed=0, rules=Rules(retries=frozenset({1})))
    world.quote(YES, "0.55", "100")
    buy(world, "0.60", "100")
    trade, seen = world.exchange.trades[0], []
    for _ in range(12):
        wait(world, 2)
        seen.append((str(trade.status), trade.transaction))

    states = list(dict.fromkeys(status for status, _ in seen))
    assert states == ["RETRYING", "MINED", "CONFIRMED"]
    assert {bool(hash_) for status, hash_ in seen if status == "RETRYING"} == {False}
    assert len({hash_ for _, hash_ in seen if hash_}) == 1
    assert mine(world).shares == {YES: Decimal(100)}


def test_two_buyers_of_both_outcomes_meet(world):
    world.quote(NO, "0.45", "50", buy=True)
    order = buy(world, "0.55", "50")

    assert (order.status, order.paid) == ("MATCHED", Decimal("27.5"))
    bids, asks = world.market.ladder(YES)
    assert (bids, asks) == ([], [])


def test_the_other_outcomes_book_is_the_mirror(world):
    world.quote(YES, "0.55", "30")
    world.quote(YES, "0.50", "20", buy=True)

    assert world.market.ladder(YES) == ([(Decimal("0.50"), 20)], [(Decimal("0.55"), 30)])
    assert world.market.ladder(NO) == ([(Decimal("0.45"), 30)], [(Decimal("0.50"), 20)])


def test_fok_fills_whole_or_not_at_all_and_fak_what_there_is(world):
    world.quote(YES, "0.55", "40")
    with pytest.raises(Refused, match="FOK orders are fully filled or killed"):
        buy(world, "0.60", "100", kind="FOK", spend=Decimal(60))
    part = buy(world, "0.60", "100", kind="FAK", spend=Decimal(60))
    with pytest.raises(Refused, match="no orders found to match with FAK"):
        buy(world, "0.60", "100", kind="FAK", spend=Decimal(60))

    assert (part.status, part.matched, part.paid) == ("MATCHED", 40, 22)


def test_an_order_of_dollars_buys_more_at_a_better_price(world):
    world.quote(YES, "0.50", "1000")
    order = buy(world, "0.60", "100", kind="FOK", spend=Decimal(60))

    assert (order.matched, order.paid) == (120, 60)


@pytest.mark.parametrize(
    ("order", "words"),
    [
        ({"price": "0.555"}, "breaks minimum tick size rule: 0.01"),
        ({"price": "1"}, "breaks minimum tick size rule"),
        ({"shares": "4"}, "lower than the minimum: 5"),
        ({"shares": "2000"}, "not enough balance / allowance"),
        ({"price": "0.60", "post_only": True}, "invalid post-only order: order crosses book"),
    ],
)
def test_a_bad_order_is_refused_in_the_exchanges_words(world, order, words):
    world.quote(YES, "0.55", "100")
    with pytest.raises(Refused, match=words):
        buy(world, **{"price": "0.54", "shares": "10", **order})

    assert not mine(world).owed


def test_a_tiny_order_that_takes_is_refused(world):
    world.quote(YES, "0.05", "100")
    with pytest.raises(Refused, match=r"min size: \$1"):
        buy(world, "0.05", "10")


def test_the_same_order_twice_is_a_duplicate(world):
    first = buy(world, "0.50", "10")
    with pytest.raises(Refused, match="Duplicated"):
        buy(world, "0.50", "10", order_id=first.order_id)


def test_what_rests_is_held_and_cannot_be_spent_twice(world):
    buy(world, "0.50", "1900")
    with pytest.raises(Refused, match="not enough balance"):
        buy(world, "0.50", "200")
    with pytest.raises(Refused, match="not enough balance"):
        sell(world, "0.50", "10")


def test_a_taking_order_of_a_game_is_held_and_looked_at_again(world):
    world.market.delay = 1
    quote = world.quote(YES, "0.55", "100")
    held = buy(world, "0.60", "10")
    assert held.status == "DELAYED"
    assert "delayed" in world.exchange.cancel("mine", held.order_id, now=world.clock.now())
    late = buy(world, "0.60", "10")
    world.exchange.cancel("maker", quote.order_id, now=world.clock.now())
    world.quote(YES, "0.58", "10")
    wait(world, 2)

    assert (held.status, held.paid) == ("MATCHED", Decimal("5.8"))
    assert (late.status, late.matched) == ("LIVE", 0)  # nothing was left to take: it rests


def test_the_book_is_wiped_when_the_game_starts(world):
    world.market.starts_at = world.clock.now() + timedelta(hours=1)
    rests = buy(world, "0.50", "10")
    wait(world, 3601)

    assert rests.status == "CANCELED"
    assert buy(world, "0.50", "10").status == "LIVE"  # and trading goes on


def test_gtd_needs_three_minutes_and_ends(world):
    soon = world.clock.now() + timedelta(seconds=60)
    with pytest.raises(Refused, match="invalid expiration"):
        buy(world, "0.50", "10", kind="GTD", expires_at=soon)
    order = buy(world, "0.50", "10", kind="GTD", expires_at=soon + timedelta(minutes=4))
    wait(world, 400)

    assert order.status == "CANCELED_EXPIRED_ORDER"


@pytest.mark.parametrize(("payout", "paid"), [("1", 100), ("0", 0), ("0.5", 50)])
def test_redemption_pays_the_vector_once(world, payout, paid):
    world.quote(YES, "0.55", "100")
    buy(world, "0.60", "100")
    wait(world, 20)
    before, first = mine(world).cash, Decimal(payout)
    condition = world.market.condition
    with pytest.raises(Refused, match="not resolved"):
        world.exchange.redeem(world.owner, condition, now=world.clock.now())
    world.exchange.resolve(condition, (first, 1 - first), now=world.clock.now())

    got = [world.exchange.redeem(world.owner, condition, now=world.clock.now()) for _ in range(2)]

    assert got == [paid, 0]
    assert mine(world).cash - before == paid
    with pytest.raises(Refused, match="not yet ready"):
        buy(world, "0.50", "10")
