"""What two books earn together: walked exactly, net of both fees, never over a cap."""

import gzip
import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from markets.domain import arbitrage
from markets.domain.arbitrage import Asked, Caps, Side, gap, hedge_limit, quote, unwind_limit
from markets.domain.contracts import Known, masked_hash, read
from markets.domain.matching import match
from markets.domain.payoff import MATRIX, Branch, Route, worst
from markets.domain.scanner import Scanner, Watched
from sandbox import texts
from venues.kalshi.fees import taker_fee as kalshi_fee
from venues.kalshi.games import GameEvent
from venues.kalshi.games import Side as Contract
from venues.polymarket.fees import taker_fee
from venues.polymarket.games import GameMarket

D = Decimal
P_RATE, K_RATE = D("0.05"), D("0.07")


def side(*levels, token="p", rate=P_RATE, **more):
    asks = tuple((int(D(price) * 10_000), int(D(size) * 1_000_000)) for price, size in levels)
    return Side(token=token, asks=asks, fee_rate=rate, **more)


def both(first, second, *, reserve="0", caps=None, route=Route.R1, **more):
    made = Asked(reserve=D(reserve), **more)
    return quote(route, side(*first), side(*second, token="k", rate=K_RATE), asked=made, caps=caps)


class TestWalk:
    def test_a_worked_example(self):
        """49 + 46 cents: fees of 1.2495 and 1.7388 cents leave 2.0117 cents of a share."""
        found = both([("0.49", "200")], [("0.46", "500")])

        assert found.shares == 200
        assert found.gross == D("10.00")
        assert found.first.fee == taker_fee(price=D("0.49"), shares=D(200), rate=P_RATE)
        assert found.second.fee == kalshi_fee(price=D("0.46"), shares=D(200), rate=K_RATE)
        assert found.profit == D("10.00") - found.fees
        assert abs(found.edge - D("0.020117")) < D("0.000001")

    def test_it_stops_at_the_level_that_earns_nothing(self):
        found = both([("0.49", "100"), ("0.60", "100")], [("0.46", "50"), ("0.47", "500")])

        assert found.shares == 100
        assert (found.first.limit, found.second.limit) == (D("0.49"), D("0.47"))
        assert found.second.average == D("0.465")

    def test_fees_alone_can_eat_a_gap(self):
        assert both([("0.50", "100")], [("0.48", "100")]) is None
        assert (
            "nothing is left"
            in gap(side(("0.50", "1")), side(("0.48", "1"), rate=K_RATE), reserve=D(0)).sentence
        )

    def test_the_reserve_comes_off_the_edge(self):
        assert both([("0.49", "200")], [("0.46", "500")], reserve="0.02") is not None
        assert both([("0.49", "200")], [("0.46", "500")], reserve="0.021") is None

    def test_whole_lots_are_cut_from_the_worst_end(self):
        found = both([("0.40", "10.70")], [("0.40", "3.20"), ("0.41", "50")])

        assert found.shares == 10
        assert found.second.depth == D("53.20")

    def test_depth_is_kept_for_the_hedge(self):
        found = both([("0.40", "500")], [("0.40", "100")], depth=2)

        assert found.shares == 50

    @pytest.mark.parametrize(
        ("caps", "shares"),
        [
            (Caps(first=D(5), second=D(100), total=D(100)), 11),
            (Caps(first=D(100), second=D(5), total=D(100)), 11),
            (Caps(first=D(100), second=D(100), total=D(10)), 11),
        ],
    )
    def test_no_cap_is_passed(self, caps, shares):
        found = both([("0.42", "500")], [("0.42", "500")], caps=caps)

        assert found.shares == shares
        assert found.first.cost + found.first.fee <= caps.first
        assert found.second.cost + found.second.fee <= caps.second
        assert found.capital <= caps.total

    def test_among_equal_edges_the_smaller_worst_branch_wins(self):
        dear = both([("0.60", "100")], [("0.32", "100")], route=Route.R1)
        cheap = both([("0.32", "100")], [("0.60", "100")], route=Route.R3)
        assert cheap.worst_loss < dear.worst_loss
        even = replace(dear, reserve=dear.reserve + (dear.net - cheap.net) / dear.shares)
        assert abs(even.net - cheap.net) < D("0.000001")

        assert arbitrage.best([even, cheap]) is cheap
        assert arbitrage.best([cheap, even]) is cheap


levels = st.lists(
    st.tuples(st.integers(100, 9_900), st.integers(1, 500_000)),
    min_size=1,
    max_size=12,
    unique_by=lambda level: level[0],
).map(lambda found: [(D(price) / 10_000, D(size) / 100) for price, size in sorted(found)])


@given(first=levels, second=levels, cap=st.integers(1, 2_000), reserve=st.integers(0, 20))
def test_a_walk_spends_no_more_than_it_may_and_earns_what_it_says(first, second, cap, reserve):
    caps = Caps(first=D(cap), second=D(cap), total=D(cap))
    found = both(first, second, reserve=str(D(reserve) / 1000), caps=caps)

    if found is None:
        return
    assert found.first.cost + found.first.fee <= caps.first
    assert found.capital <= caps.total + D("0.01")  # the exchange rounds its fee up
    assert found.net > 0
    # Dear, independent arithmetic: the same shares bought level by level, in Decimal.
    for leg, asks, fee in ((found.first, first, taker_fee), (found.second, second, kalshi_fee)):
        left, cost, paid = found.shares, D(0), D(0)
        rate = P_RATE if fee is taker_fee else K_RATE
        for price, size in asks:
            taken = min(left, size)
            if taken <= 0:
                break
            left, cost = left - taken, cost + price * taken
            paid += fee(price=price, shares=taken, rate=rate)
        assert left == 0
        assert leg.cost == cost
        assert abs(leg.fee - paid) <= D("0.0001") * len(asks)


@given(first=levels, second=levels)
def test_the_quick_scan_finds_what_a_walk_of_every_route_finds(first, second):
    pair = watched()
    scanner = Scanner([pair])
    asks = {"a": first, "h": second, "ay": second, "an": first, "hy": second, "hn": second}
    for token, found in asks.items():
        scanner.update(token, side(*found).asks)

    quick = {each.quote.route: each.quote for each in scanner.scan()}

    slow = {
        route: made
        for route in Route
        if (made := quote(route, *scanner.halves(1, route), asked=Asked(reserve=pair.reserve)))
    }
    assert quick == slow
    one = {each.quote.route: each.quote for each in scanner.scan_token("a")}
    assert one == {route: made for route, made in slow.items() if route.buys_away}


def watched(pair=1):
    kalshi = {
        route: Side(token=name, asks=(), fee_rate=K_RATE)
        for route, name in zip(Route, ("hy", "an", "ay", "hn"), strict=True)
    }
    return Watched(
        pair=pair,
        league="NBA",
        away=Side(token="a", asks=(), fee_rate=P_RATE),
        home=Side(token="h", asks=(), fee_rate=P_RATE),
        kalshi=kalshi,
        reserve=D("0.005"),
    )


def test_a_book_that_is_not_known_earns_nothing():
    scanner = Scanner([watched()])
    for token in ("a", "hy"):
        scanner.update(token, side(("0.40", "10")).asks)
    assert len(scanner.scan()) == 1

    scanner.update("hy", ())

    assert scanner.scan() == []


class TestLimits:
    def test_a_hedge_pays_up_to_what_the_pair_may_cost(self):
        limit = hedge_limit(paid=D("0.50"), rate=K_RATE, tick=D("0.01"), most=D("0.99"))

        assert limit == D("0.47")
        assert D("0.50") + limit + K_RATE * limit * (1 - limit) <= D("0.99")
        dearer = limit + D("0.01")
        assert D("0.50") + dearer + K_RATE * dearer * (1 - dearer) > D("0.99")

    def test_no_room_is_no_limit(self):
        assert hedge_limit(paid=D("0.999"), rate=K_RATE, tick=D("0.01"), most=D(1)) is None

    def test_an_unwind_loses_no_more_than_the_bound(self):
        limit = unwind_limit(paid=D("0.51"), rate=P_RATE, tick=D("0.01"), loss=D("0.04"))

        assert D("0.51") - (limit - P_RATE * limit * (1 - limit)) <= D("0.04")
        assert limit == D("0.49")


class TestPayoff:
    @pytest.mark.parametrize("route", list(Route))
    def test_a_game_played_in_time_pays_a_dollar_on_every_route(self, route):
        for row in MATRIX[:3]:  # away, home, tie
            assert sum(row.pays(route, fair_away=D("0.3"))) == 1

    @pytest.mark.parametrize(
        ("route", "branch", "pays"),
        [
            # Reference: game-rules.md section 5, rows 6 and 7, with F = 0.30 for the away team.
            (Route.R1, Branch.CANCELLED, "1.2"),  # 1.5 - F
            (Route.R3, Branch.CANCELLED, "0.8"),  # 0.5 + F
            (Route.R1, Branch.LATE_AWAY, "1.7"),  # g + 1 - F, g = 1
            (Route.R1, Branch.LATE_HOME, "0.7"),
            (Route.R4, Branch.LATE_AWAY, "0.3"),  # 1 - g + F
            (Route.R4, Branch.LATE_HOME, "1.3"),
        ],
    )
    def test_the_branches_where_the_contracts_part(self, route, branch, pays):
        row = next(each for each in MATRIX if each.branch is branch)

        assert sum(row.pays(route, fair_away=D("0.3"))) == D(pays)

    def test_the_worst_branch_loses_what_polymarket_cost(self):
        """Section 5: make-up lost, (k - c) / c = -p / c; at p = .50 and c = .98 that is -51%."""
        found = worst(Route.R1, cost=D("0.98"), kalshi_price=D("0.48"))

        assert found.branch is Branch.LATE_HOME
        assert round(found.result / D("0.98"), 2) == D("-0.51")


START = datetime(2026, 11, 22, 0, 30, tzinfo=UTC)


def pair(league="NBA", **changes):
    """Return a match as the sandbox's exchanges would list it."""
    slug, teams, cities, codes = {
        "NBA": ("nba-bos-lal", ("Celtics", "Lakers"), ("Boston", "Los Angeles L"), ("BOS", "LAL")),
        "NHL": ("nhl-bos-tor", ("Bruins", "Maple Leafs"), ("Boston", "Toronto"), ("BOS", "TOR")),
        "NFL": ("nfl-kc-buf", ("Chiefs", "Bills"), ("Kansas City", "Buffalo"), ("KC", "BUF")),
    }[league]
    event = f"KX{league}GAME-26NOV21{''.join(codes)}"
    sides = []
    for code, city in zip(codes, cities, strict=True):
        who, more = texts.kalshi(league, city, cities, START)
        sides.append(
            Contract(
                ticker=f"{event}-{code}",
                label=city,
                team_id=f"id-{code}",
                rules=who,
                more_rules=changes.get("more_rules", more),
                kind="binary",
                strike="structured",
                closes_early="once a winner is declared",
                expires_at=START.replace(day=24),
                status="active",
            )
        )
    market = GameMarket(
        slug=f"{slug}-2026-11-21",
        market="0x1",
        outcomes=teams,
        tokens=("1", "2"),
        kind="moneyline",
        starts_at=changes.get("starts_at", START),
        rules=changes.get("rules", texts.polymarket(league, teams, START)),
        source=texts.SITES[league],
    )
    listed = GameEvent(
        event=event,
        series=event[:9],
        sides=tuple(sides),
        competition=changes.get("competition", texts.COMPETITIONS[league]),
        scope="Game",
        is_exclusive=True,
        sources=(texts.SITES[league],),
        starts_at=changes.get("kalshi_start", START),
        rulebook=texts.rulebook_hash(league),
    )
    return match([market], [listed]).pairs[0]


def known(league="NBA"):
    teams = ("Reds", "Blues")
    text = texts.polymarket(league, teams, START)
    return Known(
        texts={league: (masked_hash(text, teams)[:16],)},
        rulebooks={league: (texts.rulebook_hash(league)[:8],)},
    )


class TestContracts:
    @pytest.mark.parametrize("league", ["NBA", "NFL", "NHL"])
    def test_the_standard_shape_is_recognised(self, league):
        found = read(pair(league), known=known(league))

        assert found.failed == ()
        assert found.is_standard
        assert found.tie_pays
        assert found.text_hash != found.rules_hash

    @pytest.mark.parametrize(
        ("changes", "line"),
        [
            ({"rules": texts.polymarket("NBA", ("Celtics", "Lakers"), START) + " Or not."}, "text"),
            ({"more_rules": "If it rains, everything resolves to Yes."}, "no surprise"),
            ({"competition": "Pro Basketball Preseason"}, "season"),
            ({"kalshi_start": START.replace(hour=3)}, "start"),
            (
                {
                    "more_rules": texts.kalshi("NBA", "Boston", ("a", "b"), START)[1].replace(
                        "48 hours", "two weeks"
                    )
                },
                "no surprise",
            ),
        ],
        ids=["other text", "strange sentence", "preseason", "other start", "other window"],
    )
    def test_whatever_differs_fails_its_line(self, changes, line):
        found = read(pair(**changes), known=known())

        assert not found.is_standard
        assert any(each.name.startswith(line) for each in found.failed), found.failed

    def test_a_changed_text_is_another_hash(self):
        one = read(pair(), known=known())
        other = read(pair(more_rules="The market will resolve to a fair price."), known=known())

        assert one.rules_hash != other.rules_hash

    def test_what_blocks_cannot_be_approved_by_anybody(self):
        found = read(pair(kalshi_start=START.replace(hour=3)), known=known())

        assert "one start" in found.blocked_why

    def test_the_recorded_templates_are_those_of_the_reference(self, shared):
        path = shared / "data/d_gamma_nba_nhl_markets_20260311.jsonl.gz"
        hashes = {"nba": set(), "nhl": set()}
        for row in rows(path):
            if row.get("sportsMarketType") == "moneyline":
                found = masked_hash(row["description"], tuple(json.loads(row["outcomes"])))
                hashes[row["slug"][:3]].add(found[:16])
        assert hashes == {"nba": {"f31bed4746f8036a"}, "nhl": {"870c3f9a5908bfe4"}}


def test_recorded_gaps_agree_and_their_verdicts_are_explained(shared):
    """Each recorded gap is a purchase on both sides: a sale at a bid is the other side bought."""
    verdicts = {"earns": 0, "fees": 0, "one venue": 0, "too good": 0}
    for row in rows(shared / "data/c_two_venue_opportunities_202602_03.jsonl.gz"):
        if row["type"] == "double_buy" and row["market_A"] == row["market_B"]:
            verdicts["one venue"] += 1  # both sides of one exchange: no route of ours
            continue
        first, second, cost = of_gap(row)
        found = gap(first, second, reserve=D("0.005"))

        # One night's log took a fee of its own off what it recorded; the prices are the gross.
        own_fee = D("0.05") if "2026-03-05" in row["_src"] else D(0)
        assert found.cost <= cost <= found.cost + own_fee
        assert found.sentence
        made = quote(Route.R1, first, second, asked=Asked(reserve=D("0.005")))
        if made is None:
            assert found.net <= D("0.0001"), (row, found.sentence)
            verdicts["fees"] += 1
        else:
            assert made.first.average + made.second.average == found.cost
            # Fees of a single share are rounded by up to a hundredth of a cent.
            assert abs(made.edge - found.net) <= D("0.0002")
            verdicts["too good" if made.roi > D("0.10") else "earns"] += 1
    assert all(verdicts.values())
    assert sum(verdicts.values()) == 6229


def rows(path):
    with gzip.open(path, "rt") as lines:
        return [json.loads(line) for line in lines]


def of_gap(row):
    """Return both sides of a recorded gap, whole shares, and what they cost together."""
    if row["type"] == "double_buy":
        one = row.get("ask_A_price", row.get("ask_price"))
        size = min(row.get("ask_A_size", row.get("ask_size")), row["ask_B_size"])
        prices = D(str(one)), D(str(row["ask_B_price"]))
        cost = D(str(row["total_cost"]))
    else:
        prices = D(str(row["buy_price"])), 1 - D(str(row["sell_price"]))
        cost, size = 1 - D(str(row["edge"])), row["size"]
    shares = str(max(int(size), 1))
    return (
        side((str(prices[0]), shares)),
        side((str(prices[1]), shares), token="k", rate=K_RATE),
        cost,
    )
