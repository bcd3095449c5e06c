"""Track records know only what was settled before; signals add up; scores stay in their range."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from venues.types import Side
from whales.domain.score import score
from whales.domain.signal import WhaleFill, group, sold_fraction
from whales.domain.track_record import Settled, WalletTrade, track_record

START = datetime(2026, 1, 1, 12, tzinfo=UTC)
WINDOW = timedelta(seconds=2)


def bet(day: float, *, price="0.50", shares="100", side=Side.BUY, market="m", token="m:Yes"):
    return WalletTrade(
        market=market,
        token=token,
        side=side,
        price=Decimal(price),
        shares=Decimal(shares),
        at=START + timedelta(days=day),
    )


def settled(day: float, paid="1", market="m") -> dict[str, Settled]:
    payouts = {f"{market}:Yes": Decimal(paid)}
    return {market: Settled(payouts=payouts, at=START + timedelta(days=day))}


def test_a_moment_knows_only_what_was_settled_before_it():
    bets, results = [bet(0)], settled(5)

    before = track_record(bets, results, as_of=START + timedelta(days=5))
    after = track_record(bets, results, as_of=START + timedelta(days=5, seconds=1))

    assert before.closes == ()
    assert score(before) is None
    assert [close.pnl for close in after.closes] == [50]


def test_a_sale_closes_its_share_at_average_cost():
    bets = [bet(0, price="0.40"), bet(1, price="0.60"), bet(2, price="0.70", side=Side.SELL)]

    record = track_record(bets, {}, as_of=START + timedelta(days=3))

    (close,) = record.closes
    assert (close.cost, close.pnl) == (50, 20)
    assert record.days[2].pnl == 20
    assert record.days[2].at_risk == 100


def test_shares_never_seen_bought_have_no_result():
    record = track_record([bet(0, side=Side.SELL)], {}, as_of=START + timedelta(days=1))

    assert record.closes == ()


def test_half_a_payout_is_half():
    record = track_record([bet(0)], settled(1, "0.5"), as_of=START + timedelta(days=2))

    assert record.closes[0].pnl == 0


trades = st.lists(
    st.builds(
        bet,
        st.floats(0, 60),
        price=st.integers(1, 99).map(lambda n: f"0.{n:02d}"),
        shares=st.integers(1, 9999).map(str),
        side=st.sampled_from(Side),
        market=st.just("m"),
    ),
    max_size=40,
)


@given(bets=trades, paid=st.sampled_from(["0", "0.5", "1"]), day=st.floats(1, 70))
def test_a_score_stays_in_its_range_and_the_future_changes_nothing(bets, paid, day):
    as_of = START + timedelta(days=40)
    known = [each for each in bets if each.at < as_of]

    found = score(track_record(bets, settled(day, paid), as_of=as_of))
    blind = score(track_record(known, settled(day, paid), as_of=as_of))

    assert found == blind
    if found is not None:
        assert 0 <= found.score <= 100
        assert 0 <= found.consistency <= 100
        assert 0 <= found.win_rate <= 100


def test_more_settled_bets_of_the_same_kind_earn_a_higher_score():
    def record(count: int):
        bets, results = [], {}
        for number in range(count):
            name = f"m{number}"
            bets.append(bet(number / 2, market=name, token=f"{name}:Yes", shares="2000"))
            results |= settled(number / 2 + 1, "1" if number % 4 else "0", market=name)
        return track_record(bets, results, as_of=START + timedelta(days=count))

    few, many = score(record(10)), score(record(120))

    assert few.score < many.score


def fill(number: int, *, seconds: float, transaction: str = "", outcome=1, side=Side.BUY):
    return WhaleFill(
        id=number,
        whale_id=1,
        outcome_id=outcome,
        market="m",
        token=f"t{outcome}",
        side=side,
        transaction=transaction or f"tx{number}",
        counter=number,
        price=Decimal("0.5"),
        shares=Decimal(10),
        at=START + timedelta(seconds=seconds),
    )


def test_fills_within_the_window_of_the_first_add_up():
    orders = group([fill(1, seconds=0), fill(2, seconds=2), fill(3, seconds=3)], window=WINDOW)

    assert [[each.id for each in order.fills] for order in orders] == [[1, 2], [3]]


def test_fills_of_one_transaction_add_up_however_late():
    orders = group(
        [fill(1, seconds=0, transaction="t"), fill(2, seconds=60, transaction="t")], window=WINDOW
    )

    assert len(orders) == 1


def test_other_outcomes_and_sides_are_other_orders():
    fills = [fill(1, seconds=0), fill(2, seconds=0, outcome=2), fill(3, seconds=0, side=Side.SELL)]

    assert len(group(fills, window=WINDOW)) == 3


@given(
    seconds=st.lists(st.integers(0, 30), min_size=1, max_size=20),
    window=st.integers(0, 10),
)
def test_no_fill_is_lost_or_counted_twice(seconds, window):
    fills = [fill(number, seconds=at) for number, at in enumerate(seconds)]

    orders = group(fills, window=timedelta(seconds=window))

    assert sorted(each.id for order in orders for each in order.fills) == list(range(len(fills)))


def test_a_sale_of_unknown_shares_counts_as_everything():
    assert sold_fraction(held_before=Decimal(0), sold=Decimal(5)) == 1
    assert sold_fraction(held_before=Decimal(4), sold=Decimal(5)) == 1
    assert sold_fraction(held_before=Decimal(20), sold=Decimal(5)) == Decimal("0.25")
