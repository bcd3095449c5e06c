"""The brain between two legs: every kind of evidence, in every order, from whatever moment."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk.domain.pairs import PairLimits
from trading.domain.legs import End, Legs, LegTerms, OrderView, Place, Wait, decide
from trading.domain.order_state import OrderState as S
from trading.domain.pair_state import NEXT, PairState, Role

D = Decimal
P = PairState
BOUNDS = PairLimits()
HEDGE = OrderView(
    role=Role.HEDGE, state=S.RESERVED, waits=True, filled=D(0), confirmed=D(0), cost=D(0)
)


def order(role=Role.FIRST, state=S.FILLED, filled="100", confirmed=None, price="0.5"):
    shares = D(filled)
    return OrderView(
        role=role,
        state=state,
        waits=False,
        filled=shares,
        confirmed=shares if confirmed is None else D(confirmed),
        cost=shares * D(price),
    )


def legs(*orders, state=P.LEG1_SENT, late=0.0, **more):
    found = Legs(
        state=state,
        orders=tuple(orders),
        bounds=BOUNDS,
        first=LegTerms(tick=D("0.01"), rate=D("0.05")),
        second=LegTerms(tick=D("0.01"), rate=D("0.07")),
        second_price=D("0.45"),
        min_edge=D("0.015"),
        unhedged_for=late,
    )
    return replace(found, **more)


class TestSteps:
    def test_what_is_known_to_be_bought_is_hedged_exactly(self):
        step = decide(legs(order(filled="87.35"), HEDGE))

        assert isinstance(step, Place)
        assert (step.role, step.shares) == (Role.HEDGE, D("87.35"))
        assert step.limit == D("0.46")  # 0.50 + 0.46 + its fee leave the edge

    def test_a_doubtful_first_leg_is_never_hedged_blind(self):
        doubt = order(state=S.UNKNOWN, filled="0")

        assert isinstance(decide(legs(doubt, HEDGE, late=60)), Wait)

    def test_evidence_of_a_doubtful_leg_is_hedged_after_a_moment(self):
        doubt = order(state=S.UNKNOWN, filled="40")

        assert isinstance(decide(legs(doubt, HEDGE, late=1)), Wait)
        step = decide(legs(doubt, HEDGE, late=4))
        assert (step.role, step.shares) == (Role.HEDGE, D("40.00"))

    def test_nothing_is_placed_beside_a_hedge_that_may_live(self):
        for state in (S.SENDING, S.UNKNOWN, S.LIVE, S.DELAYED, S.PARTIAL):
            open_hedge = order(Role.HEDGE, state, filled="0")
            assert isinstance(decide(legs(order(), open_hedge, state=P.HEDGING, late=10)), Wait)

    def test_prices_worsen_only_to_the_bound_then_the_first_leg_is_sold(self):
        none = order(Role.HEDGE, S.CANCELED, filled="0")
        limits = [
            decide(legs(order(), *[none] * tries, state=P.HEDGING)).limit for tries in range(3)
        ]
        assert limits == sorted(limits)
        worst = limits[-1]
        assert D("0.5") + worst + D("0.07") * worst * (1 - worst) <= 1 + BOUNDS.hedge_loss

        step = decide(legs(order(), *[none] * 3, state=P.HEDGING))
        assert (step.role, step.shares) == (Role.UNWIND, D("100.00"))
        got = step.limit - D("0.05") * step.limit * (1 - step.limit)
        assert D("0.5") - got <= BOUNDS.hedge_loss

    def test_late_is_too_late_for_a_hedge(self):
        step = decide(legs(order(), HEDGE, late=16))

        assert step.role is Role.UNWIND

    def test_only_settled_shares_are_sold_and_then_waited_for(self):
        provisional = order(confirmed="0")
        none = [order(Role.HEDGE, S.CANCELED, filled="0")] * 3

        assert isinstance(decide(legs(provisional, *none, late=20)), Wait)
        assert decide(legs(provisional, *none, late=121)).state is P.MANUAL

    def test_a_sale_is_no_end_before_it_is_settled(self):
        sold = order(Role.UNWIND, confirmed="0")

        assert isinstance(decide(legs(order(), sold, state=P.UNWINDING)), Wait)
        done = decide(legs(order(), replace(sold, confirmed=D(100)), state=P.UNWINDING))
        assert done == End(state=P.FLAT, sentence=done.sentence)

    def test_what_the_chain_lost_is_bought_again_or_its_other_side_sold(self):
        hedged = order(Role.HEDGE, filled="100", price="0.45")
        lost = order(filled="0")

        assert decide(legs(lost, hedged, state=P.HEDGED_PROVISIONAL)).role is Role.REBUY
        late = decide(legs(lost, hedged, state=P.HEDGED_PROVISIONAL, late=16))
        assert late.role is Role.UNHEDGE

    def test_orders_refused_here_are_no_tries(self):
        denied = order(Role.HEDGE, S.DENIED, filled="0")

        assert isinstance(decide(legs(order(), *[denied] * 5, refused_for=0.1)), Wait)
        assert decide(legs(order(), *[denied] * 5, refused_for=2.0)).role is Role.HEDGE

    def test_without_money_for_another_hedge_the_first_leg_is_sold(self):
        none = order(Role.HEDGE, S.CANCELED, filled="0")

        assert decide(legs(order(), none, free=D(1))).role is Role.UNWIND

    def test_stop_everything_stops_hedges_too(self):
        assert isinstance(decide(legs(order(), HEDGE, is_stopped=True)), Wait)

    def test_a_tail_too_small_to_sell_is_told(self):
        hedged = order(Role.HEDGE, filled="99")

        step = decide(legs(order(), hedged, state=P.HEDGING))

        assert step.state is P.HEDGED
        assert "1 shares stay open" in step.sentence


ROLES = st.sampled_from([Role.HEDGE, Role.UNWIND, Role.REBUY, Role.UNHEDGE])
AMOUNTS = st.sampled_from(["0", "0.5", "40", "100"])
ORDERS = st.builds(order, ROLES, st.sampled_from(list(S)), AMOUNTS, AMOUNTS)


@given(
    first=st.builds(order, st.just(Role.FIRST), st.sampled_from(list(S)), AMOUNTS),
    more=st.lists(ORDERS, max_size=5),
    waits=st.booleans(),
    state=st.sampled_from([s for s in P if NEXT[s] and s not in (P.HEDGED, P.FLAT, P.ABORTED)]),
    late=st.floats(0, 300),
    stopped=st.booleans(),
)
def test_whatever_is_known_nothing_is_doubled_or_done_blind(
    first, more, waits, state, late, stopped
):
    known = legs(
        first, *more, *([HEDGE] if waits else []), state=state, late=late, is_stopped=stopped
    )
    step = decide(known)

    alive = [each for each in known.orders if not each.is_over and not each.waits]
    if isinstance(step, Place):
        assert not stopped
        assert all(each.role is Role.FIRST for each in alive)
        assert 0 < step.shares <= abs(known.naked)
        assert 0 < step.limit < 1
        if step.role is Role.UNWIND:
            assert step.shares <= known.confirmed(first=True)
        if step.role is Role.UNHEDGE:
            assert step.shares <= known.confirmed(first=False)
    if state is P.AWAITING_APPROVAL:
        assert not isinstance(step, Place)
    elif isinstance(step, End) and step.state in (P.HEDGED, P.FLAT, P.ABORTED):
        assert not alive
        assert abs(known.naked) <= max(known.dust, D("0.01"))
    assert state is not P.MANUAL or not isinstance(step, Place)


@pytest.mark.parametrize("state", list(P))
def test_the_table_lists_every_state(state):
    assert state in NEXT
