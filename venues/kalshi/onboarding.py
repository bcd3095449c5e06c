"""From a Key ID and a private key to an account that has proved that it can trade.

Nothing here moves money, and no step asks for more rights than trading needs.
"""

from collections.abc import Iterator, Sequence

from venues.errors import Unreadable
from venues.kalshi.client import KalshiClient
from venues.kalshi.reports import Balance
from venues.proof import Step

READ, TRADE, MOVE = "read", "write::trade", "write::transfer"
LEAST = "read and write::trade; add write::transfer only to move cash between shards from here"


def may(scopes: Sequence[str], wanted: str) -> bool:
    """Tell whether scopes hold a right: itself, or the one above it."""
    return wanted in scopes or wanted.partition("::")[0] in scopes


def prove(client: KalshiClient, *, key_id: str) -> tuple[list[Step], Balance | None]:
    """Return what was proved, step by step, and the cash that was there; None without an answer."""
    try:
        money = client.portfolio.balance()
    except Unreadable as problem:
        step = Step(
            name="signed request",
            ok=False,
            says=f"Kalshi does not answer to this key: {problem}",
            fix="Check Key ID, key, environment and this server's clock, then prove again.",
        )
        return [step], None
    return list(_steps(client, key_id, money)), money


def _steps(client: KalshiClient, key_id: str, money: Balance) -> Iterator[Step]:
    yield Step(name="signed request", ok=True, says="Kalshi answers to this key.")
    yield _rights(client, key_id)
    well = client.is_healthy()
    yield Step(
        name="exchange",
        ok=well,
        says="The exchange runs." if well else "The exchange does not run, or its reads lag.",
        fix="Wait until it does, then prove again.",
    )
    parts = ", ".join(
        f"${cash:,.2f} on shard {shard}" for shard, cash in sorted(money.by_shard.items())
    )
    yield Step(
        name="money",
        ok=money.total > 0,
        says=f"{parts or 'Nothing'} is there. Cash of one shard cannot pay for another's markets.",
        fix="Send money to Kalshi, then prove again.",
    )


def _rights(client: KalshiClient, key_id: str) -> Step:
    try:
        scopes = client.portfolio.key_ids().get(key_id, ())
    except Unreadable as problem:
        return Step(
            name="rights",
            ok=False,
            says=f"What this key may do could not be read: {problem}",
            fix=f"Make a key with the scopes {LEAST}.",
        )
    missing = [each for each in (READ, TRADE) if not may(scopes, each)]
    return Step(
        name="rights",
        ok=not missing,
        says=f"It lacks {' and '.join(missing)}."
        if missing
        else f"It may {', '.join(scopes)}. Enough would be {LEAST}.",
        fix=f"Make a key with the scopes {LEAST}.",
    )
