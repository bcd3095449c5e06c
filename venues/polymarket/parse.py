"""Polymarket's JSON into our types, once, at the edge (reference: polymarket.md section 9)."""

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import ROUND_FLOOR, Decimal
from typing import Any

from venues.reading import BadMessage, clean, number, text
from venues.types import Side, Trade

WALLET = re.compile(r"0x[0-9a-f]{40}")
SHARE_STEP = Decimal("0.000001")
PRICE_STEP = Decimal("0.0000000001")
MAX_SHARES = Decimal(10) ** 15
UNKNOWN_INDEX = 999
EARLIEST = datetime(2015, 1, 1, tzinfo=UTC)
LATEST = datetime(2100, 1, 1, tzinfo=UTC)
MILLISECONDS_FROM = 10**11  # a larger timestamp is not in seconds
# What an activity row may be besides a trade.
NOT_TRADES = frozenset(
    {"REDEEM", "SPLIT", "MERGE", "TRANSFER", "REWARD", "CONVERSION", "MAKER_REBATE"}
)


class NotATrade(ValueError):
    """A good message that is no trade: a redeem, split, merge, transfer or reward."""


def data_api_trade(row: Mapping[str, Any]) -> Trade:
    """Parse one row of `/trades` or `/activity`, v1 (camelCase) or v2 (snake_case).

    Raises NotATrade for everything that is not a trade, BadMessage for what cannot be read.
    """
    kind = str(row.get("type") or "TRADE").upper()
    if kind != "TRADE":
        if kind in NOT_TRADES or kind.isalpha():
            raise NotATrade(kind)
        raise BadMessage(f"type {kind[:40]!r} is unknown")
    v2 = "proxy_wallet" in row
    token = text(row, "token_id" if v2 else "asset", most=160)
    wallet = address(row.get("proxy_wallet" if v2 else "proxyWallet"))
    price = share_price(row.get("price"))
    shares = share_count(row.get("size"))
    transaction = row.get("transaction_hash" if v2 else "transactionHash")
    side = trade_side(row.get("side"))
    index = row.get("outcome_index" if v2 else "outcomeIndex")
    at = unix_time(row.get("timestamp"))
    market = text(row, "condition_id" if v2 else "conditionId", most=120)
    return Trade(
        venue="polymarket",
        transaction=clean(transaction, most=80) or digest(market, token, wallet, at.isoformat()),
        counter=fill_counter(wallet=wallet, token=token, price=price, shares=shares),
        wallet=wallet,
        market=market,
        token=token,
        outcome=clean(row.get("outcome"), most=120) or token[:12],
        outcome_index=index if isinstance(index, int) and index != UNKNOWN_INDEX else None,
        title=clean(row.get("title"), most=300) or market,
        side=side,
        price=price,
        shares=shares,
        at=at,
    )


def digest(*parts: str) -> str:
    """Return a name for a fill whose source gives it no transaction."""
    return "digest-" + hashlib.sha256("|".join(parts).encode()).hexdigest()[:40]


def fill_counter(*, wallet: str, token: str, price: Decimal, shares: Decimal) -> int:
    """Return a number that tells the fills of one transaction apart.

    The Data API gives no log index, so what distinguishes fills stands in for it. Prices agree to
    four decimals between its endpoints (0.4500008 and 0.45 are one fill), sizes to six.
    """
    seed = f"{wallet}|{token}|{price:.4f}|{shares:.6f}"
    return int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8], "big") >> 1


def address(value: Any) -> str:
    lowered = value.lower() if isinstance(value, str) else ""
    if not WALLET.fullmatch(lowered):
        raise BadMessage(f"{str(value)[:60]!r} is not an address")
    return lowered


def share_price(value: Any) -> Decimal:
    price = number(value, "price")
    if not 0 < price < 1:
        raise BadMessage(f"price {price} is not between 0 and 1")
    rounded = price.quantize(PRICE_STEP)
    if not 0 < rounded < 1:
        raise BadMessage(f"price {price} is too close to 0 or 1")
    return rounded


def share_count(value: Any) -> Decimal:
    shares = number(value, "size")
    if shares <= 0:
        raise BadMessage(f"size {shares} is not positive")
    if shares > MAX_SHARES:
        raise BadMessage(f"size {shares:.2e} is impossibly large")
    rounded = shares.quantize(SHARE_STEP, ROUND_FLOOR)
    if not rounded:
        raise BadMessage(f"size {shares} is dust")
    return rounded


def trade_side(value: Any) -> Side:
    try:
        return Side(str(value).upper())
    except ValueError:
        raise BadMessage(f"side {str(value)[:40]!r} is neither BUY nor SELL") from None


def unix_time(value: Any) -> datetime:
    seconds = number(value, "timestamp")
    if seconds >= MILLISECONDS_FROM:
        seconds /= 1000
    try:
        at = datetime.fromtimestamp(float(seconds), UTC)
    except (ValueError, OverflowError, OSError):
        raise BadMessage(f"timestamp {str(value)[:40]} is no time") from None
    if not EARLIEST <= at < LATEST:
        raise BadMessage(f"timestamp {str(value)[:40]} is not of this time")
    return at
