"""How often Polymarket may be asked (polymarket.md section 7), at nine tenths of what it says.

Limits are per address of this server, so all users share them; those of orders are per signer, by
its tier. All of it may change: `POLYMARKET_PER_SECOND` and `POLYMARKET_TIER` are settings.
"""

from collections.abc import Sequence

from limits import RateLimitItem, RateLimitItemPerMinute, RateLimitItemPerSecond

Window = tuple[str, RateLimitItem]

SPAN = 10  # seconds of the documented windows
# Orders a second of one signer, without the burst; cancels may be twice as many.
TIERS = {
    "standard": 40,
    "copper": 60,
    "bronze": 80,
    "silver": 200,
    "gold": 400,
    "platinum": 450,
    "diamond": 525,
    "elite": 600,
}


def _of(name: str, calls: int) -> Window:
    return name, RateLimitItemPerSecond(calls * 9 // 10, SPAN, namespace="POLYMARKET")


ALL = _of("all", 15_000)
CLOB, GAMMA, DATA = _of("clob", 9_000), _of("gamma", 4_000), _of("data", 1_000)
LEDGER = _of("ledger", 900)


def table(tier: str) -> dict[str, Sequence[Window]]:
    """Return the windows of each call, by its beginning. Raises KeyError for an unknown tier."""
    orders = RateLimitItemPerSecond(TIERS[tier], 1, namespace="POLYMARKET")
    cancels = RateLimitItemPerSecond(2 * TIERS[tier], 1, namespace="POLYMARKET")
    return {
        "GET ": (ALL,),
        "GET /book": (ALL, CLOB, _of("book", 1_500)),
        "GET /prices-history": (ALL, CLOB, _of("prices-history", 1_000)),
        "GET /data/order": (ALL, CLOB, LEDGER),
        "GET /data/orders": (ALL, CLOB, LEDGER, _of("data orders", 500)),
        "GET /data/trades": (ALL, CLOB, LEDGER, _of("data trades", 500)),
        "GET /balance-allowance": (ALL, CLOB, _of("balance", 200)),
        "GET /balance-allowance/update": (ALL, CLOB, _of("balance update", 50)),
        "GET /auth": (ALL, CLOB, _of("keys", 100)),
        "GET /clob-markets": (ALL, CLOB),
        "GET gamma /events": (ALL, GAMMA, _of("gamma events", 500)),
        "GET gamma /markets": (ALL, GAMMA, _of("gamma markets", 300)),
        "GET data /v2/trades": (ALL, DATA, _of("trades", 200)),
        "GET data /v2/positions": (ALL, DATA, _of("positions", 150)),
        "GET data ": (ALL, DATA),
        "POST /order": (ALL, CLOB, _of("orders", 5_000), ("orders of a signer", orders)),
        "DELETE /order": (ALL, CLOB, _of("cancels", 5_000), ("cancels of a signer", cancels)),
    }


def always(*, per_second: int, per_minute: int, part: str = "all") -> Sequence[Window]:
    """Return the windows that count every call of this server; 0 for none."""
    found: list[Window] = []
    if per_second:
        second = RateLimitItemPerSecond(per_second, 1, namespace="POLYMARKET")
        found.append((f"{part} a second", second))
    if per_minute:
        minute = RateLimitItemPerMinute(per_minute, 1, namespace="POLYMARKET")
        found.append((f"{part} a minute", minute))
    return found


def reads(*, per_second: int, per_minute: int) -> Sequence[Window]:
    """Return the windows of reads alone: four fifths, the rest is for orders and cancels."""
    return always(per_second=per_second * 4 // 5, per_minute=per_minute * 4 // 5, part="reads")
