"""The contract on Kalshi: on the sandbox in both of its ways with client ids, and on recordings."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import httpx
import pytest

from sandbox.kalshi.exchange import Rules
from sandbox.serving import serving
from tests.sandbox.kalshi_world import KalshiWorld
from tests.venues import kalshi
from tests.venues.contract import Harness, VenueContract
from venues.errors import Refused
from venues.kalshi.auth import ServerClock
from venues.types import OrderKind, OrderRequest, OrderStatus, Side


class OnSandbox(Harness):
    def __init__(self, world: KalshiWorld, url: str) -> None:
        self.world, self.venue = world, kalshi.on(world, url)

    def request(self, *, limit: str, shares: str = "20", number: int = 1) -> OrderRequest:
        return kalshi.request(number, limit=limit, shares=shares, at=self.world.clock.now())

    def offer(self, price: str, shares: str) -> None:
        self.world.order("bob", "ask", price, f"{Decimal(shares):.2f}")

    def later(self) -> datetime:
        self.world.clock.move(timedelta(seconds=1))
        return self.world.clock.now()


@pytest.fixture(params=["burned", "open_only"])
def harness(request):
    world = KalshiWorld(Rules(dedup=request.param))
    with serving(world.app) as url:
        yield OnSandbox(world, url)


class TestKalshiOnTheSandbox(VenueContract):
    pass


class OnRecordings(Harness):
    """Recorded answers of the real exchange, with our own order's name put into them."""

    def __init__(self, shared) -> None:
        folder = shared / "fixtures" / "kalshi"

        def read(name: str):
            return json.loads((folder / f"demo__{name}.json").read_text())

        self.made, self.row = read("orders__create_v2_maker"), read("orders__get_after_create")
        self.taken, self.fill = read("orders__create_v2_taker_ioc"), read("fills__after_taker")
        self.gone, self.back = read("orders__cancel_already_canceled"), read("orders__cancel_v2")
        self.state = read("exchange__status")
        self.start = datetime.now(UTC)
        self.name, self.offers, self.cancelled = "", [], False
        self.wanted = Decimal(20)
        self.venue = kalshi.client(
            "http://kalshi",
            now=lambda: datetime.now(UTC),
            http=httpx.Client(transport=httpx.MockTransport(self.answer)),
            clock=ServerClock(),
        )

    def request(self, *, limit: str, shares: str = "20", number: int = 1) -> OrderRequest:
        return kalshi.request(number, limit=limit, shares=shares, at=self.start)

    def offer(self, price: str, shares: str) -> None:
        self.offers.append((price, shares))

    def later(self) -> datetime:
        return self.start + timedelta(seconds=10)

    @property
    def matched(self) -> Decimal:
        return min(Decimal(self.offers[0][1]), self.wanted) if self.offers else Decimal(0)

    def answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix(kalshi.ROOT)
        date = {"date": self.start.strftime("%a, %d %b %Y %H:%M:%S GMT")}
        if path == "/exchange/status":
            return httpx.Response(200, json=self.state, headers=date)
        if request.method == "POST":
            self.name = json.loads(request.content)["client_order_id"]
            counts = {
                "fill_count": f"{self.matched:.2f}",
                "remaining_count": f"{self.wanted - self.matched:.2f}",
            }
            made = self.taken if self.matched else self.made
            return httpx.Response(201, json=made | counts | {"client_order_id": self.name})
        if request.method == "DELETE":
            if self.matched == self.wanted or self.cancelled:
                return httpx.Response(404, json=self.gone)
            self.cancelled = True
            reduced = {"reduced_by": f"{self.wanted - self.matched:.2f}"}
            return httpx.Response(200, json=self.back | reduced)
        if path == "/portfolio/fills":
            return httpx.Response(200, json={"cursor": "", "fills": self.fills()})
        return httpx.Response(200, json={"cursor": "", "orders": [self.order()]})

    def order(self):
        whole = self.matched == self.wanted
        status = "executed" if whole else "canceled" if self.cancelled else "resting"
        return self.row["order"] | {
            "ticker": kalshi.HOME,
            "client_order_id": self.name,
            "status": status,
            "fill_count_fp": f"{self.matched:.2f}",
            "initial_count_fp": f"{self.wanted:.2f}",
        }

    def fills(self):
        if not self.matched:
            return []
        price = Decimal(self.offers[0][0])
        mine = {
            "count_fp": f"{self.matched:.2f}",
            "yes_price_dollars": f"{price:.4f}",
            "no_price_dollars": f"{1 - price:.4f}",
            "ticker": kalshi.HOME,
        }
        return [self.fill["fills"][0] | mine]


class TestKalshiOnRecordedAnswers(VenueContract):
    @pytest.fixture
    def harness(self, shared) -> Harness:
        return OnRecordings(shared)


class TestOrdersThatTakeAtOnce:
    @pytest.mark.parametrize("kind", [OrderKind.FAK, OrderKind.FOK])
    def test_nothing_there_ends_it_without_a_fill(self, harness, kind):
        _, report = harness.place(kalshi.request(kind=kind, at=harness.world.clock.now()))

        assert (report.status, report.fills) == (OrderStatus.CANCELED, ())

    def test_part_of_it_is_taken_by_ioc_and_none_of_it_by_fok(self, harness):
        harness.offer("0.48", "8")
        at = harness.world.clock.now()

        _, killed = harness.place(kalshi.request(1, kind=OrderKind.FOK, at=at))
        _, taken = harness.place(kalshi.request(2, kind=OrderKind.FAK, at=at))

        assert (killed.status, killed.fills) == (OrderStatus.CANCELED, ())
        assert taken.status is OrderStatus.CANCELED
        assert [(fill.shares, fill.price) for fill in taken.fills] == [(8, Decimal("0.48"))]

    def test_buying_no_is_an_ask_at_the_rest_of_a_dollar(self, harness):
        harness.world.order("bob", "bid", "0.55", "20.00")  # buys YES at 55, which is NO at 45

        _, report = harness.place(
            kalshi.request(token=kalshi.NO, limit="0.46", at=harness.world.clock.now())
        )

        (fill,) = report.fills
        assert (report.status, fill.price, fill.shares) == (
            OrderStatus.FILLED,
            Decimal("0.45"),
            20,
        )
        (held,) = harness.venue.portfolio.positions()
        assert (held.token, held.shares) == (kalshi.NO, 20)

    def test_selling_no_is_a_bid_and_never_a_purchase_of_more_no(self, harness):
        harness.world.order("bob", "bid", "0.55", "20.00")
        at = harness.world.clock.now()
        harness.place(kalshi.request(1, token=kalshi.NO, limit="0.46", at=at))
        harness.world.order("bob", "ask", "0.57", "20.00")

        _, sold = harness.place(
            kalshi.request(2, token=kalshi.NO, limit="0.43", side=Side.SELL, at=at)
        )

        assert [fill.price for fill in sold.fills] == [Decimal("0.43")]
        assert harness.venue.portfolio.positions() == []
        assert harness.world.exchange.members["alice"].positions[kalshi.HOME].count == 0

    def test_post_only_rests_or_is_refused_and_never_takes(self, harness):
        harness.offer("0.50", "5")
        at = harness.world.clock.now()
        more = {"kind": OrderKind.GTC, "post_only": True, "at": at}

        with pytest.raises(Refused, match="post only cross"):
            harness.place(kalshi.request(1, limit="0.55", **more))
        _, rests = harness.place(kalshi.request(2, limit="0.45", **more))

        assert (rests.status, rests.fills) == (OrderStatus.LIVE, ())

    @pytest.mark.parametrize(("token", "yes_price"), [(kalshi.YES, "0.45"), (kalshi.NO, "0.55")])
    def test_a_price_off_the_grid_moves_to_the_side_that_costs_nothing(
        self, harness, token, yes_price
    ):
        at = harness.world.clock.now()

        harness.place(kalshi.request(limit="0.4567", token=token, at=at))

        (order,) = harness.world.exchange.members["alice"].orders.values()
        assert order.price == Decimal(yes_price)
