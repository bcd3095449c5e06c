"""Raw listings with parts that nobody can read: they cost themselves alone, and are named."""

import gzip
import io
import json

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from backtest.listings import UnreadableListing, read
from venues.kalshi import games as kalshi
from venues.polymarket import games as polymarket

SLUG = {
    "slug": "nba-bos-lal-2026-11-21",
    "conditionId": "0x1",
    "outcomes": '["Celtics", "Lakers"]',
    "sportsMarketType": "moneyline",
}
EVENT = {"event_ticker": "KXNBAGAME-26NOV21BOSLAL", "title": "Boston at Los Angeles L"}


def told(path, is_named=kalshi.is_named):
    return [(each.position, each.why) for each in read(path, is_named).unreadable]


def test_a_line_that_is_cut_or_names_nothing_is_named_with_its_place(tmp_path):
    path = tmp_path / "kalshi.jsonl"
    lines = (json.dumps(EVENT), "", '{"event_ticker": "KXN', "7", '{"ticker": "KX"}', '[{}, "x"]')
    path.write_text("\n".join(lines))

    found = read(path, kalshi.is_named)

    assert found.rows == (EVENT,)
    places = [each.position for each in found.unreadable]
    assert places == ["line 3", "line 4", "line 5", "line 6, item 1", "line 6, item 2"]
    assert found.unreadable[0].why.startswith("It is no JSON (Unterminated string")
    assert str(found.unreadable[1]) == f"{path}, line 4: It is no object: 7."
    assert found.unreadable[2].why == "It names nothing that this venue lists."


def test_items_of_a_list_and_markets_of_an_event_are_named_too(tmp_path):
    path = tmp_path / "kalshi.json"
    event = EVENT | {"markets": [{"ticker": "KXNBAGAME-26NOV21BOSLAL-BOS"}, None, {"title": "?"}]}
    path.write_text(json.dumps({"events": [None, event]}))

    assert told(path) == [
        ("events, item 1", "It is no object: null."),
        ("events, item 2, market 2", "It is no object: null."),
        ("events, item 2, market 3", "It names nothing that this venue lists."),
    ]


def test_a_line_of_a_table_that_names_nothing_is_named(tmp_path):
    path = tmp_path / "polymarket.csv.gz"
    table = "slug,question\nnba-bos-lal-2026-11-21,Celtics?\n,Lakers?\n"
    path.write_bytes(gzip.compress((table + "x" * 200_000 + ",y\nnba-a,b\n").encode()))

    found = read(path, polymarket.is_named)

    assert [row["slug"] for row in found.rows] == ["nba-bos-lal-2026-11-21", "nba-a"]
    assert [each.position for each in found.unreadable] == ["line 3", "line 4"]
    assert "field larger than field limit" in found.unreadable[1].why


def test_a_file_of_nothing_else_says_what_is_wrong_first(tmp_path):
    path = tmp_path / "kalshi.jsonl"
    path.write_text("[7]")

    with pytest.raises(UnreadableListing, match=r"holds no listing.* It is no object"):
        read(path, kalshi.is_named)


def test_a_file_of_another_kind_of_rows_costs_itself_alone(tmp_path):
    path = tmp_path / "kalshi.csv"
    path.write_text("league,away\nnba,BOS\n")

    assert read(path, kalshi.is_named).rows == ()
    assert told(path) == [("line 2", "It names nothing that this venue lists.")]


def test_strange_values_inside_of_rows_break_nothing():
    odd = {"slug": "nba-bos-lal-2026-11-21", "events": ["?"]}
    assert [each.slug for each in polymarket.games_in([odd])] == ["nba-bos-lal-2026-11-21"]
    assert kalshi.games_in([EVENT | {"settlement_sources": 7}])[0].sources == ()


@pytest.fixture
def files(tmp_path):
    ours, theirs = tmp_path / "polymarket.jsonl", tmp_path / "kalshi.jsonl"
    ours.write_text(json.dumps(SLUG) + "\n{broken\n")
    theirs.write_text(json.dumps(EVENT) + "\n" + "null\n" * 12)
    return ["--polymarket", str(ours), "--kalshi", str(theirs)]


def run(*asked):
    out, err = io.StringIO(), io.StringIO()
    call_command("match_games", *asked, stdout=out, stderr=err, no_color=True)
    return out.getvalue(), err.getvalue()


def test_the_command_counts_and_names_what_it_could_not_read(files):
    out, err = run(*files)

    assert "1 pairs; 0 listings refused:" in out
    assert "13 rows could not be read:" in out
    assert f"{files[1]}, line 2: It is no JSON" in out
    assert f"{files[3]}, line 2: It is no object: null." in out
    assert "and 3 more: --refused names them all." in out
    assert err == ""


@pytest.mark.parametrize("refused", [[], ["--refused"]])
def test_standard_output_stays_one_document_and_the_rest_goes_beside_it(files, refused):
    out, err = run(*files, "--json", *refused)

    assert isinstance(json.loads(out), list)
    assert len(json.loads(out)) == (0 if refused else 1)
    assert err.startswith("13 rows could not be read:")
    assert f"{files[3]}, line 13: It is no object: null." in err


def test_what_was_refused_is_listed_with_what_could_not_be_read(files):
    out, err = run(*files, "--refused")

    assert f"{files[3]}, line 13: It is no object: null." in out
    assert err == ""


def test_a_file_without_any_listing_is_an_error(files, tmp_path):
    empty = tmp_path / "empty.json"
    empty.write_text("[]")

    with pytest.raises(CommandError, match="holds no listing"):
        run("--polymarket", str(empty), *files[2:])
