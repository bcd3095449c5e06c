"""Call limits: one count for all processes, pauses that are heeded, and no Redis that stops us."""

import time
import uuid

import pytest
from django.conf import settings
from limits import RateLimitItemPerSecond

from venues.errors import NotSent
from venues.limits import SharedLimits
from venues.polymarket import limits

LONG = 60  # seconds: no window of a test ends by itself


def window(calls: int) -> RateLimitItemPerSecond:
    return RateLimitItemPerSecond(calls, LONG)


def made(venue: str, *, url: str = "", **options) -> SharedLimits:
    redis = settings.REDIS_URL.replace("unix://", "redis+unix://", 1)
    options.setdefault("table", {})
    return SharedLimits(url or redis, venue=venue, sleep=lambda seconds: None, **options)


@pytest.fixture
def venue() -> str:
    return f"venue-{uuid.uuid4()}"


def test_two_processes_share_one_count(venue):
    one = made(venue, always=[("all", window(3))])
    other = made(venue, always=[("all", window(3))])
    for each in (one, other, one):
        each.wait("GET /book")

    with pytest.raises(NotSent, match="the limit all is used up"):
        other.wait("GET /time")


def test_each_signer_has_a_count_of_its_own(venue):
    found = made(venue, table={"POST /order": [("orders of a signer", window(1))]})
    found.wait("POST /order", signer="ana")
    found.wait("POST /order", signer="ben")

    with pytest.raises(NotSent):
        found.wait("POST /order", signer="ana")


def test_reads_leave_room_for_orders(venue):
    found = made(venue, always=[("all", window(5))], reads=[("reads", window(4))])
    for _ in range(4):
        found.wait("GET /book")

    with pytest.raises(NotSent, match="reads"):
        found.wait("GET /book")
    found.wait("POST /order")


def test_the_longest_known_beginning_names_a_calls_windows(venue):
    table = {"GET ": [("any", window(9))], "GET /data/orders": [("data", window(1))]}
    found = made(venue, table=table)
    found.wait("GET /data/orders")
    found.wait("GET /data/trades")

    with pytest.raises(NotSent, match="data"):
        found.wait("GET /data/orders")


def test_a_pause_is_everybodys_or_one_signers_and_never_cut_short(venue):
    one, other = made(venue), made(venue)
    one.back_off("POST /order", seconds=100, signer="ana")
    one.back_off("POST /order", seconds=5, signer="ana")

    assert 95 < other.left("POST /order", signer="ana") <= 100
    assert other.left("POST /order", signer="ben") == 0
    with pytest.raises(NotSent, match="asked not to be called"):
        other.wait("POST /order", signer="ana")
    other.wait("POST /order", signer="ben")
    one.back_off("POST /order", seconds=50)
    assert 45 < other.left("POST /order", signer="ben") <= 50


def test_a_pause_ends(venue):
    found = made(venue)
    found.back_off("GET /book", seconds=0.05)
    time.sleep(0.06)

    assert found.left("GET /book") == 0


def test_without_redis_each_process_counts_for_itself_and_keeps_its_pauses(venue):
    nobody = "redis://127.0.0.1:9"
    found = made(venue, url=nobody, always=[("all", window(1))])
    found.wait("GET /book")
    found.back_off("POST /order", seconds=100)

    with pytest.raises(NotSent, match="used up"):
        found.wait("GET /book")
    assert 95 < found.left("POST /order") <= 100


def test_every_documented_call_of_the_adapter_has_its_windows():
    table = limits.table("standard")

    assert {"GET /book", "GET /data/trades", "POST /order", "DELETE /order"} <= set(table)
    assert [name for name, _ in table["POST /order"]][-1] == "orders of a signer"
    with pytest.raises(KeyError):
        limits.table("tin")
