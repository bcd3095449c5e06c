"""Kalshi's sandbox as a client meets it."""

import json
from datetime import timedelta
from decimal import Decimal

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from sandbox.kalshi import life
from sandbox.kalshi.exchange import Rules
from sandbox.kalshi.limits import BASIC, Buckets
from sandbox.kalshi.server import ROOT
from tests.sandbox.kalshi_world import HOME, SHARD, KalshiWorld
from venues.kalshi.fees import FeeType, charge, model_fee

BALANCE = "/portfolio/balance"


@pytest.fixture
def world() -> KalshiWorld:
    return KalshiWorld()


def error(answer) -> str:
    body = answer.json()
    found = body.get("error", body)
    return found if isinstance(found, str) else found["code"]


# Who may ask


def test_a_signed_request_is_answered_with_rsa_and_with_ed25519(world):
    world.join("carol", ed25519.Ed25519PrivateKey.generate())

    for name in ("alice", "carol"):
        answer = world.call(name, "GET", BALANCE)
        assert answer.status_code == 200
        assert answer.json()["balance_breakdown"] == [
            {"exchange_index": 0, "balance": "100.0000"},
            {"exchange_index": SHARD, "balance": "1000.0000"},
        ]


def test_the_query_is_not_signed(world):
    assert world.call("alice", "GET", "/portfolio/orders", limit=5).status_code == 200


@pytest.mark.parametrize(("skew", "status"), [(-5, 200), (5, 200), (-30, 401), (300, 401)])
def test_a_clock_may_be_off_by_seconds_only(world, skew, status):
    headers = world.headers("alice", "GET", ROOT + BALANCE, skew=skew)

    answer = world.send("GET", BALANCE, headers)

    assert answer.status_code == status
    if status == 401:
        assert error(answer) == "header_timestamp_expired"


def test_a_wrong_signature_key_or_none_is_refused_in_the_exchanges_words(world):
    headers = world.headers("alice", "GET", ROOT + "/portfolio/fills")
    wrong = world.send("GET", BALANCE, headers)
    nobody = world.send("GET", BALANCE, {**headers, "KALSHI-ACCESS-KEY": "none"})
    unsigned = world.send("GET", BALANCE, {})

    assert wrong.json()["error"]["details"] == "INCORRECT_API_KEY_SIGNATURE"
    assert nobody.json()["error"]["details"] == "NOT_FOUND"
    assert error(unsigned) == "signature_is_missing_from_headers"
    assert {wrong.status_code, nobody.status_code, unsigned.status_code} == {401}


def test_an_empty_bucket_answers_429_with_a_string(world):
    world.kalshi.buckets = Buckets(BASIC)

    answers = [world.order("alice", "bid", "0.10", "1.00") for _ in range(11)]

    assert [answer.status_code for answer in answers] == [201] * 10 + [429]
    assert answers[-1].json() == {"error": "too many requests"}
    world.clock.move(timedelta(seconds=1))
    assert world.order("alice", "bid", "0.10", "1.00").status_code == 201


# Matching and money


def test_a_resting_order_is_met_at_its_own_price_oldest_first(world):
    first, second = world.order("alice", "ask", "0.60"), world.order("alice", "ask", "0.60")
    world.order("alice", "ask", "0.61")

    taken = world.order("bob", "bid", "0.65", "15.00", time_in_force="immediate_or_cancel").json()

    assert (taken["fill_count"], taken["remaining_count"]) == ("15.00", "0.00")
    assert taken["average_fill_price"] == "0.6000"
    orders = world.exchange.members["alice"].orders
    assert orders[first.json()["order_id"]].remaining == 0
    assert orders[second.json()["order_id"]].remaining == 5
    world.assert_books_balance()


def test_buying_no_is_an_ask_and_locks_the_rest_of_a_dollar(world):
    answer = world.order("alice", "ask", "0.40", "1600.00")  # NO at 60 cents
    short = world.order("alice", "ask", "0.40", "100.00")
    other_shard = world.order("alice", "bid", "0.50", "1.00", exchange_index=0)

    assert answer.status_code == 201
    assert (short.status_code, error(short)) == (400, "insufficient_balance")
    assert (other_shard.status_code, error(other_shard)) == (404, "market_not_found")


def test_two_sales_cannot_lean_on_the_same_contracts(world):
    world.order("alice", "ask", "0.50", "1000.00")
    world.order("bob", "bid", "0.50", "1000.00")  # about half of what bob has
    first = world.order("bob", "ask", "0.60", "1000.00")
    second = world.order("bob", "ask", "0.60", "1300.00")  # would open a NO that bob cannot pay

    assert first.status_code == 201
    assert error(second) == "insufficient_balance"


def test_a_yes_and_a_no_pay_a_dollar_at_once(world):
    world.order("alice", "ask", "0.60")
    world.order("bob", "bid", "0.60")
    world.order("alice", "bid", "0.70")
    before = world.cash("bob")
    world.order("bob", "ask", "0.70")

    assert world.exchange.members["bob"].positions[HOME].count == 0
    assert world.exchange.members["bob"].positions[HOME].realised == Decimal("1.00")
    assert world.cash("bob") - before == Decimal("7.00") - Decimal("0.147")
    world.assert_books_balance()


def test_the_book_lists_bids_of_both_sides_best_last(world):
    for price in ("0.50", "0.52", "0.51"):
        world.order("alice", "bid", price)
    for price in ("0.60", "0.58"):
        world.order("alice", "ask", price)

    book = world.call("", "GET", f"/markets/{HOME}/orderbook").json()["orderbook_fp"]

    assert [price for price, _ in book["yes_dollars"]] == ["0.5000", "0.5100", "0.5200"]
    assert [price for price, _ in book["no_dollars"]] == ["0.4000", "0.4200"]


def test_fok_that_cannot_fill_is_409_and_burns_its_id(world):
    world.order("alice", "ask", "0.60", "5.00")
    killed = world.order("bob", "bid", "0.60", time_in_force="fill_or_kill", client_order_id="x")
    again = world.order("bob", "bid", "0.60", "5.00", client_order_id="x")
    filled = world.order("bob", "bid", "0.60", "5.00", time_in_force="fill_or_kill")

    assert (killed.status_code, error(killed)) == (409, "fill_or_kill_insufficient_resting_volume")
    assert (again.status_code, error(again)) == (409, "order_already_exists")
    assert filled.json()["fill_count"] == "5.00"


def test_ioc_that_meets_nothing_is_201_with_zeros(world):
    answer = world.order("bob", "bid", "0.60", time_in_force="immediate_or_cancel")

    assert answer.status_code == 201
    assert (answer.json()["fill_count"], answer.json()["remaining_count"]) == ("0.00", "0.00")
    assert "average_fill_price" not in answer.json()


def test_a_client_id_is_burned_for_ever_unless_the_rules_say_open_only():
    for rules, status in ((Rules(), 409), (Rules(dedup="open_only"), 201)):
        world = KalshiWorld(rules=rules)
        placed = world.order("alice", "bid", "0.50", client_order_id="once").json()
        assert world.order("alice", "bid", "0.50", client_order_id="once").status_code == 409
        world.call("alice", "DELETE", f"/portfolio/events/orders/{placed['order_id']}")

        assert world.order("alice", "bid", "0.50", client_order_id="once").status_code == status


def test_post_only_that_crosses_is_refused(world):
    world.order("alice", "ask", "0.60")

    answer = world.order("bob", "bid", "0.60", post_only=True)

    assert answer.status_code == 400
    assert answer.json()["error"]["details"] == "post only cross"
    assert not world.exchange.members["bob"].orders


def test_ones_own_order_is_not_met(world):
    resting = world.order("alice", "ask", "0.60").json()
    taker = world.order("alice", "bid", "0.60").json()
    assert (taker["fill_count"], taker["remaining_count"]) == ("0.00", "0.00")
    assert world.exchange.members["alice"].orders[resting["order_id"]].remaining == 10

    world.order("alice", "bid", "0.60", self_trade_prevention_type="maker")
    assert world.exchange.members["alice"].orders[resting["order_id"]].status == "canceled"


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"price": "0.555"}, 400, "invalid_price"),
        ({"price": "1.20"}, 400, "invalid_price"),
        ({"price": 0.5}, 400, "bad_request"),
        ({"count": 10}, 400, "bad_request"),
        ({"count": "0.001"}, 400, "invalid_parameters"),
        ({"count": "-1"}, 400, "invalid_parameters"),
        ({"count": "NaN"}, 400, "invalid_parameters"),
        ({"side": "yes"}, 400, "invalid_parameters"),
        ({"time_in_force": "day"}, 400, "invalid_parameters"),
        ({"ticker": "NONE"}, 404, "market_not_found"),
        ({"self_trade_prevention_type": None}, 400, "invalid_parameters"),
        ({"expiration_time": 1, "time_in_force": "fill_or_kill"}, 400, "invalid_parameters"),
    ],
)
def test_a_bad_order_is_refused_and_leaves_nothing(world, change, status, code):
    answer = world.order("alice", **{"side": "bid", "price": "0.50", **change})

    assert (answer.status_code, error(answer)) == (status, code)
    assert not world.exchange.members["alice"].orders


def test_cancel_tells_nothing_apart_when_nothing_rests(world):
    resting = world.order("alice", "ask", "0.60").json()["order_id"]
    path = "/portfolio/events/orders/"
    done = world.call("alice", "DELETE", path + resting)
    again = world.call("alice", "DELETE", path + resting)
    unknown = world.call("alice", "DELETE", path + "00000000-0000-4000-8000-000000000000")
    foreign = world.call("bob", "DELETE", path + resting)

    assert done.json()["reduced_by"] == "10.00"
    assert {answer.status_code for answer in (again, unknown, foreign)} == {404}
    assert again.json() == unknown.json() == foreign.json()


def test_amend_moves_and_decrease_keeps_its_place(world):
    first = world.order("alice", "ask", "0.60").json()["order_id"]
    second = world.order("alice", "ask", "0.60").json()["order_id"]
    path = f"/portfolio/events/orders/{first}"
    world.call("alice", "POST", path + "/decrease", {"reduce_to": "4.00"})
    world.order("bob", "bid", "0.60", "6.00")
    orders = world.exchange.members["alice"].orders
    assert (orders[first].remaining, orders[second].remaining) == (0, 8)

    body = {"ticker": HOME, "side": "ask", "price": "0.55", "count": "10.00"}
    amended = world.call("alice", "POST", f"/portfolio/events/orders/{second}/amend", body).json()
    assert (amended["fill_count"], amended["remaining_count"]) == ("2.00", "8.00")
    assert world.exchange.markets[HOME].book.best("ask") == Decimal("0.55")


def test_legacy_writes_are_gone(world):
    answer = world.call("alice", "POST", "/portfolio/orders", {})

    assert (answer.status_code, error(answer)) == (410, "deprecated_v1_order_endpoint")


# Life of a market


def test_close_cancels_what_rests_and_refuses_even_a_cancel(world):
    resting = world.order("alice", "ask", "0.60").json()["order_id"]
    world.clock.move(timedelta(hours=60))

    late = world.order("bob", "bid", "0.60")
    order = world.call("alice", "GET", f"/portfolio/orders/{resting}").json()["order"]

    assert (late.status_code, error(late)) == (400, "MARKET_NOT_ACTIVE")
    assert order["status"] == "canceled"


@pytest.mark.parametrize(("value", "paid"), [("1", "10"), ("0", "0"), ("0.5", "5")])
def test_settlement_pays_each_side_once_and_is_kept(world, value, paid):
    world.order("alice", "ask", "0.60")
    world.order("bob", "bid", "0.60")
    before = world.cash("bob")
    for _ in range(2):
        life.settle(world.exchange, HOME, value=Decimal(value), now=world.clock.now())

    assert world.cash("bob") - before == Decimal(paid)
    row = world.call("bob", "GET", "/portfolio/settlements").json()["settlements"][0]
    assert (row["yes_count_fp"], row["revenue"]) == ("10.00", int(Decimal(paid) * 100))
    assert not world.call("bob", "GET", "/portfolio/positions").json()["market_positions"]


def test_a_paused_shard_takes_cancels_only(world):
    resting = world.order("alice", "ask", "0.60").json()["order_id"]
    life.pause(world.exchange, [SHARD], now=world.clock.now())

    refused = world.order("bob", "bid", "0.60")
    status = world.call("", "GET", "/exchange/status").json()

    assert (refused.status_code, error(refused)) == (409, "trading_is_paused")
    assert status["trading_active"] is True  # the top level speaks of shard 0
    assert not status["exchange_index_statuses"][SHARD]["trading_active"]
    assert world.call("alice", "DELETE", f"/portfolio/events/orders/{resting}").status_code == 200


def test_on_thursday_morning_nothing_trades_for_two_hours(world):
    resting = world.order("alice", "ask", "0.60").json()["order_id"]
    world.clock.move(timedelta(hours=33, minutes=30))  # Thursday, 3:30 in New York

    assert error(world.order("bob", "bid", "0.60")) == "trading_is_paused"
    assert world.call("alice", "GET", f"/portfolio/orders/{resting}").json()["order"]["status"] == (
        "resting"
    )
    world.clock.move(timedelta(hours=2))
    assert world.order("bob", "bid", "0.60").json()["fill_count"] == "10.00"


def test_an_order_runs_out(world):
    until = int(world.clock.now().timestamp()) + 60
    resting = world.order("alice", "ask", "0.60", expiration_time=until).json()["order_id"]
    world.clock.move(timedelta(seconds=61))

    order = world.call("alice", "GET", f"/portfolio/orders/{resting}").json()["order"]

    assert (order["status"], order["remaining_count_fp"]) == ("canceled", "0.00")


def test_reads_may_lag_behind_writes():
    world = KalshiWorld(rules=Rules(read_lag=timedelta(milliseconds=400)))
    resting = world.order("alice", "ask", "0.60").json()["order_id"]
    path = f"/portfolio/orders/{resting}"
    assert world.call("alice", "GET", path).status_code == 404
    world.clock.move(timedelta(seconds=1))
    world.call("alice", "DELETE", f"/portfolio/events/orders/{resting}")

    assert world.call("alice", "GET", path).json()["order"]["status"] == "resting"
    world.clock.move(timedelta(seconds=1))
    assert world.call("alice", "GET", path).json()["order"]["status"] == "canceled"


def test_cash_moves_between_shards_once(world):
    body = {
        "client_transfer_id": "11111111-1111-4111-8111-111111111111",
        "source": "event_contract",
        "destination": "event_contract",
        "amount": 500_000,  # fifty dollars, in hundredths of a cent
        "source_exchange_shard": SHARD,
        "destination_exchange_shard": 0,
    }
    path = "/portfolio/intra_exchange_instance_transfer"
    first, second = world.call("alice", "POST", path, body), world.call("alice", "POST", path, body)

    assert (first.status_code, second.status_code) == (200, 409)
    assert world.exchange.members["alice"].cash == {0: Decimal(150), SHARD: Decimal(950)}


def test_pages_end_with_an_empty_cursor_and_rubbish_means_the_first_page(world):
    first = world.call("", "GET", "/markets", limit=1).json()
    second = world.call("", "GET", "/markets", limit=1, cursor=first["cursor"]).json()
    rubbish = world.call("", "GET", "/markets", limit=1, cursor="%%%").json()
    too_many = world.call("", "GET", "/markets", limit=1001)

    assert second["cursor"] == ""
    assert {page["markets"][0]["ticker"] for page in (first, second)} == set(world.exchange.markets)
    assert rubbish == first
    assert too_many.json()["msg"].endswith("failed on the 'lte' tag")


def test_the_event_log_is_the_same_for_the_same_requests():
    digests = set()
    for _ in range(2):
        world = KalshiWorld()
        world.order("alice", "ask", "0.60")
        world.order("bob", "bid", "0.60", "4.00")
        digests.add(world.exchange.log.digest())

    assert len(digests) == 1


def test_the_fee_of_each_fill_follows_the_published_vectors(shared):
    vectors = json.loads((shared / "fixtures" / "kalshi" / "fees__golden.json").read_text())
    for row in vectors["vectors"]:
        price, count = Decimal(row["price"]), Decimal(row["count"])
        model = model_fee(
            price=price,
            count=count,
            multiplier=Decimal(row["multiplier"]),
            kind=FeeType.QUADRATIC_WITH_MAKER_FEES,
            taker=row["role"] == "taker",
        )
        charged = charge(
            revenue=-price * count,
            model=model,
            accumulated=Decimal(0),
            grid=Decimal(row["precision"]),
        )
        assert charged.fee == Decimal(row["fee"]), row
        if "trade_fee" in row:
            assert model == Decimal(row["trade_fee"])


def test_fees_change_at_their_time_for_a_series_and_for_one_event(world):
    (series,), (event,) = world.exchange.series.values(), world.exchange.events.values()
    soon = world.clock.now() + timedelta(minutes=5)
    life.announce_fees(world.exchange, series, at=soon, multiplier=Decimal("0.5"))
    life.announce_fees(world.exchange, series, event=event, at=soon, multiplier=Decimal(0))
    life.announce_fees(
        world.exchange,
        series,
        event=event,
        at=soon + timedelta(minutes=5),
        fee_type=None,
        multiplier=None,
    )
    fees, announced = [], []
    for _ in range(3):
        world.order("alice", "ask", "0.50", "100.00")
        world.order("bob", "bid", "0.50", "100.00")
        fees.append(world.exchange.members["bob"].fills[-1].fee)
        path = "/series/fee_changes"
        announced.append(len(world.call("", "GET", path).json()["series_fee_change_arr"]))
        world.clock.move(timedelta(minutes=5))

    assert fees == [Decimal("1.75"), Decimal(0), Decimal("0.875")]  # 0.07 x 100 x 0.25, then half
    assert announced == [1, 0, 0]
    old = world.call("", "GET", "/series/fee_changes", show_historical="true").json()
    assert len(old["series_fee_change_arr"]) == 1
    assert len(world.call("", "GET", "/events/fee_changes").json()["event_fee_changes"]) == 2


def test_a_milestone_tells_when_a_game_starts_and_who_plays(world):
    (event,) = world.exchange.events.values()
    (found,) = world.call("", "GET", "/milestones", limit=5).json()["milestones"]
    same = world.call("", "GET", f"/milestones/{found['id']}").json()["milestone"]
    none = world.call("", "GET", "/milestones", limit=5, type="football_game").json()
    late = world.call(
        "", "GET", "/milestones", limit=5, minimum_start_date="2030-01-01T00:00:00Z"
    ).json()

    assert same == found
    assert found["related_event_tickers"] == [event.ticker]
    assert found["start_date"] == event.starts_at.isoformat(timespec="microseconds").replace(
        "+00:00", "Z"
    )
    assert none["milestones"] == late["milestones"] == []
    for name in ("away_team_id", "home_team_id"):
        team = found["details"][name]
        target = world.call("", "GET", f"/structured_targets/{team}").json()["structured_target"]
        assert target["id"] == team
    bad = world.call("", "GET", "/milestones", limit=5, minimum_start_date="soon")
    assert bad.status_code == 400
