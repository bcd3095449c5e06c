"""The contract on each venue: on paper, on the sandbox through the adapter, on recorded answers."""

import json
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import httpx
import pytest

from sandbox.serving import serving
from tests.sandbox.polymarket_world import KEY, YES, PolymarketWorld
from tests.venues.contract import Harness, VenueContract
from venues.paper import PaperTerms, PaperVenue
from venues.polymarket import onboarding
from venues.polymarket.auth import ApiKey, Keys, Wallet, address_of
from venues.polymarket.client import PolymarketClient
from venues.polymarket.onboarding import Places
from venues.polymarket.public import Addresses
from venues.secrets import Secret
from venues.types import (
    Book,
    FillReport,
    Level,
    OrderKind,
    OrderRequest,
    OrderStatus,
    Shares,
    Side,
    Terms,
    Usd,
)

TERMS = Terms(tick=Decimal("0.01"), min_shares=Decimal(5), neg_risk=False, protocol="v1")
OWNER = address_of(Secret(KEY))


def order(number: int, limit: str, shares: str, *, at: datetime) -> OrderRequest:
    return OrderRequest(
        client_order_id=str(uuid.uuid5(uuid.NAMESPACE_URL, str(number))),
        token=YES,
        side=Side.BUY,
        limit_price=Decimal(limit),
        shares=Decimal(shares),
        sent_at=at,
        expires_at=at + timedelta(hours=1),
        terms=TERMS,
        fee_rate=Decimal("0.05"),
    )


class OnPaper(Harness):
    refuses_late = False

    def __init__(self) -> None:
        self.start = datetime(2026, 3, 2, 15, 30, tzinfo=UTC)
        self.asks: list[Level] = []
        self.known: dict[str, list[FillReport]] = {}
        self.venue = PaperVenue(
            terms=PaperTerms(
                latency=timedelta(seconds=2),
                print_share=Decimal(1),
                book_share=Decimal(1),
                fee_rate=Decimal("0.05"),
            ),
            prints=lambda token, start, end: (),
            book_at=lambda token, at: Book(
                token=token, bids=(), asks=tuple(self.asks), at=self.start + timedelta(seconds=3)
            ),
            taken=lambda name: Decimal(0),
            taken_from_books=lambda token, side, since: Decimal(0),
            matched=lambda name: (),
        )

    def request(self, *, limit: str, shares: str = "20", number: int = 1) -> OrderRequest:
        return order(number, limit, shares, at=self.start)

    def offer(self, price: str, shares: str) -> None:
        self.asks.append(Level(price=Decimal(price), shares=Decimal(shares)))

    def later(self) -> datetime:
        return self.start + timedelta(seconds=10)


class TestPaperVenue(VenueContract):
    @pytest.fixture
    def harness(self) -> Harness:
        return OnPaper()


class OnSandbox(Harness):
    def __init__(self, world: PolymarketWorld, url: str) -> None:
        self.world = world
        at = Addresses(clob=url, gamma=url, data=url)
        http = httpx.Client()
        api = onboarding.api_key(
            Secret(KEY),
            at=Places(addresses=at, relayer=url, geoblock=""),
            http=http,
            now=world.clock.wall,
        )
        keys = Keys(
            wallet=Wallet(owner=OWNER, funder=OWNER, signature_type=0),
            private_key=Secret(KEY),
            api=api,
        )
        self.venue = PolymarketClient(keys=keys, at=at, http=http, now=world.clock.wall)

    def request(self, *, limit: str, shares: str = "20", number: int = 1) -> OrderRequest:
        return order(number, limit, shares, at=self.world.clock.now())

    def offer(self, price: str, shares: str) -> None:
        self.world.quote(YES, price, shares)

    def later(self) -> datetime:
        self.world.clock.move(timedelta(seconds=1))
        self.world.exchange.tick(now=self.world.clock.now())
        return self.world.clock.now()


class TestPolymarketOnTheSandbox(VenueContract):
    @pytest.fixture
    def harness(self):
        world = PolymarketWorld()
        with serving(world.app) as url:
            yield OnSandbox(world, url)


class OnRecordings(Harness):
    """Recorded answers of the real exchange, with our own order's name put into them."""

    def __init__(self, shared) -> None:
        folder = shared / "fixtures" / "polymarket"
        self.posted = json.loads((folder / "docs_order_responses.json").read_text())
        self.resting = json.loads((folder / "nt_http_open_order.json").read_text())
        self.trade = json.loads((folder / "nt_http_trade_report.json").read_text())
        self.gone = json.loads((folder / "nt_http_cancel_response_failed.json").read_text())
        self.start = datetime.now(UTC)
        self.name, self.matched, self.cancelled = "", Decimal(0), False
        self.offers: list[tuple[str, str]] = []
        keys = Keys(
            wallet=Wallet(owner=OWNER, funder=OWNER, signature_type=0),
            private_key=Secret(KEY),
            api=ApiKey(key="key", secret=Secret("c2VjcmV0"), passphrase=Secret("phrase")),
        )
        self.venue = PolymarketClient(
            keys=keys,
            at=Addresses(clob="http://clob", gamma="http://gamma", data="http://data"),
            http=httpx.Client(transport=httpx.MockTransport(self.answer)),
            now=lambda: datetime.now(UTC),
        )

    def request(self, *, limit: str, shares: str = "20", number: int = 1) -> OrderRequest:
        return order(number, limit, shares, at=self.start)

    def place(self, request: OrderRequest):
        self.name = self.venue.prepare(request).venue_order_id
        if self.offers:
            self.matched = min(Decimal(self.offers[0][1]), request.shares)
        return super().place(request)

    def offer(self, price: str, shares: str) -> None:
        self.offers.append((price, shares))

    def later(self) -> datetime:
        return self.start + timedelta(seconds=10)

    def answer(self, request: httpx.Request) -> httpx.Response:
        whole = self.matched == 20
        if request.method == "POST":
            kind = "limit_matched_pre_2026_07_24" if self.matched else "limit_live"
            return httpx.Response(200, json=self.posted[kind] | {"orderID": self.name})
        if request.method == "DELETE":
            if whole or self.cancelled:
                refused = {self.name: next(iter(self.gone["not_canceled"].values()), "matched")}
                return httpx.Response(200, json={"canceled": [], "not_canceled": refused})
            self.cancelled = True
            return httpx.Response(200, json={"canceled": [self.name], "not_canceled": {}})
        if request.url.path.startswith("/data/order/"):
            row = None if whole or self.cancelled else self.resting | {"id": self.name}
            return httpx.Response(200, json=row)
        trades = []
        if self.matched:
            price = self.offers[0][0]
            maker = self.trade["maker_orders"][0] | {
                "matched_amount": str(self.matched),
                "price": price,
                "asset_id": YES,
            }
            trades = [
                self.trade
                | {"taker_order_id": self.name, "size": str(self.matched), "price": price}
                | {"asset_id": YES, "maker_orders": [maker]}
            ]
        return httpx.Response(200, json={"next_cursor": "LTE=", "data": trades})


class TestPolymarketOnRecordedAnswers(VenueContract):
    @pytest.fixture
    def harness(self, shared) -> Harness:
        return OnRecordings(shared)


def test_the_name_of_an_order_follows_its_terms():
    """A wrong contract would be another order: nobody could find it again."""
    made = OnPaper().request(limit="0.50")
    client = object.__new__(PolymarketClient)
    client._keys = Keys(
        wallet=Wallet(owner=OWNER, funder=OWNER, signature_type=0),
        private_key=Secret(KEY),
        api=ApiKey(key="key", secret=Secret("c2VjcmV0"), passphrase=Secret("phrase")),
    )
    names = {
        client.prepare(replace(made, terms=terms)).venue_order_id
        for terms in (
            TERMS,
            replace(TERMS, neg_risk=True),
            replace(TERMS, protocol="v2"),
        )
    }

    assert len(names) == 3


class TestOrdersThatTakeAtOnce:
    """FAK and FOK on the sandbox, with a hard limit, of dollars and of shares."""

    @pytest.fixture
    def harness(self):
        world = PolymarketWorld()
        with serving(world.app) as url:
            yield OnSandbox(world, url)

    def at_once(self, harness: OnSandbox, kind: OrderKind, **changes):
        request = replace(harness.request(limit="0.50"), kind=kind, **changes)
        named, report = harness.place(request)
        found = harness.venue.get_order_status(named, now=harness.later())
        fills = harness.venue.get_fills(named, now=harness.later())
        assert [each.shares for each in fills] == [each.shares for each in found.fills]
        return report, found

    @pytest.mark.parametrize("kind", [OrderKind.FAK, OrderKind.FOK])
    def test_dollars_buy_what_they_can_and_never_cost_more(self, harness, kind):
        harness.offer("0.40", "1000")

        report, found = self.at_once(harness, kind, amount=Usd(amount=Decimal("10.30")))

        spent = sum(fill.dollars for fill in found.fills)
        assert spent <= Decimal("10.30")
        assert sum(fill.shares for fill in found.fills) > 20  # cheaper than the limit: more of them
        assert report.status is OrderStatus.LIVE  # taken; its trades tell the rest

    @pytest.mark.parametrize("kind", [OrderKind.FAK, OrderKind.FOK])
    def test_nothing_there_ends_it_without_a_fill(self, harness, kind):
        harness.offer("0.51", "1000")  # beyond the limit

        report, found = self.at_once(harness, kind, amount=Shares(count=Decimal(20)))

        assert report.status is OrderStatus.CANCELED
        assert (found.status, found.fills) == (OrderStatus.GONE, ())

    def test_part_of_it_is_taken_by_a_fak_and_refused_by_a_fok(self, harness: OnSandbox):
        harness.offer("0.48", "8")

        killed, _ = self.at_once(harness, OrderKind.FOK)
        _, found = self.at_once(harness, OrderKind.FAK, client_order_id=str(uuid.uuid4()))

        assert killed.status is OrderStatus.CANCELED
        assert sum(fill.shares for fill in found.fills) == 8
