"""Trades of followed wallets from the chain: pushed, replayed after gaps, stored once."""

import dataclasses
from datetime import timedelta
from decimal import Decimal

import httpx
import pytest

from markets.models import Feed
from sandbox.serving import serving
from tests.sandbox.polymarket_world import NEG, YES, PolymarketWorld
from tests.sandbox.test_polymarket import buy
from tests.venues.test_stream import until
from trading.chain_feed import ChainFeed
from venues.errors import Unreadable
from venues.polymarket.chain import ChainPush, Node, fill_of
from venues.polymarket.public import Addresses, Public
from venues.reading import BadMessage
from venues.types import Side
from whales import ingest
from whales.models import WhaleTrade

LOG = {
    "address": "0xe111180000d2663c0091e4f400237545b87b996b",
    "topics": [
        "0xd543adfd945773f1a62f74f0ee55a5e3b9b1a28262980ba90b1a89f2ea84d8ee",
        "0x" + "ab" * 32,
        "0x" + "00" * 12 + "A1" * 20,
        "0x" + "00" * 12 + "b2" * 20,
    ],
    "data": "0x"
    + "".join(f"{each:064x}" for each in (1, 77, 100_000_000, 53_000_000, 1_000, 0, 0)),
    "blockNumber": "0x10",
    "transactionHash": "0x" + "cd" * 32,
    "logIndex": "0x3",
}


def test_a_sale_gives_shares_for_dollars():
    fill = fill_of(LOG)

    assert (fill.side, fill.shares, fill.dollars) == (Side.SELL, 100, 53)
    assert (fill.wallet, fill.token, fill.block) == ("0x" + "a1" * 20, "77", 16)


@pytest.mark.parametrize(
    "changes",
    [
        {"topics": []},
        {"topics": ["0x" + "00" * 32, *LOG["topics"][1:]]},
        {"data": "0x"},
        {"data": "0x" + f"{2:064x}" + LOG["data"][66:]},
        {"data": None},
        {"blockNumber": "x"},
    ],
)
def test_a_log_that_is_no_fill_is_told(changes):
    with pytest.raises(BadMessage):
        fill_of({**LOG, **changes})


class Watched:
    """A chain feed over the sandbox, and the wallet that it follows."""

    def __init__(self, world: PolymarketWorld, url: str) -> None:
        self.world = world
        self.wallet = world.owner.lower()
        now = world.clock.now()
        self.feed = Feed.objects.create(
            key="live", kind=Feed.Kind.LIVE, name="live", started_at=now, seen_at=now
        )
        self.node = Node(f"{url}/rpc", http=httpx.Client())
        self.public = Public(Addresses(clob=url, gamma=url, data=url))
        self.chain = ChainFeed(
            feed=self.feed,
            push=ChainPush(url.replace("http", "ws") + "/rpc", ping=0.2),
            node=self.node,
            public=self.public,
            now=world.clock.now,
        )

    def trade(self, token: str = YES) -> None:
        self.world.quote(token, "0.53", "100")
        self.world.quote(token, "0.54", "100")
        buy(self.world, token=token, shares="150", price="0.60")
        self.world.clock.move(timedelta(seconds=4))
        self.world.exchange.tick(now=self.world.clock.now())

    def store(self) -> None:
        ingest.store_trades(self.chain.take([self.wallet]))
        self.chain.stored()


@pytest.fixture
def watched(transactional_db):
    world = PolymarketWorld()
    with serving(world.app) as url:
        yield Watched(world, url)


def test_a_gap_is_read_from_the_cursor_after_any_time_away(watched: Watched):
    watched.store()
    began = watched.feed.block
    watched.trade()
    watched.trade(NEG)

    watched.store()

    stored = WhaleTrade.objects.order_by("pk")
    assert {each.outcome.token for each in stored} == {YES, NEG}
    assert {each.source for each in stored} == {"chain"}
    assert stored[0].shares == 150
    assert stored[0].price == Decimal("0.5333333333")  # of both makers together
    assert Feed.objects.get().block > began


def test_a_node_that_does_not_answer_leaves_the_cursor_where_it_was(watched: Watched):
    watched.store()
    began = watched.feed.block
    watched.chain._node = Node("http://127.0.0.1:9/rpc", http=httpx.Client())
    watched.trade()

    with pytest.raises(Unreadable):
        watched.store()

    assert Feed.objects.get().block == began
    watched.chain._node = watched.node
    watched.store()
    assert WhaleTrade.objects.count() == 1


def test_what_is_pushed_comes_without_a_question(watched: Watched):
    watched.store()
    watched.chain.push.start()
    until(lambda: watched.chain.is_live)
    watched.store()
    watched.trade()

    until(lambda: watched.store() is None and WhaleTrade.objects.exists())

    assert WhaleTrade.objects.get().shares == 150
    watched.chain.push.close()


@pytest.mark.parametrize("first", ["chain", "data"])
def test_whichever_feed_is_first_a_trade_is_stored_once(watched: Watched, first):
    watched.store()
    watched.trade()
    told = {
        "chain": watched.chain.take([watched.wallet]),
        "data": watched.public.trades(watched.wallet),
    }
    # The Data API may tell the parts of one order's fills in rows of their own.
    whole = told["data"][0]
    told["data"] = [
        dataclasses.replace(whole, shares=Decimal(part), counter=part) for part in (100, 50)
    ]
    second = "data" if first == "chain" else "chain"

    for name in (first, second, first):
        ingest.store_trades(told[name])

    assert {each.source for each in WhaleTrade.objects.all()} == {first}
    assert sum(each.shares for each in WhaleTrade.objects.all()) == 150
