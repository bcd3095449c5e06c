"""What outlives the sandbox: games that were on when it stopped, so that bets on them still end.

Everything else begins anew at each start; whoever holds shares of such a game learns who won.
"""

import json
import os
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from sandbox.games import Game
from sandbox.polymarket.exchange import Exchange
from sandbox.polymarket.markets import Market

ZERO, ONE = Decimal(0), Decimal(1)
MOST = 200  # games that are kept after they were decided


def keep(path: Path, games: Iterable[Game], decided: Iterable[dict[str, Any]]) -> None:
    """Write the games to a file, whole or not at all, with those that were decided before."""
    rows = [*decided, *(_row(game) for game in games)]
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(rows))
    os.replace(fresh, path)


def recall(path: Path, exchange: Exchange, *, now: datetime) -> list[dict[str, Any]]:
    """List the games of the last run as decided; returns what to keep of them.

    A file that cannot be read is put aside, with `.broken` after its name: nothing is recalled.
    """
    try:
        rows = json.loads(path.read_text())
        markets = [(_market(row), row["winner"]) for row in rows]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError):
        with suppress(OSError):
            path.rename(path.with_suffix(".broken"))
        return []
    for market, winner in markets:
        exchange.list_market(market)
        won = ONE if winner == 0 else ZERO
        market.resolve((won, ONE - won), now)
    return list(rows[-MOST:])


def _row(game: Game) -> dict[str, Any]:
    market = game.polymarket
    return {
        "condition": market.condition,
        "slug": market.slug,
        "question": market.question,
        "outcomes": list(market.outcomes),
        "tokens": list(market.tokens),
        "starts_at": game.starts_at.isoformat(),
        "winner": game.winner,
    }


def _market(row: dict[str, Any]) -> Market:
    first, second = row["outcomes"]
    yes, no = row["tokens"]
    return Market(
        condition=row["condition"],
        slug=row["slug"],
        question=row["question"],
        outcomes=(first, second),
        tokens=(yes, no),
        starts_at=datetime.fromisoformat(row["starts_at"]),
        cleared=True,
    )
