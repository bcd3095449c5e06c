"""An invented tape for those who have no recording: seeded, so everybody sees the same one.

Prices walk in steps of a cent, whales trade now and then, each market resolves. It exists to show
and to measure the platform, never to judge a strategy.
"""

import csv
import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from backtest.formats import record_message

MARKETS = 12
WALLETS = 400
WHALES = 20
WHALE_PART = 0.08  # of all trades, as on the 2022 tape
START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
GAP_SECONDS = 45


def write(folder: Path, *, trades: int, seed: int = 7) -> Path:
    """Write `sample_trades.jsonl` and its resolutions; returns the recording's path."""
    draw = random.Random(seed)
    path = folder / "sample_trades.jsonl"
    prices = [draw.randint(25, 60) for _ in range(MARKETS)]
    at = START
    with path.open("w", encoding="utf-8") as file:
        for _ in range(trades):
            at += timedelta(seconds=draw.randint(0, 2 * GAP_SECONDS))
            market = draw.randrange(MARKETS)
            prices[market] = min(max(prices[market] + draw.choice((-1, 0, 0, 1)), 3), 97)
            row = _trade(draw, market=market, cents=prices[market], at=at)
            file.write(record_message(row, venue="polymarket", channel="trades", at=at) + "\n")
    _write_results(folder, prices, draw, at)
    return path


def _trade(draw: random.Random, *, market: int, cents: int, at: datetime) -> dict[str, object]:
    whale = draw.random() < WHALE_PART
    wallet = draw.randrange(WHALES) if whale else WHALES + draw.randrange(WALLETS)
    yes = draw.random() < 0.7
    price = Decimal(cents if yes else 100 - cents) / 100
    dollars = draw.uniform(800, 6000) if whale else draw.uniform(20, 900)
    return {
        "proxyWallet": f"0x{wallet + 1:040x}",
        "side": "BUY" if draw.random() < 0.65 else "SELL",
        "asset": f"{market + 1:04d}{int(yes)}",
        "conditionId": f"0x{market + 1:064x}",
        "size": round(dollars / float(price), 2),
        "price": float(price),
        "timestamp": int(at.timestamp()),
        "title": f"Sample market {market + 1}: will the invented team win?",
        "outcome": "Yes" if yes else "No",
        "outcomeIndex": 0 if yes else 1,
        "transactionHash": f"0x{draw.getrandbits(256):064x}",
    }


def _write_results(folder: Path, prices: list[int], draw: random.Random, at: datetime) -> None:
    with (folder / "sample_resolutions.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["market", "winner", "resolved_at"])
        for market, cents in enumerate(prices):
            winner = "Yes" if draw.uniform(0, 100) < cents else "No"
            when = at + timedelta(minutes=market + 1)
            writer.writerow([f"0x{market + 1:064x}", winner, when.isoformat()])
