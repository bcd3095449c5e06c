"""What an answer proves: a refusal, a kill, an acceptance, or nothing (failure-modes.md 2.3)."""

import json

import pytest

from venues.errors import Refused, Unknown
from venues.polymarket import answers
from venues.types import OrderStatus

NAME = "0x" + "ab" * 32
OTHER = "0x" + "cd" * 32


def judge(status: int, body: object):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return answers.placed(status, raw, order_id=NAME)


def taken(word: str, **fields) -> dict:
    return {"success": True, "errorMsg": "", "orderID": NAME, "status": word, **fields}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (taken("live"), OrderStatus.LIVE),
        (taken("matched", makingAmount="5", takingAmount="10"), OrderStatus.LIVE),  # trades tell
        (taken("delayed"), OrderStatus.DELAYED),
        (taken("unmatched"), OrderStatus.LIVE),  # held, not matched: a look tells what it is now
        (taken("live", orderID=NAME.upper().replace("0X", "0x")), OrderStatus.LIVE),
    ],
)
def test_an_order_that_was_taken(body, status):
    report = judge(200, body)

    assert report.status is status
    assert not report.fills  # never from the amounts of this answer


@pytest.mark.parametrize(
    "words",
    [
        "order couldn't be fully filled. FOK orders are fully filled or killed.",
        "no orders found to match with FAK order. FAK orders are partially filled or killed.",
    ],
)
def test_a_kill_is_an_end_without_a_fill_and_no_refusal(words):
    assert judge(400, {"error": words}).status is OrderStatus.CANCELED


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, {"error": "not enough balance / allowance"}),
        (200, {"success": False, "errorMsg": "not enough balance / allowance", "orderID": ""}),
        (400, {"error": "order_version_mismatch"}),
        (400, {"error": "Price (0.505) breaks minimum tick size rule: 0.01"}),
        (400, {"error": "Size (3) lower than the minimum: 5"}),
        (400, {"error": "invalid amount for a marketable BUY order ($0.5), min size: $1"}),
        (400, {"error": "invalid post-only order: order crosses book"}),
        (400, {"error": "maker address not allowed, please use the deposit wallet flow"}),
        (400, {"error": "the market is not yet ready to process new orders"}),
        (401, {"error": "Unauthorized/Invalid api key"}),
        (403, b"<html>blocked</html>"),
        (429, {"error": "Too Many Requests"}),
        (503, {"error_msg": "Trading is currently cancel-only. New orders are not accepted."}),
        (503, {"error_msg": "post-only mode: only post-only orders and cancels are allowed"}),
    ],
)
def test_a_documented_refusal_is_final(status, body):
    with pytest.raises(Refused):
        judge(status, body)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b""),
        (200, b"{"),
        (200, b"<html>ok</html>"),
        (200, []),
        (200, {}),
        (200, taken("live", orderID="")),
        (200, taken("live", orderID=OTHER)),
        (200, taken("resting")),
        (400, {"error": f"order {NAME} is invalid. Duplicated."}),  # it is there: look
        (400, {"error": "a text that nobody has documented"}),
        (400, b"<html>bad gateway</html>"),
        (425, {"error_msg": "matching engine is restarting", "retry_after_seconds": 79}),
        (500, {"error": "Internal server error"}),
        (502, b""),
        (503, {"error": "upstream connect error"}),
        (302, b""),
        (418, {"error": "not enough balance / allowance"}),
    ],
)
def test_everything_else_is_doubt(status, body):
    with pytest.raises(Unknown):
        judge(status, body)


@pytest.mark.parametrize(
    ("status", "headers", "body", "seconds"),
    [
        (425, {}, {"retry_after_seconds": 79}, 199),
        (429, {"retry-after": "3"}, {}, 3),
        (429, {"retry-after": "soon"}, {}, 1),
        (429, {"retry-after": "999999"}, {}, 600),
        (200, {"retry-after": "3"}, {}, 0),
        (503, {}, {"retry_after_seconds": 42}, 0),
    ],
)
def test_what_the_venue_asks_us_to_wait(status, headers, body, seconds):
    assert answers.asked_to_wait(status, headers, json.dumps(body).encode()) == seconds


def test_a_cancel_is_done_refused_or_doubtful():
    def ask(status: int, body: object) -> bool:
        return answers.is_cancelled(status, json.dumps(body).encode(), order_id=NAME)

    assert ask(200, {"canceled": [NAME], "not_canceled": {}})
    assert not ask(200, {"canceled": [], "not_canceled": {NAME: "already canceled or matched"}})
    for status, body in ((200, {}), (200, {"canceled": [OTHER]}), (500, {}), (200, [])):
        with pytest.raises(Unknown):
            ask(status, body)
