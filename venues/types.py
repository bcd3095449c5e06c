"""Words that every venue shares. Money and shares are Decimal, times are aware and UTC."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any


class Side(StrEnum):
    BUY = "BUY"
    SELL = "SELL"


class OrderKind(StrEnum):
    """How long an order lives."""

    GTC = "GTC"  # rests until it is cancelled
    GTD = "GTD"  # rests until a time
    FOK = "FOK"  # all of it at once, or nothing
    FAK = "FAK"  # what is there at once, and no more


class OrderStatus(StrEnum):
    """What a venue says of an order; the words match our own order states."""

    LIVE = "LIVE"
    DELAYED = "DELAYED"
    PARTIAL = "PARTIAL"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    REJECTED = "REJECTED"
    GONE = "GONE"  # it does not rest there, and nothing says whether it ever did


class Settlement(StrEnum):
    """What became of a match: MATCHED is a promise, CONFIRMED is money, FAILED never was."""

    MATCHED = "MATCHED"
    RETRYING = "RETRYING"
    MINED = "MINED"
    CONFIRMED = "CONFIRMED"
    FAILED = "FAILED"

    @property
    def is_final(self) -> bool:
        return self in (Settlement.CONFIRMED, Settlement.FAILED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """One fill of one wallet, as a feed or a recording tells it."""

    venue: str
    transaction: str  # transaction hash, or a digest where the source has none
    counter: int  # tells fills of one transaction, token and side apart
    wallet: str  # lower-case 0x address
    market: str  # condition id, or the source's own name of the market
    token: str  # the outcome's id, unique within the venue
    outcome: str
    outcome_index: int | None
    title: str
    side: Side
    price: Decimal  # USD per share, between 0 and 1
    shares: Decimal
    at: datetime
    source: str = "data"  # which kind of feed told it: each counts a match's parts its own way


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    price: Decimal  # USD per share
    shares: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """An order book of one outcome, best level first on both sides."""

    token: str
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Print:
    """A public trade that a paper order may be filled against."""

    id: str
    token: str
    side: Side  # what the taker did
    price: Decimal  # USD per share
    shares: Decimal
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Usd:
    """An amount of dollars to spend."""

    amount: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """A number of shares."""

    count: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceRange:
    """Prices that may be ordered at: from start to end, each a step after the other, USD."""

    start: Decimal
    end: Decimal
    step: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a market takes."""

    tick: Decimal  # USD per share between two prices
    min_shares: Decimal  # of an order that may rest
    neg_risk: bool  # traded on another contract
    protocol: str  # v1 or v2, the market's own word; on Kalshi v2
    seconds_delay: int = 0  # for which an order that takes is held
    ranges: tuple[PriceRange, ...] = ()  # of YES prices, where a venue has them
    shard: int = 0  # the part of the exchange that has the market, and the cash for it


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRequest:
    """All a venue needs to place one order; built once, from a stored row."""

    client_order_id: str
    token: str
    side: Side
    limit_price: Decimal  # USD per share
    shares: Decimal
    sent_at: datetime
    expires_at: datetime
    kind: OrderKind = OrderKind.GTD
    post_only: bool = False
    terms: Terms | None = None  # of its market, as far as they are known
    market: str = ""  # the venue's own name of it
    amount: Usd | Shares | None = None  # of an order that takes at once; else its `shares`
    fee_rate: Decimal = Decimal(0)  # fee = shares x rate x price x (1 - price)
    venue_order_id: str = ""  # the name by which the venue knows it, once that is fixed
    reference: str = ""  # what the venue calls it itself, where that is known only afterwards


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """An order as it will be sent: its name at the venue and the exact bytes, kept before that."""

    venue_order_id: str
    body: bytes = b""  # empty where nothing is sent


@dataclass(frozen=True, slots=True, kw_only=True)
class FillReport:
    venue_fill_id: str
    price: Decimal  # USD per share
    shares: Decimal
    fee: Decimal  # USD
    at: datetime
    settlement: Settlement = Settlement.CONFIRMED
    dollars: Decimal | None = None  # without the fee, where price x shares would round otherwise
    transaction: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderReport:
    """What a venue knows of an order now: all its fills so far, oldest first."""

    venue_order_id: str
    status: OrderStatus
    fills: tuple[FillReport, ...] = ()
    reason: str = ""
    claimed: Decimal = Decimal(0)  # shares matched by the order's own row; its trades may lag
    evidence: Mapping[str, Any] = field(default_factory=dict)  # the venue's own words
    reference: str = ""  # what the venue calls it itself, where it gives it a name of its own
