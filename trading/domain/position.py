"""Shares held and what they cost, at average cost, fees included."""

from dataclasses import dataclass, replace
from decimal import Decimal

from venues import money
from venues.money import ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    shares: Decimal = ZERO
    cost: Decimal = ZERO  # USD paid for the shares held, fees included
    realised: Decimal = ZERO  # USD

    def buy(self, *, shares: Decimal, cost: Decimal) -> "Holding":
        return replace(self, shares=self.shares + shares, cost=self.cost + cost)

    def close(self, *, shares: Decimal, proceeds: Decimal) -> "Holding":
        """Give up shares for dollars. Raises ValueError for more than is held."""
        if shares > self.shares:
            raise ValueError(f"cannot close {shares} shares of {self.shares} held")
        basis = self.basis_of(shares)
        return Holding(
            shares=self.shares - shares,
            cost=self.cost - basis,
            realised=self.realised + proceeds - basis,
        )

    def basis_of(self, shares: Decimal) -> Decimal:
        """Return the cost of some of the shares; the last ones carry what rounding left."""
        if shares == self.shares:
            return self.cost
        return money.floor_micro(self.cost * shares / self.shares)
