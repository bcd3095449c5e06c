"""What every venue can do. Paper is one of them."""

from datetime import datetime
from typing import Protocol

from venues.types import OrderReport, OrderRequest, Prepared


class Venue(Protocol):
    """Place, cancel and ask after orders. Each call may raise `venues.errors.VenueError`."""

    name: str

    def waits_for(self, request: OrderRequest) -> float:
        """Return for how many seconds the venue takes no such order; 0 when it does. Asks nobody:
        only what is known here.
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
