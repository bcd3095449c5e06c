"""What can go wrong between two legs, on both exchanges' own protocols: `make chaos` runs it all.

The suite runs a part of it (tests/flows/test_pairs.py); `CHAOS_GAMES` sets the length of a session.
"""

import os
import random
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

import pytest

from markets import pairing
from markets.models import Opportunity, Pair
from risk.models import RiskState
from sandbox.faults import Kind
from tests.pair_live import PairLive, pair_live
from tests.world import assert_invariants
from tests.yes import proof_of
from trading import manual, pair_views
from trading.domain.pair_state import PairState
from trading.models import Decision, Order, PairTrade

D = Decimal
FIRST = ("full", "partial", "none", "late", "unknown", "void")
SECOND = ("full", "partial", "none", "late", "unknown", "refused")
COMBINATIONS = [(first, second) for first in FIRST for second in SECOND]
POST_FIRST, POST_SECOND = "POST /order", "POST /trade-api/v2/portfolio/events/orders"
ENDS = {"HEDGED", "FLAT", "ABORTED", "MANUAL"}
PARTS = 4  # of a session
SLACK = 3.0  # seconds between two looks of the coordinator here
# Where each combination ends; what is not here may end in any way that is allowed.
EXPECTED = {
    ("full", "full"): "HEDGED",
    ("full", "partial"): "HEDGED",
    ("full", "none"): "FLAT",
    ("full", "late"): "HEDGED",
    ("full", "unknown"): "MANUAL",
    ("full", "refused"): "HEDGED",
    ("partial", "full"): "HEDGED",
    ("late", "full"): "HEDGED",
    ("late", "none"): "FLAT",
    ("void", "full"): "HEDGED",
    **{("none", second): "ABORTED" for second in SECOND},
    **{("unknown", second): "ABORTED" for second in SECOND},
}


class Killed(BaseException):
    """The coordinator's process ended here."""


def run_one(
    live: PairLive,
    first: str,
    second: str,
    *,
    crash: int = 0,
    is_sure: bool = True,
    by_hand: bool = False,
) -> PairTrade:
    """Trade one game with chosen leg outcomes, killed at the nth look at the clock; judge it."""
    game = gap_game(live)
    before = cash_of(live)
    known = set(PairTrade.objects.values_list("pk", flat=True))
    live.watch.before = lambda: bend(live, game, first=first, second=second)
    killed_at(live, crash, live.look)
    if not PairTrade.objects.exclude(pk__in=known).exists():
        live.look()  # it died before it had begun anything
    if not PairTrade.objects.exclude(pk__in=known).exists():
        raise AssertionError(why_not(live, game))
    trade = PairTrade.objects.exclude(pk__in=known).get()
    longest, widest = 0.0, D(0)

    def over() -> bool:
        nonlocal longest, widest
        trade.refresh_from_db()
        widest = max(widest, open_notional(live, trade))
        if trade.unhedged_at is not None and trade.state != "MANUAL":
            longest = max(longest, (live.now - trade.unhedged_at).total_seconds())
        return trade.state in ENDS

    live.drive(until=over, most=400)
    if trade.state == "MANUAL":
        # Evidence goes on being looked for: an order in doubt must not stay in doubt.
        live.drive(until=lambda: not in_doubt(trade), most=400)
    heal(live)
    if by_hand:
        owner, note = live.account.owner, "looked at both"
        took = dict(trade_id=trade.pk, by=owner, note=note, now=live.now)
        proof = proof_of(manual.pair_digest(trade), by=owner, now=live.now)
        assert "asks for" in manual.take_over(**took)
        assert manual.take_over(**took, proof=proof) == ""
        live.pass_time(5)
        live.watch.drive()
        trade.refresh_from_db()
        assert trade.state in ("HEDGED", "FLAT")
    expected = EXPECTED.get((first, second)) if is_sure and not crash else None
    assert widest <= pair_views.bounds_of(trade).max_unhedged + D("0.01"), widest
    judge_end(live, trade, longest, expected=expected)
    live.finish(game)
    trade.refresh_from_db()
    assert trade.settled_at is not None or trade.state == "ABORTED", trade.state
    if "taken_over" not in trade.figures:  # else its positions tell
        assert cash_of(live) - before == (trade.realised or 0)
    return trade


def gap_game(live: PairLive):
    """Return a game with the one gap that is traded; where somebody's order stands in the way of
    it, another game.
    """
    for _ in range(10):
        game = fresh_game(live)
        live.match()
        if not Pair.objects.filter(event=game.draft.ticker).exists():
            live.skipped.add(game.draft.ticker)
            assert game.draft.ticker in dict(pairing.refused()), pairing.refused()
            continue
        live.trade_only(game)
        live.make_gap(game)
        if all(game.quotes.get(venue) for venue in ("polymarket", "kalshi")):
            first = live.book(game.draft.tokens[0])
            if first is not None and first.asks and first.asks[0].price == D("0.40"):
                return game
        live.skipped.add(game.draft.ticker)
    raise AssertionError("no game takes the offers of a gap")


def why_not(live: PairLive, game) -> list[str]:
    """Return what is known of a game whose gap was not traded."""
    pair = Pair.objects.get(event=game.draft.ticker)
    rows = Opportunity.objects.filter(pair=pair).order_by("-last_seen")[:4]
    said = Decision.objects.filter(accepted=False, inputs__pair=str(pair)).order_by("-at")[:6]
    found = live.watch._scanner.pairs.get(pair.pk)
    return [
        f"{pair} {pair.state} {pair.frozen_why} {pair.blocked_why} {pair.starts_at} {live.now}",
        f"{found}",
        *(f"{each.route} {each.first_seen} {each.ended_at} {each.net}" for each in rows),
        *(f"{each.at} {each.reason}: {each.sentence}" for each in said),
    ]


def in_doubt(trade: PairTrade) -> bool:
    return trade.orders.filter(state__in=["UNKNOWN", "SENDING", "DELAYED"]).exists()


def fresh_game(live: PairLive):
    traded = {trade.pair.event for trade in PairTrade.objects.select_related("pair")}
    for _ in range(200):
        for game in live.games():
            is_standard = game.draft.league.name in ("NBA", "NHL")
            soon = (game.draft.starts_at - live.now).total_seconds() < 150
            known = traded | live.skipped
            if is_standard and not soon and game.draft.ticker not in known:
                return game
        live.pass_time(60)
    raise AssertionError("no game is left")


def killed_at(live: PairLive, crash: int, work) -> None:
    """Let the coordinator's process end at its nth look at the clock; another one follows."""
    looks, clock = [0], live.watch.now

    def now() -> datetime:
        looks[0] += 1
        if looks[0] == crash:
            raise Killed
        return clock()

    live.watch.now = now
    try:
        work()
        if crash:
            for _ in range(40):
                live.watch.drive()
                live.pass_time(1)
    except Killed:
        pass  # the next coordinator goes on below
    finally:
        live.watch.now = clock


def bend(live: PairLive, game, *, first: str, second: str) -> None:
    """Let the first leg, and the first try of the second one, end in a chosen way."""
    if first in ("none", "partial"):
        live.withdraw(game, "polymarket")
        if first == "partial":
            live.offer_first(game, "0.40", "30")
    elif first in ("late", "unknown"):
        kind = Kind.ACCEPT_THEN_CLOSE if first == "late" else Kind.CLOSE_AFTER_BODY
        live.fail("polymarket", kind, POST_FIRST)
    elif first == "void":
        done = sum(1 for trade in live.polymarket.trades if trade.number)
        live.polymarket.rules = replace(live.polymarket.rules, fails={done + 1})
    if second in ("none", "partial"):
        live.withdraw(game, "kalshi")
        if second == "partial":
            live.offer_second(game, "0.50", "40")
    elif second in ("late", "unknown", "refused"):
        kind = {
            "late": Kind.ACCEPT_THEN_CLOSE,
            "unknown": Kind.CLOSE_AFTER_BODY,
            "refused": Kind.STATUS,
        }[second]
        live.fail("kalshi", kind, POST_SECOND)


def heal(live: PairLive) -> None:
    for failing in live.sandbox.failing.values():
        failing._rules.clear()
    live.polymarket.rules = replace(live.polymarket.rules, fails=frozenset())


def open_notional(live: PairLive, trade: PairTrade) -> Decimal:
    """Return what is known to be open on one side, USD, whichever side it is."""
    legs = pair_views.view(trade, now=live.now, is_stopped=False)
    return legs.naked * legs.paid if legs.naked > 0 else -legs.naked * legs.paid_second


def judge_end(live: PairLive, trade: PairTrade, longest: float, *, expected: str | None) -> None:
    bounds = pair_views.bounds_of(trade)
    legs = pair_views.view(trade, now=live.now, is_stopped=False)
    seconds = float(bounds.hedge_hard + bounds.unwind_wait)
    assert longest <= seconds + SLACK, longest
    if trade.state in ("HEDGED", "FLAT", "ABORTED") and "taken_over" not in trade.figures:
        assert abs(legs.naked) <= legs.dust
    if expected is not None:
        assert trade.state == expected, [each.sentence for each in trade.events.order_by("pk")]
    # What an unwind lost stays within its bound.
    lost = D(str(trade.figures.get("unwound_loss", "0")))
    sold = D(str(trade.figures.get("unwound_shares", "0")))
    assert lost <= bounds.hedge_loss * sold + D("0.01")
    for order in Order.objects.filter(pair_trade=trade):
        assert list(order.events.values_list("new", flat=True)).count("SENDING") <= 1
    live.judge()
    assert_invariants()


def cash_of(live: PairLive) -> Decimal:
    return RiskState.objects.get(account=live.account).cash


@pytest.fixture
def live(transactional_db):
    with pair_live() as made:
        yield made


@pytest.mark.parametrize("first", FIRST)
def test_every_combination_of_leg_outcomes(live, first):
    for second in SECOND:
        run_one(live, first, second)


@pytest.mark.parametrize("crash", range(1, 13))
def test_every_crash_point_of_the_coordinator(live, crash):
    for first, second in (("full", "full"), ("full", "none"), ("late", "late"), ("void", "full")):
        run_one(live, first, second, crash=crash)


@pytest.mark.parametrize("seed", range(PARTS))
def test_a_session_of_many_games(live, seed):
    """The living market, with every kind of outcome drawn at random; parts run side by side."""
    session(live, count=max(int(os.environ.get("CHAOS_GAMES", "1000")) // PARTS, 1), seed=seed)


def session(live: PairLive, *, count: int, seed: int) -> None:
    draw = random.Random(seed)
    before = cash_of(live)
    for _ in range(count):
        first, second = draw.choice(COMBINATIONS)
        crash = draw.choice((0, 0, 0, draw.randint(1, 12)))
        # Others trade too: what was offered for an unwind may be gone.
        run_one(live, first, second, crash=crash, is_sure=False)
    states = set(PairTrade.objects.values_list("state", flat=True))
    assert states <= {PairState.HEDGED, PairState.FLAT, PairState.MANUAL, PairState.ABORTED}
    realised = sum((trade.realised or D(0) for trade in PairTrade.objects.all()), D(0))
    assert cash_of(live) - before == realised
    assert PairTrade.objects.count() == count
