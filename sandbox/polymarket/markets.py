"""What is traded: a market of two outcomes with one book on the first one's price."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from sandbox.book import Book, Side
from venues.polymarket import fees
from venues.polymarket.eip712 import Domain, domain_of

ONE = Decimal(1)
MICRO = Decimal("0.000001")
LOW, HIGH = Decimal("0.04"), Decimal("0.96")  # beyond them a market is quoted finer
FINE = Decimal("0.001")


@dataclass(slots=True, kw_only=True)
class Market:
    """One question; token 0 pays when the first outcome happens, token 1 when the second does."""

    condition: str  # 0x and 64 hexadecimal digits
    slug: str
    question: str
    outcomes: tuple[str, str]
    tokens: tuple[str, str]
    description: str = ""
    source: str = ""  # what decides it
    teams: tuple[tuple[str, str, str], ...] = ()  # (name, nickname, code), away first
    tick: Decimal = Decimal("0.01")
    min_size: Decimal = Decimal(5)  # shares
    fee_rate: Decimal = Decimal("0.05")
    neg_risk: bool = False
    version: str = "v1"
    delay: int = 0  # seconds that a taking order is held
    starts_at: datetime | None = None  # of the game
    ends_at: datetime | None = None  # when it is expected to be over
    clears_book: bool = True  # when the game starts
    cleared: bool = False
    accepting: bool = True
    payout: tuple[Decimal, Decimal] | None = None
    resolved_at: datetime | None = None
    last_price: Decimal | None = None  # of token 0
    last_side: str = ""
    volume: Decimal = Decimal(0)  # USD traded
    book: Book = field(default_factory=Book)

    @property
    def domain(self) -> Domain:
        """Return the contract that orders of this market are signed for."""
        return domain_of(neg_risk=self.neg_risk, protocol=self.version)

    def resolve(self, payout: tuple[Decimal, Decimal], at: datetime) -> None:
        """End the market: what a share of each token pays, USD."""
        self.payout, self.resolved_at, self.accepting = payout, at, False

    def follow_tick(self) -> None:
        """Quote finer once a price comes close to 0 or 1; it stays so."""
        far = self.last_price is not None and not LOW <= self.last_price <= HIGH
        if far and self.tick > FINE:
            self.tick = FINE

    def index(self, token: str) -> int:
        return self.tokens.index(token)

    def on_book(self, token: str, *, buy: bool, price: Decimal) -> tuple[Side, Decimal]:
        """Return the side and price of an order in the book of token 0."""
        if self.index(token) == 0:
            return (Side.BID if buy else Side.ASK), price
        return (Side.ASK if buy else Side.BID), ONE - price

    def own_price(self, token: str, price: Decimal) -> Decimal:
        """Return a price of the book as that of a token."""
        return price if self.index(token) == 0 else ONE - price

    def ladder(self, token: str) -> tuple[list[tuple[Decimal, Decimal]], ...]:
        """Return bids and asks of a token, each worst first."""
        bids, asks = self.book.levels(Side.BID), self.book.levels(Side.ASK)
        if self.index(token) == 0:
            return bids, list(reversed(asks))
        mirrored_bids = [(ONE - price, size) for price, size in reversed(asks)]
        mirrored_asks = [(ONE - price, size) for price, size in bids]
        return mirrored_bids, mirrored_asks

    def taker_fee(self, *, price: Decimal, shares: Decimal) -> Decimal:
        return fees.taker_fee(price=price, shares=shares, rate=self.fee_rate)
