"""What every venue can do. Paper is one of them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from venues.types import OrderReport, OrderRequest, Prepared


class Venue(Protocol):
    """Place, cancel and ask after orders. Each call may raise `venues.errors.VenueError`."""

    name: str

    def waits_for(self, request: OrderRequest) -> float:
        """Return for how many seconds the venue takes no such order; 0 when it does. Does not ask
        the venue: only what this server knows of it.
        """

    def prepare(self, request: OrderRequest) -> Prepared:
        """Fix what will be sent, and by what name the venue will know it. Sends nothing.

        The same request always gives the same answer. Raises Refused for what no venue would take.
        """

    def place_order(
        self, request: OrderRequest, prepared: Prepared, *, not_after: datetime
    ) -> OrderReport:
        """Send what was prepared; at most one request leaves this machine, and none too late."""

    def cancel_order(self, request: OrderRequest, *, now: datetime) -> OrderReport:
        """Cancel what still rests; the report holds the fills that came first."""

    def get_order_status(self, request: OrderRequest, *, now: datetime) -> OrderReport:
        """Report what the venue knows of the order now. Safe to repeat."""


class Telling(Protocol):
    """How the rows of an account's own stream are read at a venue."""

    def names_in(self, row: Mapping[str, Any]) -> set[str]:
        """Return the names of all orders that a row is about."""

    def told_report(
        self, request: OrderRequest, row: Mapping[str, Any], *, now: datetime
    ) -> OrderReport:
        """Report an order by one row. Raises BadMessage."""
