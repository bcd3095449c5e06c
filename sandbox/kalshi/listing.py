"""What is listed: series, events, their markets, and when they trade."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from sandbox.book import Book
from venues.kalshi.fees import FeeType
from venues.types import PriceRange

ZERO, ONE = Decimal(0), Decimal(1)


class Status(StrEnum):
    INITIALIZED = "initialized"
    ACTIVE = "active"
    INACTIVE = "inactive"
    CLOSED = "closed"
    DETERMINED = "determined"
    FINALIZED = "finalized"


# The words of a list's filter are not those of a market.
FILTERS = {
    "unopened": {Status.INITIALIZED},
    "open": {Status.ACTIVE},
    "paused": {Status.INACTIVE},
    "closed": {Status.CLOSED, Status.DETERMINED},
    "settled": {Status.FINALIZED},
}


CENTS = (PriceRange(start=ZERO, end=ONE, step=Decimal("0.01")),)


@dataclass(slots=True, kw_only=True)
class Series:
    ticker: str
    title: str
    category: str = "Sports"
    tags: tuple[str, ...] = ()
    fee_type: FeeType = FeeType.QUADRATIC_WITH_MAKER_FEES
    fee_multiplier: Decimal = ONE
    shard: int = 0
    sources: tuple[tuple[str, str], ...] = ()  # (name, url)
    rulebook: bytes = b""  # what the address of its terms answers


@dataclass(slots=True, kw_only=True)
class Event:
    ticker: str
    series: Series
    title: str
    sub_title: str = ""
    competition: str = ""
    starts_at: datetime
    mutually_exclusive: bool = True
    ends_at: datetime | None = None
    fee_type_override: FeeType | None = None
    fee_multiplier_override: Decimal | None = None

    @property
    def fees(self) -> tuple[FeeType, Decimal]:
        """Return the kind and multiplier of its fees: its own, else those of its series."""
        kind = self.fee_type_override or self.series.fee_type
        own = self.fee_multiplier_override
        return kind, self.series.fee_multiplier if own is None else own


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeChange:
    """Fees that will be others from a time on: of a series, or of one event of it."""

    change_id: str
    series: Series
    event: Event | None = None
    fee_type: FeeType | None  # none, for an event: those of its series again
    multiplier: Decimal | None
    at: datetime


@dataclass(slots=True, kw_only=True)
class Market:
    """One yes-or-no contract; its book is on the YES price."""

    ticker: str
    event: Event
    yes: str  # who wins, in words
    shard: int
    opens_at: datetime
    closes_at: datetime
    expected_at: datetime
    status: Status = Status.ACTIVE
    structure: str = "linear_cent"
    ranges: tuple[PriceRange, ...] = CENTS
    rules_primary: str = ""
    rules_secondary: str = ""
    strike: dict[str, str] = field(default_factory=dict)
    settlement: Decimal | None = None  # USD per YES contract
    settled_at: datetime | None = None
    updated_at: datetime | None = None
    last_price: Decimal = ZERO
    last_count: Decimal = ZERO  # contracts of the last trade
    volume: Decimal = ZERO
    open_interest: Decimal = ZERO
    book: Book = field(default_factory=Book)

    def on_grid(self, price: Decimal) -> bool:
        """Tell whether a YES price may be ordered at."""
        if not 0 < price < 1:
            return False
        return any(
            part.start <= price <= part.end and (price - part.start) % part.step == 0
            for part in self.ranges
        )

    @property
    def result(self) -> str:
        if self.settlement is None:
            return ""
        return {ZERO: "no", ONE: "yes"}.get(self.settlement, "scalar")
