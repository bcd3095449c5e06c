"""Wallets: who owns them, what they hold on chain, and what is on its way."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sandbox.polymarket.rows import Order

ZERO = Decimal(0)
UNLIMITED = Decimal(2**256 - 1).scaleb(-6)


@dataclass(slots=True, kw_only=True)
class Tally:
    """What was bought of one token and is still held, at its average cost."""

    shares: Decimal = ZERO
    cost: Decimal = ZERO  # USD

    def undo(self, *, buy: bool, shares: Decimal, dollars: Decimal) -> None:
        """Take back a match that the chain lost."""
        sign = 1 if buy else -1
        self.shares = max(self.shares - sign * shares, ZERO)
        self.cost = max(self.cost - sign * dollars, ZERO)

    def trade(self, *, buy: bool, shares: Decimal, dollars: Decimal) -> None:
        if buy:
            self.shares += shares
            self.cost += dollars
        elif self.shares > 0:
            gone = min(shares, self.shares)
            self.cost -= self.cost * gone / self.shares
            self.shares -= gone


@dataclass(slots=True, kw_only=True)
class Wallet:
    """One wallet: an address that trades, and the key's address that may sign for it."""

    address: str  # lower case
    owner: str  # lower case; the same address for a plain key
    signature_type: int
    name: str = ""
    invented: bool = False  # quotes or bets on its own; scripts of faults do not count it
    cash: Decimal = ZERO  # pUSD on chain
    shares: dict[str, Decimal] = field(default_factory=dict)  # by token, on chain
    approved: bool = True
    owed: Decimal = ZERO  # pUSD of matches that are not confirmed
    owed_shares: dict[str, Decimal] = field(default_factory=dict)
    tallies: dict[str, Tally] = field(default_factory=dict)  # by token
    open: dict[str, "Order"] = field(default_factory=dict)  # may still hold what has just ended

    def tally(self, token: str) -> Tally:
        return self.tallies.setdefault(token, Tally())

    def free_cash(self, held: Decimal) -> Decimal:
        """Return what may still be spent, with `held` for resting orders."""
        return self.cash - self.owed - held

    def free_shares(self, token: str, held: Decimal) -> Decimal:
        return self.shares.get(token, ZERO) - self.owed_shares.get(token, ZERO) - held


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    key: str
    secret: str
    passphrase: str
    address: str  # the signer it was made for, lower case
