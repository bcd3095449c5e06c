"""What the exchange keeps: orders, trades, redemptions, and how the chain behaves."""

from collections.abc import Container
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from sandbox.polymarket.markets import Market
from sandbox.polymarket.wallets import Wallet

ZERO = Decimal(0)
OPEN = ("LIVE", "DELAYED")


class Refused(Exception):
    """An order that is not taken: the status and the words."""

    def __init__(self, words: str, *, status: int = 400, field: str = "error") -> None:
        super().__init__(words)
        self.words = words
        self.status = status
        self.field = field  # the name under which the words are told


class Settlement(StrEnum):
    MATCHED = "MATCHED"
    MINED = "MINED"
    CONFIRMED = "CONFIRMED"
    RETRYING = "RETRYING"
    FAILED = "FAILED"


@dataclass(slots=True, kw_only=True)
class Order:
    """One signed order, for as long as anybody asks."""

    order_id: str
    key: str  # of the API key that owns it
    wallet: Wallet
    market: Market
    token: str
    buy: bool
    price: Decimal  # of its own token, the limit
    shares: Decimal
    created_at: datetime
    kind: str = "GTC"  # or GTD, FOK, FAK
    spend: Decimal | None = None  # USD, for a market order that buys
    expires_at: datetime | None = None
    matched: Decimal = ZERO
    paid: Decimal = ZERO  # USD, without fees
    status: str = "LIVE"
    release_at: datetime | None = None  # of an order that is held
    post_only: bool = False
    number: int = 0  # among all that were taken, from 1
    trades: list[str] = field(default_factory=list)

    def book(self, shares: Decimal, dollars: Decimal, *, fee: Decimal = ZERO) -> None:
        """Add a match, and what it makes of the wallet's holding of the token."""
        self.matched += shares
        self.paid += dollars
        self.wallet.tally(self.token).trade(buy=self.buy, shares=shares, dollars=dollars + fee)

    @property
    def remaining(self) -> Decimal:
        return self.shares - self.matched

    @property
    def reserve(self) -> Decimal:
        """Return what the rest of an order to buy can cost, USD."""
        return self.remaining * self.price if self.buy else ZERO


@dataclass(slots=True, kw_only=True)
class Leg:
    """One order's part of a trade."""

    order: Order
    shares: Decimal
    price: Decimal  # of its own token, on average
    dollars: Decimal  # what it gave or got, in millionths, without the fee
    fee: Decimal


@dataclass(slots=True, kw_only=True)
class Trade:
    """One match of a taker with its makers; the chain has the last word."""

    trade_id: str
    market: Market
    taker: Leg
    makers: list[Leg]
    at: datetime
    changed_at: datetime
    status: Settlement = Settlement.MATCHED
    transaction: str = ""
    number: int = 0  # among the matches that a script of faults counts, from 1
    mined_at: datetime | None = None  # when its transaction came into a block to stay


@dataclass(frozen=True, slots=True, kw_only=True)
class Redemption:
    """Shares of a resolved market that a wallet turned into pUSD."""

    wallet: str
    market: Market
    paid: Decimal
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How long the chain takes, and which trades it loses."""

    mined_after: timedelta = timedelta(seconds=2)
    confirmed_after: timedelta = timedelta(seconds=10)
    fails: Container[int] = frozenset()  # numbers of trades, from 1
    retries: Container[int] = frozenset()  # trades that the chain takes a second time for
    partial: Container[int] = frozenset()  # numbers of orders that find half of what is there
    delayed: Container[int] = frozenset()  # orders that are held though their market does not
    delay: timedelta = timedelta(0)  # how long
