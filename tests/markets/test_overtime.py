"""What both contracts say of overtime: in their words, or by a rulebook that was read."""

from dataclasses import replace

import pytest

from markets.domain.contracts import Known, read
from sandbox import texts
from tests.markets.test_arbitrage import START, known, pair

KALSHI = texts.kalshi("NBA", "Boston", ("Boston", "Los Angeles L"), START)[1]
UNREAD = Known(texts=known("NBA").texts, rulebooks={})


@pytest.mark.parametrize("league", ["NBA", "NFL", "NHL"])
def test_a_rulebook_that_was_read_says_what_the_text_leaves_out(league):
    found = read(pair(league), known=known(league))

    assert found.counts_overtime
    assert "Overtime is included" in found.polymarket.overtime
    assert found.kalshi.overtime.startswith("not said; its rulebook, which was read (")
    assert ("shootouts" in found.kalshi.overtime) == (league == "NHL")


def test_a_rulebook_that_nobody_read_says_nothing():
    found = read(pair(), known=UNREAD)

    assert not found.counts_overtime
    assert "is not one that was read" in found.kalshi.overtime


def test_a_text_that_says_it_needs_no_rulebook():
    found = read(pair(more_rules=f"{KALSHI} Overtime is included."), known=UNREAD)

    assert found.counts_overtime
    assert found.kalshi.overtime == "Overtime is included"


def test_a_text_that_denies_overtime_is_believed_before_its_rulebook():
    """Included unless stated otherwise, says section 1 of the reference: this states otherwise."""
    found = read(pair(more_rules=f"{KALSHI} Overtime is not included."), known=known())

    assert not found.counts_overtime
    assert found.kalshi.overtime == "Overtime is not included"
    assert not found.is_standard
    assert "no surprise" in {line.name for line in found.failed}


@pytest.mark.parametrize("said", ["", " Overtime is not included."], ids=["silent", "denied"])
def test_polymarket_must_say_it_too(said):
    rules = texts.polymarket("NBA", ("Celtics", "Lakers"), START)
    found = read(pair(rules=rules.replace(" Overtime is included.", said)), known=known())

    assert not found.counts_overtime
    assert found.polymarket.overtime == (said.strip(" .") or "not said")


def test_hockey_asks_for_shootouts_on_both_sides():
    rules = texts.polymarket("NHL", ("Bruins", "Maple Leafs"), START)
    silent = rules.replace(", and so are shootouts", "")

    found = read(pair("NHL", rules=silent), known=known("NHL"))

    assert not found.counts_overtime
    assert "of shootouts it says nothing" in found.polymarket.overtime


def test_the_hockey_rulebook_without_shootouts_is_never_taken_for_one_with_them():
    match = pair("NHL")
    old = replace(match, event=replace(match.event, rulebook="4243633b" + "0" * 56))
    found = read(old, known=Known(texts=known("NHL").texts, rulebooks={"NHL": ("4243633b",)}))

    assert not found.counts_overtime
    assert "says nothing of shootouts" in found.kalshi.overtime
