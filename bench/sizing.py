"""10,000 accounts in one numpy pass against one scalar Decimal call each; same cents."""

import random
from decimal import Decimal

from bench import scalar
from bench.result import Result, seconds
from risk.domain import sizing
from risk.domain.presets import PRESETS

ACCOUNTS = 10_000


def _case(draw: random.Random) -> dict[str, Decimal]:
    def cents(low: int, high: int) -> Decimal:
        return Decimal(draw.randint(low * 100, high * 100)) / 100

    def ratio(low: int, high: int) -> Decimal:
        return Decimal(draw.randint(low * 1000, high * 1000)) / 1000

    equity = cents(500, 100_000)
    return {
        "price": Decimal(draw.randint(3, 95)) / 100,
        "quality": ratio(30, 100),
        "sharpe": ratio(-1, 6),
        "win_rate": ratio(40, 95),
        "consistency": ratio(0, 100),
        "recent_roi": ratio(-250, 250),
        "liquidity": cents(1_000, 300_000),
        "spread": Decimal(draw.randint(1, 120)) / 1000,
        "volatility": ratio(0, 1),
        "hours": ratio(1, 400),
        "equity": equity,
        "free_cash": cents(0, int(equity)),
        "positions": Decimal(draw.randint(0, 20)),
        "exposure": cents(0, int(equity)),
        "market_exposure": cents(0, int(equity) // 4),
        "category_exposure": cents(0, int(equity) // 2),
        "drawdown": Decimal(draw.randint(0, 400)) / 1000,
        "day_loss": cents(0, int(equity) // 8),
    }


def measure(folder: str) -> Result:
    draw = random.Random(3)
    cases = [_case(draw) for _ in range(ACCOUNTS)]
    limits = [PRESETS[draw.choice(list(PRESETS))] for _ in cases]
    inputs, settings = sizing.inputs_from(cases), sizing.settings_from(limits)
    expected = [scalar.size(case, limit) for case, limit in zip(cases, limits, strict=True)]
    found = sizing.size(inputs, settings).size_cents
    wrong = sum(int(cents) != int(usd * 100) for cents, usd in zip(found, expected, strict=True))
    if wrong:
        raise SystemExit(f"sizing: {wrong} of {ACCOUNTS} sizes differ from the Decimal reference")
    slow = seconds(lambda: [scalar.size(c, li) for c, li in zip(cases, limits, strict=True)])
    fast = min(seconds(lambda: sizing.size(inputs, settings)) for _ in range(20))
    return Result(
        name=f"sizing {ACCOUNTS:,} accounts, numpy against scalar Decimal, same cents",
        measured=slow / fast,
        promised=150,
        unit="times faster",
    )
