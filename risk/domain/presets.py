"""The limits of an account and the three presets (reference: sizing.md)."""

from dataclasses import dataclass, replace
from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Every limit a decision may meet. Percentages are fractions of equity, money is in dollars."""

    base_position_pct: Decimal = Decimal("0.05")
    max_position_pct: Decimal = Decimal("0.10")
    kelly_fraction: Decimal = Decimal("0.25")
    min_whale_quality: Decimal = Decimal("70")
    max_positions: int = 15
    min_position_size: Decimal = Decimal("50")
    max_position_size: Decimal = Decimal("1000")
    max_total_exposure: Decimal = Decimal("0.80")
    max_per_market: Decimal = Decimal("0.20")
    max_per_category: Decimal = Decimal("0.40")
    min_liquidity: Decimal = Decimal("10000")
    max_spread: Decimal = Decimal("0.05")
    min_confidence: Decimal = Decimal("40")
    daily_loss_limit: Decimal = Decimal("500")
    hourly_loss_limit: Decimal = Decimal("200")
    max_consecutive_losses: int = 5
    max_price_drift: Decimal = Decimal("0.02")  # USD per share over the whale's own price
    max_signal_age: int = 30  # seconds from the whale's trade to our decision
    duplicate_seconds: int = 60
    min_hours_to_close: Decimal = Decimal("0.1")
    max_daily_copies: int | None = None  # unlimited unless set
    # Pair trades of flow 2; copies have their own limits above.
    bet_amount: Decimal = Decimal("100")
    min_roi: Decimal = Decimal("1")  # percent
    max_daily_pairs: int = 10


DEFAULT = Limits()
PRESETS = {
    "default": DEFAULT,
    "conservative": replace(
        DEFAULT,
        base_position_pct=Decimal("0.03"),
        max_position_pct=Decimal("0.05"),
        kelly_fraction=Decimal("0.15"),
        min_whale_quality=Decimal("80"),
        max_positions=10,
    ),
    "aggressive": replace(
        DEFAULT,
        base_position_pct=Decimal("0.07"),
        max_position_pct=Decimal("0.15"),
        kelly_fraction=Decimal("0.35"),
        min_whale_quality=Decimal("60"),
        max_positions=20,
    ),
}
