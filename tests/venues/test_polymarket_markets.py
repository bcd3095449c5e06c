"""Gamma's rows and the order book's books, as the recordings have them and as they go wrong."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from venues.polymarket.markets import book, listing
from venues.reading import BadMessage

GAME = {
    "conditionId": "0x" + "ab" * 32,
    "question": "Herons vs. Otters",
    "clobTokenIds": '["111", "222"]',
    "outcomes": '["Herons", "Otters"]',
    "outcomePrices": '["0.5", "0.5"]',
    "endDate": "2026-10-08T02:00:00Z",
    "liquidityNum": 1234.5,
    "sportsMarketType": "moneyline",
    "acceptingOrders": True,
    "closed": False,
    "umaResolutionStatus": None,
    "feesEnabled": True,
    "feeSchedule": {"rate": 0.05},
}
ENDED = {"closed": True, "umaResolutionStatus": "resolved", "closedTime": "2026-10-08 03:00:26+00"}


def test_an_open_market_at_half_and_half_has_no_result():
    found = listing(GAME)

    assert found.payouts is None
    assert found.resolved_at is None
    assert found.tokens == ("111", "222")
    assert found.outcomes == ("Herons", "Otters")
    assert found.fee_rate == Decimal("0.05")
    assert found.liquidity == Decimal("1234.5")
    assert found.closes_at == datetime(2026, 10, 8, 2, tzinfo=UTC)
    assert found.category == "Sports"


@pytest.mark.parametrize(("prices", "paid"), [("1 0", "1 0"), ("0 1", "0 1"), ("0.5 0.5",) * 2])
def test_a_final_market_pays_its_vector(prices, paid):
    row = {**GAME, **ENDED, "outcomePrices": json.dumps(prices.split())}
    first, second = (Decimal(part) for part in paid.split())

    assert listing(row).payouts == {"111": first, "222": second}
    assert listing(row).resolved_at == datetime(2026, 10, 8, 3, 0, 26, tzinfo=UTC)


@pytest.mark.parametrize(
    "changed",
    [
        {"closed": False},
        {"umaResolutionStatus": "proposed"},
        {"umaResolutionStatus": "disputed"},
        {"outcomePrices": '["0.9995", "0.0005"]'},
        {"outcomePrices": '["0", "0"]'},  # a legacy market that tells nothing
    ],
)
def test_what_is_not_final_in_every_way_has_no_result(changed):
    row = {**GAME, **ENDED, "outcomePrices": '["1", "0"]', **changed}

    assert listing(row).payouts is None


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"clobTokenIds": "nonsense"}, "clobTokenIds 'nonsense' is no list"),
        ({"clobTokenIds": '["111"]'}, "1 tokens for 2 outcomes"),
        ({"conditionId": ""}, "conditionId is missing"),
        ({"liquidityNum": "much"}, "liquidityNum 'much' is not a number"),
    ],
)
def test_what_cannot_be_used_is_named(changed, words):
    with pytest.raises(BadMessage, match=words):
        listing({**GAME, **changed})


def test_a_market_without_fees_costs_nothing_and_an_unknown_schedule_is_unknown():
    assert listing({**GAME, "feesEnabled": False}).fee_rate == 0
    assert listing({**GAME, "feeSchedule": None}).fee_rate is None


def test_a_book_is_turned_best_first():
    found = book(
        {
            "asset_id": "111",
            "timestamp": "1788886609123",
            "bids": [{"price": "0.40", "size": "5"}, {"price": "0.45", "size": "7"}],
            "asks": [{"price": "0.60", "size": "1"}, {"price": "0.50", "size": "0"}],
        }
    )

    assert [level.price for level in found.bids] == [Decimal("0.45"), Decimal("0.40")]
    assert [level.price for level in found.asks] == [Decimal("0.60")]  # an empty level is none


@pytest.mark.parametrize("price", ["0", "1", "1.2", "NaN", "half"])
def test_a_book_with_an_impossible_price_is_refused(price):
    level = [{"price": price, "size": "5"}]
    with pytest.raises(BadMessage):
        book({"asset_id": "1", "timestamp": "1788886609123", "bids": level, "asks": []})


def test_recorded_markets_are_read(shared):
    folder = shared / "fixtures" / "polymarket"
    read = 0
    for path in sorted(folder.glob("*gamma_market*.json")):
        rows = json.loads(path.read_text())
        for row in rows if isinstance(rows, list) else [rows]:
            if isinstance(row, dict) and {"clobTokenIds", "conditionId", "outcomes"} <= set(row):
                found = listing(row)
                assert (found.payouts is None) <= (found.resolved_at is None)
                read += 1
    assert read >= 3
