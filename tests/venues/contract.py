"""What every venue must do, whatever is behind it: one suite, run on each of them.

A harness brings a venue, a market with something to buy, and time that can pass.
"""

from abc import ABC, abstractmethod
from datetime import datetime
from decimal import Decimal

import pytest

from venues.errors import NotSent, Refused
from venues.protocol import Venue
from venues.types import OrderReport, OrderRequest, OrderStatus, Side

OPEN = (OrderStatus.LIVE, OrderStatus.PARTIAL)


class Harness(ABC):
    """One venue in a state that the suite knows."""

    venue: Venue
    refuses_late = True  # whether its own clock keeps late orders from being sent

    @abstractmethod
    def request(self, *, limit: str, shares: str = "20", number: int = 1) -> OrderRequest:
        """Return an order to buy of the market."""

    @abstractmethod
    def offer(self, price: str, shares: str) -> None:
        """Let somebody sell."""

    @abstractmethod
    def later(self) -> datetime:
        """Let enough time pass for a match to be told; returns the time it is then."""

    def place(self, request: OrderRequest) -> tuple[OrderRequest, OrderReport]:
        """Place an order as `trading.sending` does: prepare, keep the name, send once."""
        from dataclasses import replace

        prepared = self.venue.prepare(request)
        named = replace(request, venue_order_id=prepared.venue_order_id)
        return named, self.venue.place_order(named, prepared, not_after=named.expires_at)


class VenueContract:
    """Subclasses give a `harness` fixture."""

    def test_the_same_request_is_prepared_the_same_way_every_time(self, harness: Harness):
        request = harness.request(limit="0.50")

        assert harness.venue.prepare(request) == harness.venue.prepare(request)

    def test_two_requests_have_two_names(self, harness: Harness):
        names = {
            harness.venue.prepare(harness.request(limit="0.50", number=number)).venue_order_id
            for number in range(5)
        }

        assert len(names) == 5

    @pytest.mark.parametrize(("limit", "shares"), [("1", "20"), ("0", "20"), ("0.50", "0")])
    def test_what_no_venue_takes_is_refused_before_it_is_sent(self, harness, limit, shares):
        with pytest.raises(Refused):
            harness.venue.prepare(harness.request(limit=limit, shares=shares))

    def test_an_order_that_nobody_meets_rests_under_its_name(self, harness: Harness):
        named, report = harness.place(harness.request(limit="0.30"))

        assert report.venue_order_id == named.venue_order_id
        assert report.status is OrderStatus.LIVE
        assert not report.fills
        found = harness.venue.get_order_status(named, now=harness.later())
        assert (found.status, found.fills) == (OrderStatus.LIVE, ())

    def test_an_order_is_filled_at_its_limit_or_better_and_never_beyond_its_size(self, harness):
        harness.offer("0.48", "1000")
        named, _ = harness.place(harness.request(limit="0.50"))

        found = harness.venue.get_order_status(named, now=harness.later())

        assert found.status is OrderStatus.FILLED
        assert sum(fill.shares for fill in found.fills) == named.shares
        assert all(fill.price <= named.limit_price for fill in found.fills)
        assert all(fill.fee >= 0 for fill in found.fills)

    def test_asking_twice_tells_the_same_fills_under_the_same_names(self, harness: Harness):
        harness.offer("0.48", "1000")
        named, _ = harness.place(harness.request(limit="0.50"))
        now = harness.later()

        first = harness.venue.get_order_status(named, now=now)
        again = harness.venue.get_order_status(named, now=now)

        assert first.fills == again.fills != ()

    def test_a_cancel_keeps_the_fills_that_came_first_and_may_be_repeated(self, harness: Harness):
        harness.offer("0.48", "16")
        named, _ = harness.place(harness.request(limit="0.50"))
        now = harness.later()
        before = harness.venue.get_order_status(named, now=now)
        assert before.status is OrderStatus.PARTIAL

        first = harness.venue.cancel_order(named, now=now)
        again = harness.venue.cancel_order(named, now=now)

        assert first.status is OrderStatus.CANCELED
        assert again.status not in OPEN
        assert first.fills == again.fills == before.fills

    def test_an_order_that_was_filled_cannot_be_cancelled(self, harness: Harness):
        harness.offer("0.48", "1000")
        named, _ = harness.place(harness.request(limit="0.50"))

        report = harness.venue.cancel_order(named, now=harness.later())

        assert report.status is OrderStatus.FILLED

    def test_nothing_is_sent_after_its_time(self, harness: Harness):
        if not harness.refuses_late:
            pytest.skip("this venue sends nothing: it has no clock of its own")
        request = harness.request(limit="0.30")
        prepared = harness.venue.prepare(request)

        with pytest.raises(NotSent):
            harness.venue.place_order(
                request, prepared, not_after=request.sent_at - (harness.later() - request.sent_at)
            )

    def test_a_side_of_the_market_is_never_the_other_one(self, harness: Harness):
        harness.offer("0.48", "1000")
        request = harness.request(limit="0.50")
        assert request.side is Side.BUY

        named, _ = harness.place(request)
        found = harness.venue.get_order_status(named, now=harness.later())

        assert all(0 < fill.price <= Decimal("0.50") for fill in found.fills)
