"""Which listings are one game: identity by codes and names, never by likeness."""

import csv
import json
from datetime import UTC, datetime

import pytest

from backtest.listings import read
from markets.domain.matching import match, of_event, of_market
from venues.kalshi import games as kalshi
from venues.kalshi.games import GameEvent, Side
from venues.kalshi.teams import CODES
from venues.polymarket import games as polymarket
from venues.polymarket.games import GameMarket
from venues.teams import BY_CODE, by_name, by_slug

START = datetime(2026, 11, 22, 0, 30, tzinfo=UTC)  # the evening before in New York


def market(slug="nba-bos-lal-2026-11-21", **more):
    return GameMarket(
        **{
            "slug": slug,
            "market": f"0x{slug}",
            "outcomes": ("Celtics", "Lakers"),
            "tokens": ("1", "2"),
            "kind": "moneyline",
            "starts_at": START,
            **more,
        }
    )


def event(ticker="KXNBAGAME-26NOV21BOSLAL", *, sides=True, **more):
    teams = (("BOS", "Boston"), ("LAL", "Los Angeles L"))
    found = tuple(Side(ticker=f"{ticker}-{code}", label=label) for code, label in teams)
    return GameEvent(
        event=ticker,
        **{"series": ticker.partition("-")[0], "sides": found if sides else (), **more},
    )


def only(found):
    assert len(found.pairs) == 1, found.refused
    return found.pairs[0]


class TestPairs:
    def test_a_game_of_both_venues_is_one_pair_with_its_sides(self):
        found = only(match([market()], [event()]))

        assert (found.away.code, found.home.code) == ("BOS", "LAL")
        assert found.away_index == 0
        assert found.away_ticker == "KXNBAGAME-26NOV21BOSLAL-BOS"
        assert found.home_ticker == "KXNBAGAME-26NOV21BOSLAL-LAL"
        assert found.warnings == ()

    def test_the_side_map_follows_names_not_positions(self):
        found = only(match([market(outcomes=("Lakers", "Celtics"))], [event()]))

        assert found.away_index == 1
        assert found.away.code == "BOS"

    def test_an_event_without_markets_gets_composed_tickers(self):
        found = only(match([market()], [event(sides=False)]))

        assert found.home_ticker == "KXNBAGAME-26NOV21BOSLAL-LAL"

    def test_codes_differ_by_venue_and_year(self):
        ours = market("nfl-la-jax-2025-11-21", outcomes=("Rams", "Jaguars"))
        theirs = event("KXNFLGAME-25NOV21LAJAC", sides=False)

        found = only(match([market_at(ours, 2025)], [theirs]))

        assert (found.away.code, found.home.code) == ("LAR", "JAC")
        assert found.away_ticker == "KXNFLGAME-25NOV21LAJAC-LA"

    def test_swapped_homes_are_one_game_that_no_rule_approves(self):
        found = only(match([market()], [event("KXNBAGAME-26NOV21LALBOS", sides=False)]))

        assert found.away.code == "BOS"
        assert "who is at home" in found.warnings[0]


def market_at(found, year):
    from dataclasses import replace

    return replace(found, starts_at=START.replace(year=year))


REFUSED = [
    # Trap, market or None, event or None, what the reason says.
    ("another exchange", market("aec-nba-bos-lal-2026-11-21"), None, "Polymarket US"),
    ("a prop of the game", market("nba-bos-lal-2026-11-21-1h-moneyline"), None, "part or a prop"),
    ("totals under the game's slug", market(kind="totals"), None, "totals"),
    ("a spread with a line", market(line="-3.5"), None, "line"),
    ("an unknown code", market("nba-xxx-lal-2026-11-21"), None, "no team"),
    ("another league's team", market(outcomes=("Bruins", "Lakers")), None, "no team"),
    ("teams that are not in the slug", market(outcomes=("Heat", "Lakers")), None, "not the two"),
    ("a draw", market(outcomes=("Celtics", "Draw")), None, "not two teams"),
    ("a league nobody matches", market("mlb-bos-nyy-2026-11-21"), None, "not a league"),
    ("a series of the same teams", None, event("KXNBASERIES-26BOSLALR1"), "series of single"),
    ("a doubleheader", None, event("KXNBAGAME-26NOV21BOSLALG1"), "several games"),
    ("a clock in the ticker", None, event("KXNBAGAME-26NOV211930BOSLAL"), "several games"),
    ("a third contract", None, None, "something else"),
    ("a label of another team", None, None, "another team"),
]


@pytest.mark.parametrize(("trap", "ours", "theirs", "why"), REFUSED, ids=[r[0] for r in REFUSED])
def test_a_listing_that_is_no_game_says_why(trap, ours, theirs, why):
    if trap == "a third contract":
        tie = Side(ticker="KXNBAGAME-26NOV21BOSLAL-TIE", label="Tie")
        theirs = event(sides=True)
        theirs = GameEvent(event=theirs.event, series=theirs.series, sides=(*theirs.sides, tie))
    if trap == "a label of another team":
        side = Side(ticker="KXNBAGAME-26NOV21BOSLAL-LAL", label="Los Angeles C")
        theirs = GameEvent(event="KXNBAGAME-26NOV21BOSLAL", series="KXNBAGAME", sides=(side,))

    found = match([ours or market()], [theirs or event()])

    assert not found.pairs
    assert any(why in each.why for each in found.refused), found.refused


def test_a_postponed_game_keeps_its_name_and_is_refused():
    text = "In the upcoming NBA game, scheduled for November 21 at 7:30PM ET: whoever wins."
    later = market(rules=text, starts_at=START.replace(month=12))

    refusal = of_market(later)

    assert "postponed or moved" in refusal.why


def test_a_slug_with_the_date_of_utc_is_named_for_a_person():
    text = "In the upcoming NBA game, scheduled for November 21 at 7:30PM ET: whoever wins."
    named, warnings = of_market(market("nba-bos-lal-2026-11-22", rules=text))

    assert named.identity.day.isoformat() == "2026-11-21"
    assert "UTC" in warnings[0]


def test_the_same_teams_a_day_later_are_another_game():
    found = match([market()], [event("KXNBAGAME-26NOV22BOSLAL", sides=False)])

    assert not found.pairs
    assert "which is another game" in found.refused[0].why


def test_two_listings_of_one_game_freeze_each_other():
    again = market("nba-bos-lal-2026-11-21", market="0xanother")

    found = match([market(), again], [event()])

    assert not found.pairs
    assert all("Several listings" in each.why for each in found.refused)


def test_a_confusable_name_is_no_team():
    assert by_name("NBA", "Ce\u0131tics") is None
    assert by_name("NHL", "Montréal") is BY_CODE["NHL", "MTL"]
    assert by_name("NBA", "\u202eCeltics") is None


def test_every_ticker_splits_in_one_way():
    for league, series in (("NBA", "KXNBAGAME"), ("NFL", "KXNFLGAME"), ("NHL", "KXNHLGAME")):
        for one in CODES[league]:
            for other in CODES[league] - {one}:
                # The Rams' two codes never meet.
                if {one, other} != {"LA", "LAR"}:
                    found = of_event(
                        GameEvent(event=f"{series}-26NOV21{one}{other}", series=series)
                    )
                    assert isinstance(found, tuple), (one, other, found)


class TestRecorded:
    def test_every_game_of_both_listings_is_paired_and_no_other(self, shared):
        found = recorded(shared)
        truth = {
            (row["polymarket_slug"], row["kalshi_event_ticker"]): row
            for row in rows(shared / "data/d_game_truth.csv")
            if "postponed" not in row["issues"]
        }
        ours, theirs = listed(shared)
        both = {
            key
            for key in truth
            if key[0] in {each.slug for each in ours} and key[1] in {e.event for e in theirs}
        }
        got = {(each.market.slug, each.event.event): each for each in found.pairs}

        assert set(got) <= set(truth)  # precision of 100%
        assert len(both) > 40
        assert len(both & set(got)) >= 0.98 * len(both)
        for key, each in got.items():
            row = truth[key]
            assert str(each.away_index) == row["away_outcome_index"]
            assert (each.away.usual, each.home.usual) == (row["away"], row["home"])
            assert each.away_ticker == row["kalshi_away_ticker"]
            assert each.home_ticker == row["kalshi_home_ticker"]
            assert each.identity.day.isoformat() == row["game_date_et"]

    def test_every_known_game_is_paired_from_its_names_alone(self, shared):
        """Build a listing of every row of the truth that names a market of polymarket.com."""
        truth = [
            row
            for row in rows(shared / "data/d_game_truth.csv")
            if row["away_outcome_index"] and row["polymarket_game_start_utc"]
        ]
        ours = [of_truth(row) for row in truth]
        theirs = [
            GameEvent(event=row["kalshi_event_ticker"], series=row["kalshi_event_ticker"][:9])
            for row in truth
        ]

        found = match(ours, theirs)

        good = [row for row in truth if "postponed" not in row["issues"]]
        got = {each.market.slug: each for each in found.pairs}
        assert len(got) == len(good) > 150
        for row in good:
            assert got[row["polymarket_slug"]].event.event == row["kalshi_event_ticker"]
            assert got[row["polymarket_slug"]].away_ticker == row["kalshi_away_ticker"]
        assert sum("postponed" in each.why for each in found.refused) == len(truth) - len(good)

    def test_every_wrong_pair_of_another_matcher_is_refused(self, shared):
        wrong = rows(shared / "data/d_wrong_pairs.csv")
        assert len(wrong) == 37
        for row in wrong:
            # As it is listed, and as if the other exchange's slug were one of ours.
            for slug in (row["polymarket_us_slug"], row["polymarket_us_slug"][4:]):
                ticker = row["kalshi_ticker"].rpartition("-")[0]
                ours = GameMarket(slug=slug, outcomes=outcomes_of(slug), kind="moneyline")
                theirs = GameEvent(event=ticker, series=ticker.partition("-")[0])
                found = match([ours], [theirs])
                assert not found.pairs, row
                assert len(found.refused) == 2


def outcomes_of(slug):
    """Return the nicknames that a slug's codes would have, so that only the game is wrong."""
    league, one, other = slug.removeprefix("aec-").split("-")[:3]
    found = [by_slug(league.upper(), code) for code in (one, other)]
    return tuple(
        team.nickname if team else code for team, code in zip(found, (one, other), strict=True)
    )


def of_truth(row):
    names = {
        row["away_outcome_index"]: row["away_name"],
        row["home_outcome_index"]: row["home_name"],
    }
    start = datetime.fromisoformat(row["polymarket_game_start_utc"])
    return GameMarket(
        slug=row["polymarket_slug"],
        market=row["polymarket_condition_id"],
        outcomes=(names["0"], names["1"]),
        kind="moneyline",
        starts_at=start.replace(tzinfo=UTC) if start.tzinfo is None else start,
    )


def rows(path):
    return list(csv.DictReader(path.open()))


def listed(shared):
    files = ("d_gamma_nba_events_20260109", "d_gamma_nba_nhl_markets_20260311")
    ours = [
        row
        for name in files
        for row in read(shared / f"data/{name}.jsonl.gz", polymarket.is_named).rows
    ]
    files = (
        "d_kalshi_nba_events_20260109",
        "d_kalshi_nfl_events_20260809",
        "d_kalshi_listing_quotes_202603",
    )
    theirs = [
        row
        for name in files
        for row in read(shared / f"data/{name}.jsonl.gz", kalshi.is_named).rows
    ]
    return list(polymarket.games_in(ours)), kalshi.games_in(theirs)


def recorded(shared):
    return match(*listed(shared))


def test_the_table_of_teams_is_that_of_the_reference(shared):
    for row in rows(shared / "reference/teams.csv"):
        team = by_slug(row["league"].upper(), row["polymarket_code"])
        assert team is not None
        assert team.code == row["kalshi_code"]
        assert by_name(team.league, row["nickname"]) is team


def test_the_command_writes_one_list(shared, capsys, django_db_blocker):
    from django.core.management import call_command

    call_command(
        "match_games",
        "--polymarket",
        str(shared / "data/d_gamma_nba_events_20260109.jsonl.gz"),
        "--kalshi",
        str(shared / "data/d_kalshi_nba_events_20260109.jsonl.gz"),
        "--json",
    )

    found = json.loads(capsys.readouterr().out)
    assert found
    assert {
        "polymarket_slug",
        "kalshi_event_ticker",
        "away",
        "home",
        "date",
        "outcome_index_away",
        "kalshi_away_ticker",
        "kalshi_home_ticker",
    } <= set(found[0])
