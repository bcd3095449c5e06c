"""What Kalshi lists of games: an event with a contract for each team."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from venues.reading import clean, moment_or_none

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One contract of a game: YES pays when its team wins."""

    ticker: str
    label: str = ""  # the team, as the exchange words it
    team_id: str = ""
    rules: str = ""  # who wins
    more_rules: str = ""  # everything else
    kind: str = ""  # binary
    strike: str = ""  # structured
    bounds: str = ""
    closes_early: str = ""  # when, in words
    expires_at: datetime | None = None  # at the latest
    status: str = ""

    @property
    def code(self) -> str:
        return self.ticker.rpartition("-")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class GameEvent:
    """One event that may be a game; what a source does not tell is empty."""

    event: str  # ticker
    series: str
    title: str = ""
    sides: tuple[Side, ...] = ()
    competition: str = ""
    scope: str = ""
    is_exclusive: bool | None = None  # at most one of its contracts pays
    sources: tuple[str, ...] = ()  # addresses of what decides
    starts_at: datetime | None = None  # of its milestone
    rulebook: str = ""  # SHA-256 of the document with its terms, where it was read


def as_json(found: GameEvent) -> dict[str, Any]:
    """Return an event as it is stored: times as text."""
    row = asdict(found)
    row["starts_at"] = found.starts_at and found.starts_at.isoformat()
    for side in row["sides"]:
        side["expires_at"] = side["expires_at"] and side["expires_at"].isoformat()
    return row


def from_json(row: Row) -> GameEvent:
    sides = (
        Side(**{**side, "expires_at": moment_or_none(side["expires_at"])}) for side in row["sides"]
    )
    more = {
        "sides": tuple(sides),
        "sources": tuple(row["sources"]),
        "starts_at": moment_or_none(row["starts_at"]),
    }
    return GameEvent(**{**row, **more})


def is_named(row: Row) -> bool:
    """Tell whether a row names its event; without one it is about nothing."""
    return bool(_event_of(row))


def _event_of(row: Row) -> str:
    return clean(row.get("event_ticker") or row.get("event"), most=120)


def games_in(rows: Iterable[Row]) -> list[GameEvent]:
    """Read events with or without their markets, single markets, or lines of a table; what is said
    of one event in several rows is put together.
    """
    events: dict[str, Row] = {}
    sides: dict[str, dict[str, Side]] = {}
    for row in rows:
        event = _event_of(row)
        if not event:
            continue
        nested = row.get("markets")
        if isinstance(nested, list) or "ticker" not in row:
            events[event] = row
        else:
            events.setdefault(event, {})
        found = nested if isinstance(nested, list) else [row] if "ticker" in row else []
        for each in found:
            if isinstance(each, Mapping) and each.get("ticker"):
                side = side_of(each)
                sides.setdefault(event, {})[side.ticker] = side
    return [game(name, row, tuple(sides.get(name, {}).values())) for name, row in events.items()]


def game(event: str, row: Row, sides: tuple[Side, ...]) -> GameEvent:
    more = row.get("product_metadata")
    more = more if isinstance(more, Mapping) else {}
    exclusive = row.get("mutually_exclusive")
    sources = row.get("settlement_sources")
    named = (
        [each for each in sources if isinstance(each, Mapping)] if isinstance(sources, list) else []
    )
    return GameEvent(
        event=event,
        series=clean(row.get("series_ticker"), most=120) or event.partition("-")[0],
        title=clean(row.get("title"), most=300),
        sides=sides,
        competition=clean(more.get("competition"), most=120),
        scope=clean(more.get("competition_scope"), most=120),
        is_exclusive=exclusive if isinstance(exclusive, bool) else None,
        sources=tuple(clean(each.get("url"), most=300) for each in named),
    )


def side_of(row: Row) -> Side:
    strike = row.get("custom_strike")
    return Side(
        ticker=clean(row.get("ticker"), most=120),
        label=clean(row.get("yes_sub_title") or row.get("label"), most=120),
        team_id=clean(next(iter(strike.values()), ""), most=80)
        if isinstance(strike, Mapping)
        else "",
        rules=clean(row.get("rules_primary"), most=20_000),
        more_rules=clean(row.get("rules_secondary"), most=20_000),
        kind=clean(row.get("market_type"), most=40),
        strike=clean(row.get("strike_type"), most=40),
        bounds=clean(row.get("settlement_bounds_type"), most=40),
        closes_early=clean(row.get("early_close_condition"), most=300),
        expires_at=moment_or_none(row.get("latest_expiration_time") or row.get("close_time")),
        status=clean(row.get("status"), most=40),
    )
