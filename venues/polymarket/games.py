"""What Polymarket lists of games: moneylines, and all that shares their name."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from venues.reading import BadMessage, clean, moment_or_none, texts

Row = Mapping[str, Any]
US = "aec-"  # begins the slugs of Polymarket US, which is another exchange


@dataclass(frozen=True, slots=True, kw_only=True)
class GameMarket:
    """One market that may be about a game; what a source does not tell is empty."""

    slug: str
    event_slug: str = ""
    market: str = ""  # condition id
    title: str = ""
    outcomes: tuple[str, ...] = ()
    tokens: tuple[str, ...] = ()
    kind: str = ""  # moneyline, spreads, totals
    group: str = ""  # how the market is called within its event: empty for the game itself
    line: str = ""
    is_neg_risk: bool = False
    starts_at: datetime | None = None
    rules: str = ""
    source: str = ""  # address of what decides
    series: tuple[str, ...] = ()  # names of the series that it belongs to
    has_game_id: bool = False
    oracle: tuple[str, ...] = ()  # steps that the oracle has taken

    @property
    def is_us(self) -> bool:
        return self.slug.startswith(US)


def as_json(found: GameMarket) -> dict[str, Any]:
    """Return a market as it is stored: times as text."""
    return asdict(found) | {"starts_at": found.starts_at and found.starts_at.isoformat()}


def from_json(row: Row) -> GameMarket:
    lists = ("outcomes", "tokens", "series", "oracle")
    more = {name: tuple(row[name]) for name in lists} | {
        "starts_at": moment_or_none(row["starts_at"])
    }
    return GameMarket(**{**row, **more})


def is_named(row: Row) -> bool:
    """Tell whether a row names a market, or holds some."""
    names = ("slug", "market_slug", "conditionId", "condition_id")
    return isinstance(row.get("markets"), list) or any(
        clean(row.get(name), most=200) for name in names
    )


def games_in(rows: Iterable[Row]) -> Iterator[GameMarket]:
    """Read events with their markets, markets with their event, or lines of a table.

    A row that cannot be read is left out: it has no market that anybody could name.
    """
    for row in rows:
        nested = row.get("markets")
        if isinstance(nested, list):
            yield from (market(each, row) for each in nested if isinstance(each, Mapping))
        elif "market_slug" in row:
            yield GameMarket(
                slug=clean(row["market_slug"], most=200), title=clean(row.get("question"), most=300)
            )
        else:
            events = row.get("events")
            first = events[0] if isinstance(events, list) and events else {}
            yield market(row, first if isinstance(first, Mapping) else {})


def market(row: Row, event: Row) -> GameMarket:
    statuses = _list(row.get("umaResolutionStatuses"))
    return GameMarket(
        slug=clean(row.get("slug"), most=200),
        event_slug=clean(event.get("slug"), most=200),
        market=clean(row.get("conditionId") or row.get("condition_id"), most=120),
        title=clean(row.get("question"), most=300),
        outcomes=_list(row.get("outcomes")),
        tokens=_list(row.get("clobTokenIds") or row.get("positionIds")),
        kind=clean(row.get("sportsMarketType"), most=40),
        group=clean(row.get("groupItemTitle"), most=120),
        line=clean(row.get("line"), most=20),
        is_neg_risk=row.get("negRisk") is True,
        starts_at=moment_or_none(
            row.get("gameStartTime") or row.get("game_start_time") or event.get("startTime")
        ),
        rules=clean(row.get("description"), most=20_000),
        source=clean(row.get("resolutionSource") or event.get("resolutionSource"), most=300),
        series=_names(event),
        has_game_id=bool(row.get("gameId") or event.get("gameId")),
        oracle=statuses,
    )


def _names(event: Row) -> tuple[str, ...]:
    found = event.get("series")
    named = [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []
    return tuple(clean(each.get("slug"), most=80) for each in named)


def _list(value: Any) -> tuple[str, ...]:
    """Read a list, as JSON in text or between semicolons; empty where there is none."""
    if value in (None, ""):
        return ()
    try:
        return texts(value, "a list")
    except BadMessage:
        return tuple(part.strip() for part in str(value).split(";"))
