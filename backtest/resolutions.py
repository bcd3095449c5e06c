"""Who won: the resolutions file beside a recording."""

import csv
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

AFTER_LAST_TRADE = timedelta(seconds=1)


class BadResolutions(Exception):
    """A resolutions file that cannot be used; the text names file and line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Winner:
    """A market's result. Without a time it counts from the end of the recording."""

    market: str
    winner: str  # the outcome's name, or `50-50`
    at: datetime | None


def beside(recording: Path) -> Path | None:
    """Return the file that belongs to a recording by its name: `x_trades.csv.gz` has
    `x_resolutions.csv`.
    """
    name = recording.name.removesuffix(".gz")
    stem = name.rsplit(".", 1)[0]
    for candidate in (f"{stem.removesuffix('_trades')}_resolutions.csv", f"{stem}.resolutions.csv"):
        path = recording.with_name(candidate)
        if path.exists():
            return path
    return None


def read(path: Path) -> list[Winner]:
    """Read `market,winner[,resolved_at | last_trade_utc]`. Raises BadResolutions.

    `last_trade_utc` is when trading ended: the market counts as resolved a second later.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise BadResolutions(f"{path} cannot be read: {error.strerror}.") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadResolutions(f"{path} is not a CSV file in UTF-8: {error}.") from error
    if not rows or not {"market", "winner"} <= rows[0].keys():
        raise BadResolutions(f"{path} needs the columns market and winner.")
    return [_winner(path, number, row) for number, row in enumerate(rows, start=2)]


def _winner(path: Path, line: int, row: dict[str, str | None]) -> Winner:
    market, winner = (row.get("market") or "").strip(), (row.get("winner") or "").strip()
    if not market or not winner:
        raise BadResolutions(f"{path}, line {line}: market or winner is missing.")
    return Winner(market=market, winner=winner, at=_at(path, line, row))


def _at(path: Path, line: int, row: dict[str, str | None]) -> datetime | None:
    for column, delay in (("resolved_at", timedelta(0)), ("last_trade_utc", AFTER_LAST_TRADE)):
        text = (row.get(column) or "").strip()
        if not text:
            continue
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            raise BadResolutions(f"{path}, line {line}: {text!r} is no time.") from None
        return (at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)) + delay
    return None
