"""The formulas of sizing.md once more, in scalar Decimal: slow, plain, and to compare with."""

from decimal import ROUND_FLOOR, ROUND_HALF_UP, Decimal

from risk.domain.presets import Limits

CENT = Decimal("0.01")
ONE, ZERO = Decimal(1), Decimal(0)


def clamp(value: Decimal, low: Decimal, high: Decimal) -> Decimal:
    return max(low, min(value, high))


def size(case: dict[str, Decimal], limits: Limits) -> Decimal:
    """Return the size in dollars, before the minimum-size rule."""
    equity, price = case["equity"], case["price"]
    edge = max((case["win_rate"] / 100 - price) / (1 - price), ZERO)
    base = equity * min(edge, 2 * limits.base_position_pct) * limits.kelly_fraction
    product = base * _whale(case) * _market(case, limits) * _risk(case, limits)
    product *= _portfolio(case, limits)
    room = [
        limits.max_position_pct * equity,
        limits.max_position_size,
        case["free_cash"],
        limits.max_total_exposure * equity - case["exposure"],
        limits.max_per_market * equity - case["market_exposure"],
        limits.max_per_category * equity - case["category_exposure"],
    ]
    cap = max(min(room).quantize(CENT, ROUND_FLOOR), ZERO)
    return min(product.quantize(CENT, ROUND_HALF_UP), cap)


def _whale(case: dict[str, Decimal]) -> Decimal:
    raw = (
        Decimal("0.5")
        + case["quality"] / 100
        + min(max(case["sharpe"], ZERO) / 10, Decimal("0.3"))
        + max(ZERO, case["win_rate"] - 60) / 200
        + clamp(case["recent_roi"] / 1000, Decimal("-0.2"), Decimal("0.2"))
        + (case["consistency"] - 50) / 1000
    )
    return clamp(raw, Decimal("0.5"), Decimal(2))


def _market(case: dict[str, Decimal], limits: Limits) -> Decimal:
    liquidity = Decimal("0.5")
    if case["liquidity"] >= limits.min_liquidity:
        liquidity = Decimal("0.7") + min(case["liquidity"] / 100_000, ONE) / 2
    raw = (
        liquidity
        - min(case["spread"] / limits.max_spread, ONE) / 5
        + min(case["hours"] / 1152, Decimal("0.1"))
    )
    return clamp(raw, Decimal("0.5"), Decimal("1.5"))


def _risk(case: dict[str, Decimal], limits: Limits) -> Decimal:
    product, most = ONE, Decimal(limits.max_positions)
    if case["drawdown"] > Decimal("0.10"):
        product *= 1 - min(case["drawdown"], Decimal("0.5"))
    lost = case["day_loss"] / case["equity"]
    if lost > Decimal("0.05"):
        product *= 1 - min(2 * lost, Decimal("0.5"))
    if case["volatility"] > Decimal("0.3"):
        product *= 1 - min(2 * (case["volatility"] - Decimal("0.3")), Decimal("0.3"))
    if case["positions"] > Decimal("0.75") * most:
        over = (case["positions"] - Decimal("0.75") * most) / (Decimal("0.25") * most)
        product *= max(1 - Decimal("0.3") * over, Decimal("0.7"))
    return product


def _portfolio(case: dict[str, Decimal], limits: Limits) -> Decimal:
    if case["positions"] >= limits.max_positions:
        return ZERO
    product = ONE
    for name, limit, start, most in (
        ("exposure", limits.max_total_exposure, "0.9", "0.8"),
        ("market_exposure", limits.max_per_market, "0.8", "0.9"),
        ("category_exposure", limits.max_per_category, "0.8", "0.7"),
    ):
        share, begins = case[name] / case["equity"], Decimal(start) * limit
        if share > begins:
            product *= 1 - min((share - begins) / ((1 - Decimal(start)) * limit), Decimal(most))
    return product
