"""The published formulas, their worked examples, and the laws that no input may break."""

import json
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk.domain import sizing
from risk.domain.calculator import SYMBOLS, BadCase, size_cases
from risk.domain.presets import DEFAULT, PRESETS

ELITE = {"q": 95, "s": 4.5, "w": 75, "c": 50, "r": 0}
AVERAGE_WHALE = {"q": 65, "s": 2.0, "w": 60, "c": 50, "r": 0}
POOR_WHALE = {"q": 45, "s": 0.5, "w": 57.4, "c": 50, "r": 0}
GREAT = {"L": 100_000, "sp": 0.01, "h": 48}
AVERAGE_MARKET = {"L": 25_000, "sp": 0.03, "h": 24}
POOR_MARKET = {"L": 5_000, "sp": 0.08, "h": 6}
EMPTY = {"price": 0.55, "v": 0, "E": 10_000, "A": 10_000, "n": 0, "X": 0, "Xm": 0, "Xc": 0} | {
    "dd": 0,
    "dl": 0,
}


@pytest.mark.parametrize(
    ("whale", "market", "portfolio", "size", "confidence"),
    [
        (ELITE, GREAT, {}, 548.26, 96.4),
        (AVERAGE_WHALE, AVERAGE_MARKET, {}, 244.97, 55.8),
        (POOR_WHALE, POOR_MARKET, {}, 66.67, 29.0),
        (ELITE, GREAT, {"X": 7_900, "Xc": 3_533}, 64.01, 77.1),
    ],
)
def test_published_sizes_come_out_to_the_cent(whale, market, portfolio, size, confidence):
    (answer,) = size_cases([EMPTY | whale | market | portfolio])

    assert answer["size_usd"] == size
    assert round(answer["confidence"], 1) == confidence


@pytest.mark.parametrize(
    ("changes", "key", "value"),
    [
        (ELITE, "whale_multiplier", 1.825),
        (AVERAGE_WHALE, "whale_multiplier", 1.35),
        (POOR_WHALE, "whale_multiplier", 1.0),
        (GREAT, "market_multiplier", 1.2017),
        (AVERAGE_MARKET, "market_multiplier", 0.7258),
        (POOR_MARKET, "market_multiplier", 0.5),
        ({"dd": 0.15}, "risk_multiplier", 0.85),
        ({"dl": 1_000}, "risk_multiplier", 0.80),
        ({"v": 0.60}, "risk_multiplier", 0.70),
    ],
)
def test_published_multipliers_come_out(changes, key, value):
    (answer,) = size_cases([EMPTY | ELITE | GREAT | changes])

    assert round(answer[key], 4) == value


def test_the_poor_trade_is_rejected_and_the_small_one_never_raised():
    poor, small = size_cases(
        [
            EMPTY | POOR_WHALE | POOR_MARKET,
            EMPTY | POOR_WHALE | POOR_MARKET | {"E": 5_000, "A": 5_000},
        ]
    )

    assert poor["reasons"] == ["CONFIDENCE_LOW"]
    assert small["size_usd"] == 33.33
    assert "TOO_SMALL" in small["reasons"]


def test_the_sum_is_said_as_people_write_it():
    (answer,) = size_cases([EMPTY | ELITE | GREAT])

    assert answer["words"].startswith("Base Kelly $250.00 x whale 1.83 x market 1.20")
    assert answer["words"].endswith("= $548.26")


def test_shared_cases_agree_to_the_cent(shared):
    cases = json.loads((shared / "checks" / "sizing_cases.json").read_text())

    answers = size_cases([case["in"] for case in cases])

    assert len(answers) == 80
    for case, answer in zip(cases, answers, strict=True):
        assert answer["size_usd"] == pytest.approx(case["size_usd_before_minimum"], abs=0.01)
        assert answer["confidence"] == pytest.approx(case["confidence"], abs=0.01)


def test_presets_are_those_of_the_table():
    conservative, aggressive = PRESETS["conservative"], PRESETS["aggressive"]

    assert (conservative.max_position_pct, aggressive.max_position_pct) == (
        Decimal("0.05"),
        Decimal("0.15"),
    )
    assert (conservative.min_whale_quality, conservative.max_positions) == (80, 10)
    assert (aggressive.kelly_fraction, aggressive.min_whale_quality) == (Decimal("0.35"), 60)


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ([], "not a JSON object"),
        ({"price": 0.5}, "missing"),
        (EMPTY | ELITE | GREAT | {"price": 1}, "price"),
        (EMPTY | ELITE | GREAT | {"q": float("nan")}, "q nan"),
        (EMPTY | ELITE | GREAT | {"E": -1}, "E -1"),
        (EMPTY | ELITE | GREAT | {"zz": 1}, "unknown key"),
        (EMPTY | ELITE | GREAT | {"preset": "yolo"}, "preset"),
        (EMPTY | ELITE | GREAT | {"settings": {"kelly": 1}}, "no setting"),
        (EMPTY | ELITE | GREAT | {"settings": {"max_spread": 0}}, "over 0"),
    ],
)
def test_bad_input_is_named(case, words):
    with pytest.raises(BadCase, match=words):
        size_cases([case])


# The inputs below stay on the grid of real money: cents, and percentages of four decimals.
cents = st.integers(0, 50_000_000).map(lambda n: n / 100)
cases = st.fixed_dictionaries(
    {
        "price": st.integers(1, 99).map(lambda n: n / 100),
        "q": st.floats(0, 100),
        "s": st.floats(-5, 10),
        "w": st.floats(0, 100),
        "c": st.floats(0, 100),
        "r": st.floats(-500, 500),
        "L": st.floats(0, 1e6),
        "sp": st.floats(0, 0.5),
        "v": st.floats(0, 2),
        "h": st.floats(0, 10_000),
        "E": cents,
        "A": cents,
        "n": st.integers(0, 40),
        "X": cents,
        "Xm": cents,
        "Xc": cents,
        "dd": st.floats(0, 1),
        "dl": cents,
    }
)


def sized(*asked, limits=DEFAULT):
    rows = [{SYMBOLS[key]: value for key, value in case.items()} for case in asked]
    return sizing.size(sizing.inputs_from(rows), sizing.settings_from([limits] * len(rows)))


@given(case=cases)
def test_a_size_is_never_over_any_limit(case):
    size = Decimal(int(sized(case).size_cents[0])) / 100
    equity, free = Decimal(str(case["E"])), Decimal(str(case["A"]))

    assert 0 <= size <= DEFAULT.max_position_size
    assert size <= max(free, 0)
    assert size <= DEFAULT.max_position_pct * equity
    for used, limit in (
        (case["X"], DEFAULT.max_total_exposure),
        (case["Xm"], DEFAULT.max_per_market),
        (case["Xc"], DEFAULT.max_per_category),
    ):
        assert size <= max(limit * equity - Decimal(str(used)), 0)


@given(case=cases, better=st.sampled_from("qswL"), step=st.floats(0.01, 20))
def test_a_better_whale_or_market_never_gets_less(case, better, step):
    raised = case | {better: min(case[better] + step, 100 if better in "qw" else 1e9)}

    worse_size, better_size = sized(case, raised).size_cents

    assert better_size >= worse_size


@given(case=cases, worse=st.sampled_from(["X", "Xm", "Xc", "dd", "dl", "v", "n"]))
def test_more_risk_never_gets_more(case, worse):
    raised = case | {worse: min(case[worse] * 1.5 + 1, 1) if worse == "dd" else case[worse] + 5}

    before, after = sized(case, raised).size_cents

    assert after <= before


@given(batch=st.lists(cases, min_size=1, max_size=6))
def test_many_accounts_at_once_get_what_each_gets_alone(batch):
    together = sized(*batch).size_cents
    alone = np.array([sized(case).size_cents[0] for case in batch])

    assert (together == alone).all()


def test_an_account_worth_nothing_gets_nothing():
    broke = EMPTY | ELITE | GREAT | {"E": 0, "A": 0, "X": 10, "dl": 10}

    assert sized(broke).size_cents[0] == 0


def test_a_limit_of_a_preset_cuts_the_size():
    tight = replace(DEFAULT, max_position_size=Decimal(60))
    case = EMPTY | ELITE | GREAT

    found = sized(case, limits=tight)

    assert found.size_cents[0] == 6000
    assert sizing.per_account(found)[0].binding_cap == "max_position_size"
