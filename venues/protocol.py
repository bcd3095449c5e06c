"""What every venue can do. Paper is one of them."""

from collections.abc import Iterable
from datetime import datetime
from typing import Protocol

from venues.types import OrderReport, OrderRequest, Trade


class Venue(Protocol):
    """Place, cancel and look up orders. Each call may raise `venues.errors.VenueError`."""

    name: str

    def place(self, request: OrderRequest) -> OrderReport:
        """Place one order; at most one request leaves this machine."""

    def cancel(self, request: OrderRequest, *, now: datetime) -> OrderReport:
        """Cancel what still rests; the report holds the fills that came first."""

    def look_up(self, request: OrderRequest, *, now: datetime) -> OrderReport:
        """Report what the venue knows of the order now. Safe to repeat."""


class Stream(Protocol):
    """A source of trades, oldest first."""

    def trades(self) -> Iterable[Trade]: ...
