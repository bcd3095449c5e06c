"""Circuit breakers: what counts as a loss, and when it is too much. No reset job exists: a window
is a function of the time passed in, and a trip of an older window simply no longer applies.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import Any

from risk.domain.presets import Limits
from risk.domain.reasons import Reason, Refusal
from venues.money import ZERO
from venues.words import dollars


class BreakerKind(StrEnum):
    DAILY = "DAILY"
    HOURLY = "HOURLY"
    STREAK = "STREAK"


REASONS = {
    BreakerKind.DAILY: Reason.BREAKER_DAILY,
    BreakerKind.HOURLY: Reason.BREAKER_HOURLY,
    BreakerKind.STREAK: Reason.BREAKER_STREAK,
}


@lru_cache(maxsize=64)  # asked for every account of a pass
def day_start(now: datetime) -> datetime:
    return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


@lru_cache(maxsize=64)
def hour_start(now: datetime) -> datetime:
    return now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """One UTC day or hour of an account."""

    start: datetime
    equity_at_start: Decimal  # USD at mark
    realised: Decimal  # USD since the start, negative when losing
    forgiven: Decimal = ZERO  # USD lost before the last manual reset in this window

    def loss(self, *, equity: Decimal) -> Decimal:
        """Return the worse of realised losses and the fall of equity at mark, 0 when up."""
        worse = max(-self.realised, self.equity_at_start - equity)
        return max(worse - self.forgiven, ZERO)


@dataclass(frozen=True, slots=True, kw_only=True)
class Losses:
    """What the breakers of one account look at."""

    day: Window
    hour: Window
    equity: Decimal  # USD at mark
    streak: int  # losing closes in a row since the last win or reset
    in_flight_cost: Decimal = ZERO  # fee and spread that working entries will cost at once

    @property
    def day_loss(self) -> Decimal:
        return self.day.loss(equity=self.equity)

    @property
    def hour_loss(self) -> Decimal:
        return self.hour.loss(equity=self.equity)


def losses_from(
    row: Mapping[str, Any], *, now: datetime, equity: Decimal, in_flight_cost: Decimal = ZERO
) -> Losses:
    """Return the losses of the day and hour of `now` from the columns of a RiskState.

    The row may be of an older window: in the new one nothing happened yet, and it began with what
    the account was last seen worth. What one leg of a pair was paid is left `apart` until the other
    is paid too: until then its price is what the pair is believed to be worth.
    """
    equity -= row["apart"]
    return Losses(
        day=_window(row, "day", start=day_start(now)),
        hour=_window(row, "hour", start=hour_start(now)),
        equity=equity,
        streak=row["consecutive_losses"],
        in_flight_cost=in_flight_cost,
    )


def _window(row: Mapping[str, Any], name: str, *, start: datetime) -> Window:
    began: datetime | None = row[name]
    if began is None or began < start:
        before = row["equity"] - row["apart"]
        return Window(start=start, equity_at_start=before, realised=ZERO)
    return Window(
        start=began,
        equity_at_start=row[f"{name}_equity"],
        realised=row[f"{name}_realised"],
        forgiven=row[f"{name}_forgiven"],
    )


def numbers(losses: Losses) -> dict[str, str]:
    """Return what a trip keeps for the person who asks why."""
    return {
        "equity": dollars(losses.equity),
        "equity_at_day_start": dollars(losses.day.equity_at_start),
        "equity_at_hour_start": dollars(losses.hour.equity_at_start),
        "realised_today": dollars(losses.day.realised),
        "realised_this_hour": dollars(losses.hour.realised),
        "losses_in_a_row": str(losses.streak),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Trip:
    """A breaker that must open, with the numbers that caused it."""

    kind: BreakerKind
    measured: Decimal  # USD, or a count for the streak
    limit: Decimal
    window_start: datetime


def trips(losses: Losses, limits: Limits) -> tuple[Trip, ...]:
    """Return every breaker whose limit is reached."""
    found = []
    for kind, window, measured, limit in (
        (BreakerKind.DAILY, losses.day, losses.day_loss, limits.daily_loss_limit),
        (BreakerKind.HOURLY, losses.hour, losses.hour_loss, limits.hourly_loss_limit),
    ):
        if measured >= limit:
            found.append(Trip(kind=kind, measured=measured, limit=limit, window_start=window.start))
    if losses.streak >= limits.max_consecutive_losses:
        found.append(
            Trip(
                kind=BreakerKind.STREAK,
                measured=Decimal(losses.streak),
                limit=Decimal(limits.max_consecutive_losses),
                window_start=losses.day.start,
            )
        )
    return tuple(found)


def is_open(*, kind: BreakerKind, window_start: datetime, now: datetime) -> bool:
    """Tell whether a trip that nobody reset still stops entries."""
    if kind is BreakerKind.DAILY:
        return window_start == day_start(now)
    if kind is BreakerKind.HOURLY:
        return window_start == hour_start(now)
    return True


def opens_again(*, kind: BreakerKind, window_start: datetime) -> datetime | None:
    """Return when a trip ends by itself, or None for the one a person must reset."""
    if kind is BreakerKind.DAILY:
        return window_start + timedelta(days=1)
    if kind is BreakerKind.HOURLY:
        return window_start + timedelta(hours=1)
    return None


def refusal(trip: Trip) -> Refusal:
    if trip.kind is BreakerKind.STREAK:
        return Refusal(
            reason=Reason.BREAKER_STREAK, sentence=f"{trip.measured:.0f} losses in a row."
        )
    span = "today" if trip.kind is BreakerKind.DAILY else "this hour"
    return Refusal(
        reason=REASONS[trip.kind],
        sentence=f"Lost {dollars(trip.measured)} {span}; limit {dollars(trip.limit)}.",
    )


def loss_room(losses: Losses, limits: Limits, *, immediate_cost: Decimal) -> Refusal | None:
    """Refuse an entry whose fee and spread alone would break a loss limit.

    Orders in flight count with theirs, so that parallel signals cannot jump over a limit.
    """
    for lost, limit, span in (
        (losses.day_loss, limits.daily_loss_limit, "today's"),
        (losses.hour_loss, limits.hourly_loss_limit, "this hour's"),
    ):
        room = limit - lost - losses.in_flight_cost
        if immediate_cost > room:
            return Refusal(
                reason=Reason.LOSS_ROOM,
                sentence=(
                    f"This would cost {dollars(immediate_cost)} at once in fee and spread; "
                    f"{dollars(max(room, ZERO))} of {span} limit is left."
                ),
            )
    return None
