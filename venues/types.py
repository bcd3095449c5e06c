"""Words that every venue shares. Money and shares are Decimal, times are aware and UTC."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum


class Side(StrEnum):
    BUY = "BUY"
    SELL = "SELL"


class OrderStatus(StrEnum):
    """What a venue says of an order; the words match our own order states."""

    LIVE = "LIVE"
    DELAYED = "DELAYED"
    PARTIAL = "PARTIAL"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    REJECTED = "REJECTED"


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
class OrderRequest:
    """All a venue needs to place one order; built once, from a stored row."""

    client_order_id: str
    token: str
    side: Side
    limit_price: Decimal  # USD per share
    shares: Decimal
    sent_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FillReport:
    venue_fill_id: str
    price: Decimal  # USD per share
    shares: Decimal
    fee: Decimal  # USD
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderReport:
    """What a venue knows of an order now: all its fills so far, oldest first."""

    venue_order_id: str
    status: OrderStatus
    fills: tuple[FillReport, ...] = ()
    reason: str = ""
