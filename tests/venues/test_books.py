"""Books by websocket: whole, changed, lost and stale; and the catalogue page by page."""

import json
from datetime import timedelta
from decimal import Decimal

import pytest

from markets import catalogue
from markets.models import Market, Outcome
from sandbox.serving import serving
from tests.sandbox.polymarket_world import NEG, V3, YES, PolymarketWorld
from tests.venues.test_stream import until
from venues.polymarket import stream
from venues.polymarket.public import Addresses, Public
from venues.polymarket.stream import BookPush
from venues.types import Level


def level(price: str, shares: str) -> Level:
    return Level(price=Decimal(price), shares=Decimal(shares))


@pytest.fixture
def world():
    return PolymarketWorld()


@pytest.fixture
def books(world):
    with serving(world.app) as url:
        push = BookPush(url.replace("http", "ws"), ping=0.2)
        push.start()
        until(lambda: push.is_live)
        yield push
        push.close()


def test_a_book_follows_the_exchanges_own(world, books):
    world.quote(YES, "0.55", "100")
    books.want([YES])
    until(lambda: books.book(YES) is not None)
    assert books.book(YES).asks == (level("0.55", "100"),)

    world.quote(YES, "0.54", "20")
    world.quote(YES, "0.50", "30", buy=True)

    until(lambda: len(books.book(YES).asks) == 2 and books.book(YES).bids)
    assert books.book(YES).asks == (level("0.54", "20"), level("0.55", "100"))
    assert books.book(YES).bids == (level("0.50", "30"),)


def test_a_token_that_is_not_wanted_any_more_has_no_book(world, books):
    books.want([YES])
    until(lambda: books.book(YES) is not None)

    books.want([NEG])

    assert books.book(YES) is None


def test_a_book_is_not_believed_without_a_stream(world, books, monkeypatch):
    books.want([YES])
    until(lambda: books.book(YES) is not None)

    monkeypatch.setattr(stream, "FRESH", 0.0)

    assert books.book(YES) is None


def frame(**fields) -> str:
    return json.dumps(fields)


BOOK = {
    "event_type": "book",
    "asset_id": "7",
    "timestamp": "1788886609000",
    "bids": [{"price": "0.48", "size": "30"}],
    "asks": [{"price": "0.52", "size": "25"}],
}
CHANGE = {"asset_id": "7", "side": "BUY", "price": "0.49", "size": "10"}


@pytest.mark.parametrize(
    "change",
    [
        {**CHANGE, "price": "NaN"},
        {**CHANGE, "size": None},
        {**CHANGE, "price": "0.53"},  # crosses: a frame was lost
    ],
)
def test_a_frame_that_makes_no_sense_makes_the_book_unknown(change, monkeypatch):
    push = BookPush("ws://127.0.0.1:9")
    push._connected.set()
    push.heard(json.dumps([BOOK]))
    assert push.book("7") is not None

    push.heard(frame(event_type="price_change", price_changes=[change]))

    assert push.book("7") is None


def test_a_change_before_its_whole_book_means_nothing():
    push = BookPush("ws://127.0.0.1:9")
    push._connected.set()

    push.heard(frame(event_type="price_change", price_changes=[CHANGE]))

    assert push.book("7") is None


def test_a_finer_tick_reaches_the_market(db):
    market = Market.objects.create(venue="polymarket", external_id="c", title="t", tick="0.01")
    Outcome.objects.create(market=market, token="7", name="Yes")
    push = BookPush("ws://127.0.0.1:9")
    push.heard(frame(event_type="tick_size_change", asset_id="7", new_tick_size="0.001"))

    catalogue.record_ticks(push.new_ticks())

    assert Market.objects.get().tick == Decimal("0.001")


def test_the_catalogue_is_read_page_by_page_and_goes_on_where_it_was(db, world, monkeypatch):
    monkeypatch.setattr("venues.polymarket.public.LISTED", 2)
    with serving(world.app) as url:
        public = Public(Addresses(clob=url, gamma=url, data=url))
        now = world.clock.now()
        catalogue.restart()

        assert catalogue.sync(public, pages=1, now=now) == 2
        assert not catalogue.is_at_its_end()
        assert catalogue.sync(public, pages=9, now=now) == 1
        assert catalogue.is_at_its_end()
        catalogue.sync(public, pages=9, now=now + timedelta(minutes=1))

    assert Market.objects.count() == 3
    neg = Market.objects.get(outcomes__token=NEG)
    assert (neg.neg_risk, neg.protocol, neg.tick) == (True, "v1", Decimal("0.01"))
    second = Market.objects.get(outcomes__token=V3)
    assert second.protocol == "v2"
    assert len(second.external_id) == 66
    assert second.terms.min_shares == 5
    assert {each.listed_at for each in Market.objects.all()} == {now + timedelta(minutes=1)}


def test_active_markets_can_be_asked_for_directly(world):
    with serving(world.app) as url:
        found = Public(Addresses(clob=url, gamma=url, data=url)).get_active_markets()

    assert len(found) == 3
