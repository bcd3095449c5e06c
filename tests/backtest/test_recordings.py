"""Readers chosen by content; bad rows are set aside with file, line and reason."""

import gzip
import json
from decimal import Decimal

import pytest

from backtest import recordings, resolutions
from backtest.formats import UnreadableRecording
from backtest.recordings import BadRow, Skipped
from backtest.resolutions import BadResolutions
from venues.types import Side, Trade

WALLET = "0x" + "ab" * 20
HEADER = "market,timestamp_utc,account,type,outcome,amount_usdc,shares,price\n"
V1 = {
    "proxyWallet": WALLET.upper().replace("X", "x"),
    "side": "BUY",
    "asset": "71",
    "conditionId": "0xc0",
    "size": 100.5,
    "price": 0.55,
    "timestamp": 1767600000,
    "title": "Will it rain?",
    "outcome": "No",
    "outcomeIndex": 1,
    "transactionHash": "0xfeed",
}
V2 = {
    "proxy_wallet": WALLET,
    "side": "SELL",
    "token_id": "71",
    "condition_id": "0xc0",
    "size": "3.25",
    "price": "0.5600000035",
    "timestamp": 1767600001,
    "outcome": "No",
    "outcome_index": 999,
    "transaction_hash": "0xbeef",
}


def write(tmp_path, content, name="trades.bin"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def rows(tmp_path, content):
    return list(recordings.read(write(tmp_path, content)))


def lines(*items):
    return "\n".join(json.dumps(item) for item in items) + "\n"


def test_the_midterms_tape_is_read(tmp_path):
    (row,) = rows(tmp_path, HEADER + f"a_b,2022-01-12 21:10:26,{WALLET},Buy,No,55,99.78,0.5512\n")

    assert isinstance(row, Trade)
    assert (row.side, row.outcome, row.price, row.shares) == (
        Side.BUY,
        "No",
        Decimal("0.5512"),
        Decimal("99.78"),
    )
    assert row.at.isoformat() == "2022-01-12T21:10:26+00:00"


@pytest.mark.parametrize(
    "content",
    [
        lines(V1, V2),
        json.dumps([V1, V2]),
        json.dumps([V1, V2], indent=2),
        json.dumps({"data": [V1, V2], "next_cursor": "x"}),
        "\ufeff" + lines(V1, V2),
        lines(V1, V2).replace("\n", "\r\n"),
        lines(
            *(
                {"venue": "polymarket", "channel": "trades", "received_at": "x", "message": each}
                for each in (V1, V2)
            )
        ),
    ],
)
def test_both_api_versions_and_our_own_format_give_the_same_trades(tmp_path, content):
    first, second = rows(tmp_path, content)

    assert (first.wallet, first.side, first.outcome_index) == (WALLET, Side.BUY, 1)
    assert (first.price, first.shares) == (Decimal("0.55"), Decimal("100.5"))
    assert (second.side, second.outcome_index) == (Side.SELL, None)
    assert second.price == Decimal("0.5600000035")


def test_gzip_is_known_by_content_and_not_by_name(tmp_path):
    path = write(tmp_path, gzip.compress(lines(V1).encode()), "plain.csv")

    assert len(list(recordings.read(path))) == 1


def test_one_fill_told_by_two_endpoints_is_one_fill(tmp_path):
    activity = V1 | {"type": "TRADE", "price": 0.5500008494, "usdcSize": 1}

    first, second = rows(tmp_path, lines(V1, activity))

    assert (first.transaction, first.counter) == (second.transaction, second.counter)


@pytest.mark.parametrize("kind", ["REDEEM", "SPLIT", "MERGE", "TRANSFER", "REWARD"])
def test_what_is_not_a_trade_is_never_a_buy(tmp_path, kind):
    (row,) = rows(tmp_path, lines(V1 | {"type": kind}))

    assert row == Skipped(line=1, kind=kind)


BAD = [
    ({"price": 0}, "not between 0 and 1"),
    ({"price": 1}, "not between 0 and 1"),
    ({"price": 1.5}, "not between 0 and 1"),
    ({"price": -0.5}, "not between 0 and 1"),
    ({"price": "NaN"}, "price NaN"),
    ({"price": float("nan")}, "price NaN"),
    ({"price": float("inf")}, "price Infinity"),
    ({"price": "abc"}, "not a number"),
    ({"price": None}, "not a number"),
    ({"price": True}, "not a number"),
    ({"size": 0}, "not positive"),
    ({"size": -1}, "not positive"),
    ({"size": 1e30}, "impossibly large"),
    ({"size": 1e-9}, "dust"),
    ({"proxyWallet": "redkollantai"}, "not an address"),
    ({"proxyWallet": None}, "not an address"),
    ({"side": "HOLD"}, "neither BUY nor SELL"),
    ({"timestamp": "yesterday"}, "not a number"),
    ({"timestamp": 1e20}, "time"),
    ({"timestamp": None}, "not a number"),
    ({"asset": ""}, "asset is missing"),
    ({"asset": "9" * 500}, "over 160"),
    ({"conditionId": None}, "conditionId is missing"),
]


@pytest.mark.parametrize(("change", "reason"), BAD)
def test_a_bad_row_is_set_aside_with_its_reason(tmp_path, change, reason):
    good, bad, after = rows(tmp_path, lines(V1, V1 | change, V2))

    assert isinstance(good, Trade)
    assert isinstance(after, Trade)
    assert isinstance(bad, BadRow)
    assert (bad.file, bad.line) == ("trades.bin", 2)
    assert reason in bad.reason


@pytest.mark.parametrize(
    ("middle", "reason"),
    [
        (b'{"proxyWallet": "0x', "broken JSON"),
        (b"\xff\xfe\x00 not text", "not UTF-8"),
        (b"[" * 5000, "cannot be read"),
        (b'{"price": ' + b"9" * 6000 + b"}", "is missing"),
        (b"5", "not a JSON object"),
    ],
    ids=["truncated", "charset", "nested", "huge-number", "no-object"],
)
def test_a_broken_line_never_stops_the_run(tmp_path, middle, reason):
    content = lines(V1).encode() + middle + b"\n" + lines(V2).encode()

    _, bad, after = rows(tmp_path, content)

    assert isinstance(after, Trade)
    assert isinstance(bad, BadRow)


def test_a_broken_object_of_an_array_costs_that_object_only(tmp_path):
    good = [json.dumps({**V2, "transaction_hash": f"0x{number:04x}"}) for number in range(3)]
    found = rows(tmp_path, f'[{good[0]}, {good[1]}, {{"bad": }}, {good[2]}]')

    assert [type(row).__name__ for row in found] == ["Trade", "Trade", "BadRow", "Trade"]


def test_a_page_is_known_wherever_its_rows_stand(tmp_path):
    page = {"limit": 5, "data": [V2], "pagination": {"has_more": False}}

    assert len(rows(tmp_path, json.dumps(page))) == 1


def test_a_short_file_whose_gzip_breaks_keeps_what_came_before(tmp_path):
    text = "".join(lines({**V2, "transaction_hash": f"0x{n:064x}"}) for n in range(40))
    whole = gzip.compress(text.encode())

    found = rows(tmp_path, whole[: len(whole) * 3 // 4])

    assert isinstance(found[0], Trade)
    assert isinstance(found[-1], BadRow)


def test_a_file_that_ends_in_the_middle_keeps_what_came_before(tmp_path):
    whole = gzip.compress(lines(*([V1] * 3000)).encode())

    found = rows(tmp_path, whole[: len(whole) * 2 // 3])

    assert isinstance(found[0], Trade)
    assert isinstance(found[-1], BadRow)
    assert "middle" in found[-1].reason


def test_text_that_postgres_cannot_store_is_cleaned(tmp_path):
    (row,) = rows(tmp_path, json.dumps([V1 | {"title": "a\x00b\ud800c"}]))

    assert row.title == "ab?c"


@pytest.mark.parametrize(
    "content", ["", "\n\n", "hello\n", "a,b,c\n1,2,3\n", "{}", "[]", b"\x1f\x8bgarbage", b"\x89PNG"]
)
def test_a_file_of_no_known_format_is_refused_by_name(tmp_path, content):
    path = write(tmp_path, content, "holiday.csv")

    with pytest.raises(UnreadableRecording, match=r"holiday\.csv"):
        list(recordings.read(path))


def test_a_missing_file_and_a_folder_are_refused_by_name(tmp_path):
    for path in (tmp_path / "nothing.csv", tmp_path):
        with pytest.raises(UnreadableRecording, match=str(path)):
            recordings.scan([path])


def test_newest_first_pages_are_replayed_oldest_first(tmp_path, monkeypatch):
    monkeypatch.setattr(recordings, "SORT_ROWS", 3)  # so that runs are spilled and merged
    newest_first = [V1 | {"timestamp": 1767600000 - n, "size": n + 1} for n in range(10)]
    path = write(tmp_path, lines(*newest_first))

    found = recordings.scan([path])
    ordered = list(recordings.in_time_order([path], in_order=found.sorted))

    assert not found.sorted
    assert found.trades == 10
    assert [trade.shares for trade in ordered] == list(range(10, 0, -1))


def test_resolutions_are_found_beside_the_recording(tmp_path):
    write(tmp_path, "market,winner,last_trade_utc\na,No,2022-11-08 10:00:00\n", "x_resolutions.csv")

    path = resolutions.beside(tmp_path / "x_trades.csv.gz")
    (winner,) = resolutions.read(path)

    assert (winner.market, winner.winner) == ("a", "No")
    assert winner.at.isoformat() == "2022-11-08T10:00:01+00:00"


@pytest.mark.parametrize("content", ["", "a,b\n1,2\n", "market,winner\nx,\n"])
def test_bad_resolutions_are_refused_by_name(tmp_path, content):
    path = write(tmp_path, content, "r.csv")

    with pytest.raises(BadResolutions, match=r"r\.csv"):
        resolutions.read(path)


def test_the_shared_tape_is_read_whole(shared):
    found = recordings.scan([shared / "data" / "a_midterms2022_trades.csv.gz"])

    assert found.trades + found.bad == 16_253
    assert found.sorted
    assert len(found.volume_of_first_tenth) > 20


def test_shared_api_rows_are_read_or_set_aside(shared):
    found = recordings.scan([shared / "data" / "a_dataapi_trades_activity_mixed.jsonl.gz"])

    assert found.trades + found.skipped + found.bad == 3_737
    assert found.skipped > 0
