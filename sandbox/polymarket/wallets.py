"""Wallets: who owns them, what they hold on chain, and what is on its way."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sandbox.polymarket.rows import Order

ZERO = Decimal(0)
UNLIMITED = Decimal(2**256 - 1).scaleb(-6)


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
    placed: dict[str, "Order"] = field(default_factory=dict)  # every order that was taken
    open: dict[str, "Order"] = field(default_factory=dict)  # may still hold what has just ended

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
