"""What outlives the sandbox: the games that were on when it stopped, so that bets on them go on.

Everything else begins anew at each start. A game whose time is over by then is decided as it stood.
"""

import json
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from sandbox.games import Draft, Game
from sandbox.polymarket.exchange import Exchange
from sandbox.teams import LEAGUES

ZERO, ONE = Decimal(0), Decimal(1)
MOST = 200  # games that are kept after they were decided


@dataclass(frozen=True, slots=True, kw_only=True)
class Recalled:
    """Games of earlier runs: those that go on, and those that are over."""

    going: Sequence[Draft] = ()
    over: Sequence[Draft] = ()


def keep(path: Path, games: Iterable[Game], over: Iterable[Draft]) -> None:
    """Write the games to a file, whole or not at all, with those that were over before."""
    rows = [_row(each) for each in over] + [
        _row(replace(game.draft, fair=game.fair)) for game in games
    ]
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(rows))
    os.replace(fresh, path)


def recall(path: Path, *, now: datetime) -> Recalled:
    """Read the games of the last run.

    A file that cannot be read is put aside, with `.broken` after its name: nothing is recalled.
    """
    try:
        drafts = [_draft(row) for row in json.loads(path.read_text())]
    except FileNotFoundError:
        return Recalled()
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        with suppress(OSError):
            path.rename(path.with_suffix(".broken"))
        return Recalled()
    over = [each for each in drafts if each.ends_at <= now]
    return Recalled(going=[each for each in drafts if each.ends_at > now], over=over[-MOST:])


def list_decided(exchange: Exchange, drafts: Iterable[Draft], *, now: datetime) -> None:
    """List games that are over, with who won them."""
    for draft in drafts:
        market = draft.market()
        market.cleared = True
        exchange.list_market(market)
        won = ONE if draft.winner == 0 else ZERO
        market.resolve((won, ONE - won), now)


def _row(draft: Draft) -> dict[str, Any]:
    return {
        "league": draft.league.name,
        "away": draft.away.code,
        "home": draft.home.code,
        "starts_at": draft.starts_at.isoformat(),
        "date": draft.date.isoformat(),
        "condition": draft.condition,
        "tokens": list(draft.tokens),
        "fair": draft.fair,
        "luck": draft.luck,
    }


def _draft(row: dict[str, Any]) -> Draft:
    league = {each.name: each for each in LEAGUES}[row["league"]]
    teams = {each.code: each for each in league.teams}
    first, second = row["tokens"]
    return Draft(
        league=league,
        away=teams[row["away"]],
        home=teams[row["home"]],
        starts_at=datetime.fromisoformat(row["starts_at"]),
        date=datetime.fromisoformat(row["date"]),
        condition=str(row["condition"]),
        tokens=(str(first), str(second)),
        fair=float(row["fair"]),
        luck=float(row["luck"]),
    )
