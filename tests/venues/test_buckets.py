"""Token buckets: shared by all processes, refilled by the second, never a reason to lose money."""

import threading
import time
import uuid
from datetime import UTC, datetime
from email.utils import format_datetime

import httpx
import pytest
from django.conf import settings

from tests.venues import kalshi
from venues.buckets import Bucket, SharedBuckets
from venues.errors import NotSent, Refused
from venues.kalshi.limits import BALANCE, CANCEL, ORDER, Tier, tier
from venues.reading import BadMessage

SMALL = Bucket(name="write", rate=20, capacity=40)


def buckets(**options) -> SharedBuckets:
    return SharedBuckets(settings.REDIS_URL, **{"venue": str(uuid.uuid4()), **options})


def test_a_full_bucket_serves_at_once_and_an_empty_one_lets_wait():
    slept: list[float] = []
    shared = buckets(sleep=lambda seconds: (slept.append(seconds), time.sleep(seconds)))

    for _ in range(4):
        shared.take(SMALL, 10, owner="ana", is_read=False)
    assert not slept
    shared.take(SMALL, 10, owner="ana", is_read=False)

    assert 0.3 < sum(slept) < 0.7  # ten tokens at twenty a second


def test_two_processes_share_one_bucket_and_two_accounts_do_not():
    name = str(uuid.uuid4())
    one, other = buckets(venue=name), buckets(venue=name, sleep=lambda seconds: None)
    for _ in range(4):
        one.take(SMALL, 10, owner="ana", is_read=False)

    other.take(SMALL, 40, owner="bo", is_read=False)
    with pytest.raises(NotSent, match="limit is used up"):
        for _ in range(9):
            other.take(Bucket(name="write", rate=0.1, capacity=40), 10, owner="ana", is_read=False)


def test_many_threads_take_no_more_than_there_is():
    shared = buckets(sleep=lambda seconds: None)
    still, taken, lock = Bucket(name="read", rate=0.001, capacity=100), [0], threading.Lock()

    def work() -> None:
        for _ in range(10):
            try:
                shared.take(still, 5, owner="ana", is_read=False)
            except NotSent:
                return
            with lock:
                taken[0] += 5

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert taken[0] == 100


def test_without_its_counters_each_process_counts_for_itself(caplog):
    alone = SharedBuckets("redis://127.0.0.1:1/0", venue="x", sleep=lambda seconds: None)
    for _ in range(4):
        alone.take(SMALL, 10, owner="ana", is_read=False)

    assert alone._try("polymix:bucket:x:ana:write", SMALL, 10) > 0
    assert "counts its calls alone" in caplog.text


def test_a_pause_holds_for_everybody_and_a_longer_one_is_not_cut_short():
    name = str(uuid.uuid4())
    one, other = buckets(venue=name), buckets(venue=name)
    one.pause("shard 3", seconds=30)
    one.pause("shard 3", seconds=1)

    assert 25 < other.left("shard 3") <= 30
    assert other.left("shard 0") == 0


@pytest.mark.parametrize(
    ("call", "shard", "name", "cost"),
    [
        ("POST /portfolio/events/orders", 0, "write", 10),
        ("POST /portfolio/events/orders", 3, "write 3", 10),
        (CANCEL, 3, "write 3", 2),
        (ORDER, 0, "read", 2),
        ("GET /markets", 0, "read", 10),
        (BALANCE, 0, "balance", 1),
    ],
)
def test_calls_cost_what_the_exchange_says_out_of_their_own_bucket(call, shard, name, cost):
    bucket, price = Tier().bucket(call, shard=shard)

    assert (bucket.name, price) == (name, cost)


def test_a_tier_is_read_kept_and_never_used_up_whole():
    told = {
        "usage_tier": "advanced",
        "read": {"refill_rate": 300, "bucket_capacity": 600},
        "write": {"refill_rate": 300, "bucket_capacity": 600},
    }
    costs = {"endpoint_costs": [{"method": "GET", "path": "/trade-api/v2/markets", "cost": 3}]}

    found = tier(told, costs)

    assert Tier.from_stored(found.stored()) == found
    assert found.bucket("GET /markets")[1] == 3
    assert found.bucket(CANCEL)[1] == 2
    assert found.bucket("POST /x")[0].rate < 300


def test_a_tier_that_makes_no_sense_is_an_error():
    with pytest.raises(BadMessage, match="limit of reads"):
        tier({"usage_tier": "basic"}, {})


def test_a_client_spends_the_tokens_of_its_own_account():
    spent: list[tuple[str, str, int]] = []

    class Noting:
        def take(self, bucket, cost, *, owner, is_read):
            spent.append((owner, bucket.name, cost))

        def left(self, what):
            return 0.0

        def pause(self, what, *, seconds):
            return

    def answer(request: httpx.Request) -> httpx.Response:
        refusal = {"error": {"code": "insufficient_balance"}}
        date = {"date": format_datetime(datetime.now(UTC), usegmt=True)}
        return httpx.Response(400, json=refusal, headers=date)

    http = httpx.Client(transport=httpx.MockTransport(answer))
    venue = kalshi.client(
        "http://kalshi", now=lambda: datetime.now(UTC), http=http, buckets=Noting()
    )
    made = kalshi.request(at=datetime.now(UTC))
    with pytest.raises(Refused):
        venue.place_order(made, venue.prepare(made), not_after=made.expires_at)

    assert spent == [("alice", "write 3", 10)]
