"""A recorded market lived again on the sandbox: its trades, its books, its end."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import httpx
import pytest

from backtest import happenings
from backtest.formats import UnreadableRecording, record_message
from sandbox.book import Side as BookSide
from sandbox.exchanges import Sandbox
from sandbox.recorded import Ended, Quoted, condition_of
from sandbox.serving import serving
from tests.world import trade
from venues.types import Book, Level, Side

START = datetime(2026, 11, 21, 18, tzinfo=UTC)
THEN = datetime(2022, 11, 8, 9, tzinfo=UTC)


def level(price: str, shares: str) -> Level:
    return Level(price=Decimal(price), shares=Decimal(shares))


def lived(*happened, seconds: int = 3600) -> Sandbox:
    made = Sandbox(seed=1, start=START, speed=0, tape=happened)
    for second in range(0, seconds, 60):
        made.world.advance(START + timedelta(seconds=second))
    return made


def test_trades_happen_at_their_prices_with_their_wallets_in_their_time():
    first = trade(at=THEN, price="0.53", shares="100")
    second = trade(at=THEN + timedelta(minutes=5), price="0.61", shares="40", side=Side.SELL)
    made = lived(first, second)
    found = made.polymarket.exchange.trades

    assert [each.at for each in found] == [START, START + timedelta(minutes=5)]
    assert [each.taker.price for each in found] == [Decimal("0.53"), Decimal("0.61")]
    assert [each.taker.shares for each in found] == [100, 40]
    assert [each.taker.order.buy for each in found] == [True, False]
    assert {each.taker.order.wallet.address for each in found} == {first.wallet}
    assert found[0].market.outcomes[0] == "Yes"
    assert made.world.skipped == 0


def test_the_house_quotes_around_the_last_trade_and_takes_bets_beside_the_tape():
    made = lived(trade(at=THEN, price="0.53"), seconds=60)
    (market,) = made.polymarket.exchange.markets.values()
    bids, asks = market.ladder(market.tokens[0])

    assert bids[-1][0] == Decimal("0.52")
    assert asks[-1][0] == Decimal("0.54")


def test_recorded_books_are_quoted_on_both_venues():
    polymarket = Book(token="77", bids=(level("0.40", "10"),), asks=(level("0.45", "20"),), at=THEN)
    kalshi = Book(token="KXNBAGAME-X-OKC", bids=(level("0.41", "7"),), asks=(), at=THEN)
    newer = Book(token="77", bids=(), asks=(level("0.47", "5"),), at=THEN + timedelta(minutes=2))
    market = "0x" + "ab" * 32
    made = lived(
        Quoted(venue="polymarket", market=market, book=polymarket),
        Quoted(venue="kalshi", market="KXNBAGAME-X-OKC", book=kalshi),
        Quoted(venue="polymarket", market=market, book=newer),
        seconds=60,
    )
    listed = made.polymarket.exchange.markets[market]

    assert listed.ladder("77") == ([(Decimal("0.4"), 10)], [(Decimal("0.45"), 20)])
    book = made.kalshi.exchange.markets["KXNBAGAME-X-OKC"].book
    assert book.levels(BookSide.BID) == [(Decimal("0.41"), 7)]
    made.world.advance(START + timedelta(minutes=3))
    assert listed.ladder("77") == ([], [(Decimal("0.47"), 5)])


@pytest.mark.parametrize(("winner", "paid"), [("Yes", 1), ("50-50", Decimal("0.5")), ("No", 0)])
def test_a_market_ends_as_it_did(winner, paid):
    happened = trade(at=THEN)
    end = Ended(market=happened.market, winner=winner, at=THEN + timedelta(minutes=10))
    made = lived(happened, end)
    market = made.polymarket.exchange.markets[condition_of(happened.market)]

    assert market.payout == (paid, 1 - paid)
    assert market.resolved_at == START + timedelta(minutes=10)


def test_what_no_exchange_takes_is_counted_and_the_rest_goes_on():
    dust = trade(at=THEN, shares="0.5", price="0.10")  # ten cents' worth
    off = trade(at=THEN + timedelta(minutes=1), price="0.0001")
    good = trade(at=THEN + timedelta(minutes=2), price="0.50")
    made = lived(dust, off, good)

    assert made.world.skipped == 2
    assert len(made.polymarket.exchange.trades) == 1


def test_the_same_tape_gives_the_same_log_at_any_pace():
    tape = [trade(at=THEN + timedelta(minutes=n), price=f"0.{50 + n}") for n in range(9)]
    fast = Sandbox(seed=1, start=START, speed=0, tape=tape)
    fast.world.advance(START + timedelta(hours=1))

    assert fast.log.digest() == lived(*tape, seconds=3601).log.digest()


def test_a_recording_of_our_own_brings_trades_and_books(tmp_path):
    path = tmp_path / "day.jsonl"
    row = {
        "proxyWallet": "0x" + "a1" * 20,
        "side": "BUY",
        "asset": "77",
        "conditionId": "0x" + "ab" * 32,
        "size": 100,
        "price": 0.53,
        "timestamp": int(THEN.timestamp()),
        "title": "Herons vs. Otters",
        "outcome": "Herons",
        "outcomeIndex": 0,
        "transactionHash": "0x" + "cd" * 32,
    }
    book = {
        "market": "0x" + "ab" * 32,
        "asset_id": "77",
        "timestamp": "1667898000000",
        "bids": [{"price": "0.50", "size": "10"}],
        "asks": [],
    }
    kalshi = {"ticker": "KXA-B", "orderbook_fp": {"yes_dollars": [["0.4000", "3.00"]]}}
    later = THEN + timedelta(minutes=1)
    path.write_text(
        "\n".join(
            [
                record_message(row, venue="polymarket", channel="trades", at=THEN),
                record_message(book, venue="polymarket", channel="book", at=later),
                record_message(kalshi, venue="kalshi", channel="orderbook", at=later),
                record_message({"no": 1}, venue="kalshi", channel="orderbook", at=later),
                '{"channel": "book", "broken": ',
            ]
        )
    )
    (tmp_path / "day.resolutions.csv").write_text(
        "market,winner\n" + "0x" + "ab" * 32 + ",Herons\n"
    )
    found = happenings.read([path], results=None)

    assert sorted(type(each).__name__ for each in found) == ["Ended", "Quoted", "Quoted", "Trade"]
    made = lived(*found)
    (market,) = made.polymarket.exchange.markets.values()
    assert market.payout == (1, 0)
    with serving(made.apps()["polymarket"]) as url:
        (told,) = httpx.get(f"{url}/v2/trades", params={"user": row["proxyWallet"]}).json()["data"]
    assert (told["price"], told["size"], told["outcome"]) == (0.53, 100.0, "Herons")


def test_a_file_that_is_no_recording_is_refused_by_name(tmp_path):
    path = tmp_path / "letter.txt"
    path.write_text(json.dumps({"dear": "reader"}))

    with pytest.raises(UnreadableRecording, match=r"letter\.txt"):
        happenings.read([path], results=None)
