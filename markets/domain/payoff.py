"""What a pair of contracts pays in each way in which a game can end (reference: game-rules.md 5).

Kalshi pays a fair price of its own choice, F, for a game that is not begun in time; Polymarket
waits for the make-up game, or pays half where there is none. There the contracts part.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

ZERO, HALF, ONE = Decimal(0), Decimal("0.5"), Decimal(1)


class Branch(StrEnum):
    AWAY = "away wins"
    HOME = "home wins"
    TIE = "tie"
    CANCELLED = "cancelled"
    LATE_AWAY = "postponed beyond the limit, away wins then"
    LATE_HOME = "postponed beyond the limit, home wins then"


class Route(StrEnum):
    """Which two tokens are bought: a team on Polymarket, and the other one's side on Kalshi."""

    R1 = "R1"  # away on Polymarket, YES of home on Kalshi
    R2 = "R2"  # away on Polymarket, NO of away on Kalshi
    R3 = "R3"  # home on Polymarket, YES of away on Kalshi
    R4 = "R4"  # home on Polymarket, NO of home on Kalshi

    @property
    def buys_away(self) -> bool:
        """Tell whether Polymarket's leg is the away team."""
        return self in (Route.R1, Route.R2)

    @property
    def is_yes(self) -> bool:
        """Tell whether Kalshi's leg is a YES."""
        return self in (Route.R1, Route.R3)

    @property
    def kalshi_away(self) -> bool:
        """Tell whether Kalshi's leg is in the away team's market."""
        return self.buys_away != self.is_yes


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One branch: USD that a share of the away team pays on each venue; the home team pays the
    rest of a dollar. None stands for Kalshi's fair price.
    """

    branch: Branch
    polymarket_away: Decimal
    kalshi_away: Decimal | None

    def pays(self, route: Route, *, fair_away: Decimal) -> tuple[Decimal, Decimal]:
        """Return what a share of each leg pays."""
        ours = self.polymarket_away if route.buys_away else ONE - self.polymarket_away
        away = fair_away if self.kalshi_away is None else self.kalshi_away
        # NO of one team is YES of the other one: two tickets, one payoff.
        return ours, (ONE - away if route.buys_away else away)


# The same for the three leagues; in the NBA and the NHL a tie cannot happen.
MATRIX = (
    Row(branch=Branch.AWAY, polymarket_away=ONE, kalshi_away=ONE),
    Row(branch=Branch.HOME, polymarket_away=ZERO, kalshi_away=ZERO),
    Row(branch=Branch.TIE, polymarket_away=HALF, kalshi_away=HALF),
    Row(branch=Branch.CANCELLED, polymarket_away=HALF, kalshi_away=None),
    Row(branch=Branch.LATE_AWAY, polymarket_away=ONE, kalshi_away=None),
    Row(branch=Branch.LATE_HOME, polymarket_away=ZERO, kalshi_away=None),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Worst:
    """The branch in which a pair loses most."""

    branch: Branch
    pays: Decimal  # USD a share of the pair
    result: Decimal  # USD a share, after what the pair cost; negative when losing


def worst(route: Route, *, cost: Decimal, kalshi_price: Decimal) -> Worst:
    """Return the worst branch of a route that costs so much a share, fees included.

    The fair price is taken at what Kalshi's leg costs, and Polymarket's leg is held to its end.
    """
    fair_away = ONE - kalshi_price if route.buys_away else kalshi_price
    paid = {row.branch: sum(row.pays(route, fair_away=fair_away)) for row in MATRIX}
    branch = min(paid, key=lambda each: paid[each])
    return Worst(branch=branch, pays=Decimal(paid[branch]), result=paid[branch] - cost)
