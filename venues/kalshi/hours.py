"""When Kalshi does not trade: the weekly pause and announced maintenance, in New York's time."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from venues.reading import moment_or_none

NEW_YORK = ZoneInfo("America/New_York")
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
BEFORE = timedelta(minutes=2)  # we stop so long before a pause

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Part of a weekday (0 is Monday) in New York; `end` at midnight is the end of the day."""

    day: int
    start: time
    end: time


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """What is closed: spans of each week, and windows of time from inclusive to exclusive."""

    weekly: tuple[Span, ...]
    windows: tuple[tuple[datetime, datetime], ...] = ()

    def opens_in(self, now: datetime) -> timedelta:
        """Return how long it still is closed, or about to be; zero while it trades."""
        found = [self._left(span, now=now) for span in self.weekly]
        found += [end - now for start, end in self.windows if start - BEFORE <= now < end]
        return max([each for each in found if each > timedelta(0)], default=timedelta(0))

    def _left(self, span: Span, *, now: datetime) -> timedelta:
        # The pause may begin in a moment, on the day after this one.
        day = (now + BEFORE).astimezone(NEW_YORK).date()
        if day.weekday() != span.day:
            return timedelta(0)
        start = datetime.combine(day, span.start, NEW_YORK)
        end = datetime.combine(day, span.end, NEW_YORK)
        if span.end <= span.start:
            end += timedelta(days=1)
        return end - now if start - BEFORE <= now < end else timedelta(0)


THURSDAY = Hours(weekly=(Span(day=3, start=time(3), end=time(5)),))


def hours(row: Row, *, now: datetime) -> Hours:
    """Parse `/exchange/schedule`: what is between the open spans is closed.

    A schedule that says nothing of now leaves the published weekly pause.
    """
    given = row.get("schedule")
    given = given if isinstance(given, Mapping) else {}
    weekly = next(
        (
            _closed(each)
            for each in given.get("standard_hours") or ()
            if isinstance(each, Mapping) and _holds(each, now=now)
        ),
        THURSDAY.weekly,
    )
    windows = [
        (moment_or_none(each.get("start_datetime")), moment_or_none(each.get("end_datetime")))
        for each in given.get("maintenance_windows") or ()
        if isinstance(each, Mapping)
    ]
    if all(span.day != THURSDAY.weekly[0].day for span in weekly):
        weekly += THURSDAY.weekly  # published, and rather believed than not
    return Hours(
        weekly=weekly, windows=tuple((start, end) for start, end in windows if start and end)
    )


def _holds(row: Row, *, now: datetime) -> bool:
    start, end = moment_or_none(row.get("start_time")), moment_or_none(row.get("end_time"))
    return (
        (start or datetime.min.replace(tzinfo=UTC))
        <= now
        < (end or datetime.max.replace(tzinfo=UTC))
    )


def _closed(week: Row) -> tuple[Span, ...]:
    found = []
    for number, name in enumerate(DAYS):
        at = time(0)
        for opens, closes in sorted(_spans(week.get(name))):
            if opens > at:
                found.append(Span(day=number, start=at, end=opens))
            at = closes
            if closes == time(0):  # open to the end of the day
                break
        else:
            found.append(Span(day=number, start=at, end=time(0)))
    return tuple(found)


def _spans(rows: Any) -> list[tuple[time, time]]:
    found = []
    for each in rows if isinstance(rows, list) else []:
        try:
            found.append(
                (time.fromisoformat(each["open_time"]), time.fromisoformat(each["close_time"]))
            )
        except (KeyError, TypeError, ValueError):
            continue
    # A day that cannot be read is taken for an open one: the exchange's own state says the rest.
    return found or [(time(0), time(0))]
