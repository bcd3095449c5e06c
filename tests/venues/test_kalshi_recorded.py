"""Every recorded answer of Kalshi is read, and every recorded refusal is understood."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from tests.venues import kalshi
from venues.errors import Refused, Unknown
from venues.kalshi import answers, markets, parse, reports
from venues.kalshi.fees import DIRECT, FeeType, charge, model_fee
from venues.kalshi.limits import tier
from venues.kalshi.parse import Resting
from venues.reading import BadMessage
from venues.types import OrderKind, OrderStatus, Side

D = Decimal
NOW = datetime(2026, 11, 21, tzinfo=UTC)


def placed(row, *, status=400, kind=OrderKind.GTC):
    return answers.placed(
        status, json.dumps(row).encode(), name="mine", kind=kind, count=D("100.00")
    )


def is_refused(row, status=400):
    with pytest.raises(Refused) as refusal:
        placed(row, status=status)
    assert "Kalshi says" in str(refusal.value)


def is_order(row):
    """Read an order's own row as one of ours: of its market and side."""
    row = row["order"]
    made = kalshi.request(
        client_order_id=row["client_order_id"],
        token=parse.token_of(row["ticker"], row["outcome_side"]),
        shares=row["initial_count_fp"],
        limit=row["yes_price_dollars"],
        kind=OrderKind.GTC,
    )
    report = reports.report_of(made, row, (), now=NOW)
    assert report.reference == row["order_id"]
    assert report.claimed == D(row["fill_count_fp"])
    assert report.status in (OrderStatus.LIVE, OrderStatus.CANCELED)


def is_create(row):
    row = {**row, "client_order_id": "mine"}
    report = placed(row, status=201)
    assert report.reference == row["order_id"]
    assert report.claimed == D(row["fill_count"])


def is_market(row):
    found = markets.contract(row)
    assert found.ticker == row["ticker"]
    assert found.is_open == (row["status"] == "active")
    assert len(found.rules_hash) == 64
    if found.payouts:
        assert sum(found.payouts.values()) == 1


def is_markets(row):
    for each in row["markets"]:
        is_market(each)


def is_event(row):
    found = markets.event(row, row["markets"])
    assert len(found.contracts) == 2
    assert found.is_game
    assert len({each.team_id for each in found.contracts}) == 2


def is_book(row):
    found = parse.resting(row["orderbook_fp"])
    book = parse.book("T:yes", found, at=NOW)
    if book.bids and book.asks:
        assert book.bids[0].price < book.asks[0].price
    assert list(book.bids) == sorted(book.bids, key=lambda level: -level.price)
    mirror = parse.book("T:no", found, at=NOW)
    assert [1 - level.price for level in mirror.asks] == [level.price for level in book.bids]


def is_fills(row):
    for each in row["fills"]:
        made = kalshi.request(token=parse.token_of(each["ticker"], "yes"))
        fill = reports.fill_of(made, each)
        assert (fill.price, fill.shares) == (D(each["yes_price_dollars"]), D(each["count_fp"]))
        assert fill.fee == D(each["fee_cost"])


def is_socket(row):
    ladders = {"yes": {}, "no": {}}
    for frame in row["frames"]:
        told = frame.get("msg", {})
        if frame["type"] == "orderbook_snapshot":
            for side, ladder in ladders.items():
                ladder.update(
                    parse.level(each, side) for each in told.get(f"{side}_dollars_fp", ())
                )
        if frame["type"] == "trade":
            parse.public_trade({**told, "created_time": "2026-06-11T00:00:00Z"})
    assert parse.book("T:yes", Resting(**ladders), at=NOW).token == "T:yes"


def is_balance(row):
    found = reports.balance(row)
    assert found.total == D(row["balance_dollars"])
    assert set(found.by_shard) == {0}


def is_status(row):
    assert markets.shards(row)[0].is_trading == row["trading_active"]


def is_settlements(row):
    for each in row["settlements"]:
        reports.settled(each)


def is_positions(row):
    (held,) = [reports.held(each) for each in row["market_positions"]]
    assert (held.shares, held.token.rpartition(":")[2]) == (D("3.00"), "yes")


def is_trades(row):
    for each in row["trades"]:
        found = parse.public_trade(each)
        assert (found.side is Side.BUY) == (each["taker_outcome_side"] == "yes")


def is_both(row):
    is_order(row["get_order"])


def exists(row):
    with pytest.raises(Unknown, match="of this name already"):
        placed(row, status=409)


# What each recording is, by how its name begins; the longest beginning counts.
READ = {
    "demo__META": lambda row: None,  # says how the others were made
    "demo__account__endpoint_costs": lambda row: tier(LIMITS, row).costs[
        "DELETE /portfolio/events/orders/{}"
    ],
    "demo__account__limits": lambda row: tier(row, {"endpoint_costs": []}).bucket("GET /x"),
    "demo__auth__balance_ok": is_balance,
    "demo__auth__skew_minus5s": is_balance,
    "demo__auth__": lambda row: is_refused(row, 401),
    "demo__exchange__status": is_status,
    "prod__exchange_status": is_status,
    "demo__fills": is_fills,
    "demo__markets__limit_over_max": lambda row: answers.said(row)[0].index("Parameter"),
    "demo__markets__single": lambda row: is_market(row["market"]),
    "demo__markets__unauth_single": lambda row: is_market(row["market"]),
    "demo__markets__": is_markets,
    "demo__order_executed": is_both,
    "demo__orderbook": is_book,
    "prod_nba__orderbook": is_book,
    "prod_nfl__orderbook": is_book,
    "demo__orders__create_v2": is_create,
    "demo__orders__get_": is_order,
    "demo__orders__cancel_v2": lambda row: answers.cancelled(200, json.dumps(row).encode()),
    "demo__orders__cancel_": lambda row: answers.cancelled(404, json.dumps(row).encode()),
    "demo__orders__duplicate": exists,
    "demo__orders__reuse": exists,
    "demo__orders__legacy": lambda row: None,  # an endpoint that is gone
    "demo__orders__settlement_seed": is_create,
    "demo__orders__stp_self_cross": is_create,
    "demo__orders__stp_setup": is_create,
    "demo__orders__stp_resting_after": is_order,
    "demo__orders__": is_refused,
    "demo__portfolio__orders_list": lambda row: [
        is_order({"order": each}) for each in row["orders"]
    ],
    "demo__portfolio__positions": is_positions,
    "demo__series__fee_changes": lambda row: row["series_fee_change_arr"],
    "demo__settlements": is_settlements,
    "prod__settlements": is_settlements,
    "demo__trades": is_trades,
    "prod_nfl__trades": is_trades,
    "demo__ws": is_socket,
    "prod_nba__candlesticks": lambda row: row["markets"],  # nothing of ours reads candles
    "prod_nba__markets": is_markets,
    "prod_nhl__markets": is_markets,
    "prod_nhl__market_open": lambda row: is_market(row["market"]),
    "prod_nfl__event_nested": lambda row: is_event(row["event"]),
    "prod_nfl__events_page": lambda row: [markets.event(each, []) for each in row["events"]],
    "prod_nfl__series": lambda row: markets.series(row["series"]).fees.rate.compare(D("0.07")),
    "errors__catalog": lambda row: row["errors"],
    "fees__golden": lambda row: row["vectors"],
    "spec_examples": lambda row: row,  # of the documentation, not recorded
}
LIMITS = {
    "usage_tier": "basic",
    "read": {"refill_rate": 200, "bucket_capacity": 400},
    "write": {"refill_rate": 100, "bucket_capacity": 100},
}


def test_every_recording_is_read(shared):
    for path in sorted((shared / "fixtures" / "kalshi").glob("*.json")):
        known = [name for name in READ if path.name.startswith(name)]
        assert known, f"nothing reads {path.name}"
        try:
            READ[max(known, key=len)](json.loads(path.read_text()))
        except Exception as problem:
            raise AssertionError(f"{path.name}: {type(problem).__name__} {problem}") from problem


def test_every_documented_refusal_is_one_and_nothing_else_is(shared):
    catalogue = json.loads((shared / "fixtures" / "kalshi" / "errors__catalog.json").read_text())
    for each in catalogue["errors"]:
        code, _ = answers.said(each["body"])
        if code == "order_already_exists":
            exists(each["body"])
        elif code == answers.KILLED:
            report = placed(each["body"], status=each["status"], kind=OrderKind.FOK)
            assert report.status is OrderStatus.CANCELED
        elif code == "not_found":  # of a cancel: it proves nothing
            with pytest.raises(Unknown):
                placed(each["body"], status=each["status"])
            assert answers.cancelled(404, json.dumps(each["body"]).encode()) is None
        else:
            is_refused(each["body"], each["status"])


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, b'{"error":{"code":"internal"}}'),
        (502, b"<html>"),
        (503, b'{"exchange_active":false}'),
        (201, b""),
        (201, b"{}"),
        (201, b'{"order_id":"x","fill_count":"1.00"}'),
        (201, b'{"order_id":"x","client_order_id":"other","fill_count":"0","remaining_count":"1"}'),
        (201, b'{"order_id":"x","fill_count":"200.00","remaining_count":"1.00"}'),
        (200, b'{"error":{"code":"strange"}}'),
        (404, b"nothing"),
        (409, b'{"error":{"code":"new_words"}}'),
        (302, b""),
    ],
)
def test_what_is_not_understood_is_doubt(status, body):
    with pytest.raises(Unknown):
        answers.placed(status, body, name="mine", kind=OrderKind.GTC, count=D(100))


def test_the_golden_fees_are_reproduced(shared):
    vectors = json.loads((shared / "fixtures" / "kalshi" / "fees__golden.json").read_text())
    assert len(vectors["vectors"]) == 6
    for each in vectors["vectors"]:
        price, count = D(each["price"]), D(each["count"])
        model = model_fee(
            price=price,
            count=count,
            multiplier=D(each["multiplier"]),
            kind=FeeType.QUADRATIC_WITH_MAKER_FEES,
            taker=each["role"] == "taker",
        )
        charged = charge(
            revenue=-price * count, model=model, accumulated=D(0), grid=D(each["precision"])
        )
        assert charged.fee == D(each["fee"]), each
        if "trade_fee" in each:
            assert model == D(each["trade_fee"])
            assert -price * count - charged.fee == D(each["balance_change"])


def test_what_an_order_paid_too_much_comes_back_and_no_fee_is_negative():
    overpaid, paid = D(0), D(0)
    for _ in range(40):
        model = model_fee(
            price=D("0.13"),
            count=D("0.07"),
            multiplier=D(1),
            kind=FeeType.QUADRATIC,
            taker=True,
        )
        charged = charge(revenue=D("-0.0091"), model=model, accumulated=overpaid)
        overpaid, paid = charged.accumulated, paid + charged.fee
        assert charged.fee >= 0
        assert overpaid < DIRECT
    assert paid - 40 * model < DIRECT


def test_the_settlement_that_was_recorded_lost_a_dollar_and_two_cents(shared):
    rows = json.loads((shared / "fixtures" / "kalshi" / "prod__settlements.json").read_text())
    pairs = reports.settled(rows["settlements"][1])

    assert pairs.profit == D("-1.0159")  # 11 pairs for 11.66 and a fee of 0.3559
    assert reports.settled(rows["settlements"][0]).profit == D(5) - D("3.31") - D("0.077")


@pytest.mark.parametrize("name", ["ticker", "event_ticker", "status"])
def test_a_needed_field_that_is_missing_is_an_error_that_quotes_it(name):
    row = {"ticker": "KXNBAGAME-26OCT20OKCSAS-SAS", "event_ticker": "E", "status": "active"}
    del row[name]

    with pytest.raises(BadMessage, match=name):
        markets.contract(row)


def test_fields_and_words_that_are_new_are_tolerated():
    row = {"ticker": "A-B", "event_ticker": "A", "status": "napping", "brand_new": {"a": 1}}
    order = {
        "order_id": "x",
        "client_order_id": "mine",
        "status": "napping",
        "fill_count_fp": "0.00",
        "brand_new": 1,
    }

    assert not markets.contract(row).is_open
    report = reports.report_of(kalshi.request(), order, (), now=NOW)
    assert report.status is OrderStatus.LIVE  # nobody said that it is over


def test_a_fill_of_the_other_side_or_market_is_never_taken_for_ours():
    fill = {
        "trade_id": "t",
        "order_id": "o",
        "ticker": kalshi.HOME,
        "book_side": "ask",
        "count_fp": "1.00",
        "yes_price_dollars": "0.5000",
        "fee_cost": "0.01",
        "is_taker": True,
        "created_time": "2026-10-20T22:00:00Z",
    }

    with pytest.raises(BadMessage, match="other side"):
        reports.fill_of(kalshi.request(), fill)
    with pytest.raises(BadMessage, match="another one"):
        reports.fill_of(kalshi.request(), {**fill, "book_side": "bid", "ticker": "OTHER"})
