"""Writes of risk: breaker trips and resets, kill switches, loss windows."""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction

from notifications.services import record
from risk.domain import breakers
from risk.domain.breakers import BreakerKind, Losses, Trip
from risk.models import BreakerTrip, KillSwitch, RiskState
from venues.words import dollars, moment


class NothingToReset(Exception):
    """No open breaker of that kind; the text says so."""


def record_trips(
    *, account_id: UUID, trips: Iterable[Trip], losses: Losses, now: datetime
) -> list[BreakerTrip]:
    """Record breakers that opened. The caller holds the account's RiskState lock.

    A breaker that is open already, in the same window, is not recorded twice.
    """
    recorded = []
    numbers = breakers.numbers(losses)
    for trip in trips:
        same = BreakerTrip.objects.filter(
            account_id=account_id, kind=trip.kind.value, reset_at__isnull=True
        )
        if trip.kind is not BreakerKind.STREAK:
            same = same.filter(window_start=trip.window_start)
        if same.exists():
            continue
        row = BreakerTrip.objects.create(
            account_id=account_id,
            kind=trip.kind.value,
            window_start=trip.window_start,
            measured=trip.measured,
            limit=trip.limit,
            numbers=numbers,
            at=now,
        )
        ends = breakers.opens_again(kind=trip.kind, window_start=trip.window_start)
        until = f"Buying starts again at {moment(ends)}." if ends else "It waits for your reset."
        record(
            kind="breaker_tripped",
            account_id=account_id,
            level="WARN" if ends else "ACT",
            sentence=f"Buying stopped. {breakers.refusal(trip).sentence} Exits go on. {until}",
            payload={"trip": str(row.pk), **numbers},
            at=now,
        )
        recorded.append(row)
    return recorded


def reset_digest(account_id: UUID, kind: BreakerKind, trips: Sequence[BreakerTrip]) -> str:
    """Return what names the open trips that a reset would end, as a person is shown them."""
    facts = "|".join(f"{trip.pk}:{trip.measured}:{trip.limit}" for trip in trips)
    return hashlib.sha256(f"reset|{account_id}|{kind}|{facts}".encode()).hexdigest()


def reset_breaker(
    *,
    account_id: UUID,
    kind: BreakerKind | None,
    by: str,
    why: str,
    now: datetime,
    shown: str | None = None,
) -> list[BreakerTrip]:
    """Reset open breakers of an account, all of them or one kind; who and why are kept.

    What was lost before a reset no longer counts in that window, so the account may lose its
    limit once more. Raises NothingToReset, also where what is open has not the digest `shown`.
    """
    with transaction.atomic():
        state = RiskState.objects.select_for_update().get(account_id=account_id)
        rows = [
            row
            for row in BreakerTrip.objects.select_for_update().filter(
                account_id=account_id, reset_at__isnull=True
            )
            if (kind is None or row.kind == kind.value)
            and breakers.is_open(kind=BreakerKind(row.kind), window_start=row.window_start, now=now)
        ]
        if not rows:
            raise NothingToReset(
                "No breaker of this account is open, so there is nothing to reset."
            )
        if shown is not None and kind and reset_digest(account_id, kind, rows) != shown:
            raise NothingToReset("What is open now is not what you were shown. Look again.")
        for row in rows:
            row.reset_at, row.reset_by, row.reset_why = now, by, why
            row.save(update_fields=["reset_at", "reset_by", "reset_why"])
            _forgive(state, BreakerKind(row.kind), now=now)
            record(
                kind="breaker_reset",
                account_id=account_id,
                level="WARN",
                sentence=f"{by} reset the {row.kind.lower()} breaker: {why or 'no reason given'}.",
                payload={"trip": str(row.pk), "measured": dollars(row.measured)},
                by=by,
                at=now,
            )
        state.save()
    return rows


def _forgive(state: RiskState, kind: BreakerKind, *, now: datetime) -> None:
    found = breakers.losses_from(vars(state), now=now, equity=state.equity)
    if kind is BreakerKind.DAILY and state.day == breakers.day_start(now):
        state.day_forgiven += found.day_loss
    elif kind is BreakerKind.HOURLY and state.hour == breakers.hour_start(now):
        state.hour_forgiven += found.hour_loss
    elif kind is BreakerKind.STREAK:
        state.consecutive_losses = 0


def stop(*, scope: str, key: str, level: str, by: str, why: str, now: datetime) -> KillSwitch:
    """Stop entries, or everything, of the server, a venue, an account or a whale.

    What stops everything already stays as it is: less of a stop is a start.
    """
    with transaction.atomic():
        switch, made = KillSwitch.objects.select_for_update().get_or_create(
            scope=scope, key=key, defaults={"level": level, "by": by, "why": why, "at": now}
        )
        if not made and switch.level == KillSwitch.Level.ALL != level:
            return switch
        if not made:
            switch.level, switch.by, switch.why, switch.at = level, by, why, now
            switch.save()
        what = "everything" if level == KillSwitch.Level.ALL else "new entries"
        record(
            kind="stopped",
            account_id=UUID(key) if scope == KillSwitch.Scope.ACCOUNT else None,
            level="WARN",
            sentence=f"{by} stopped {what} ({scope.lower()} {key}).".replace(" )", ")"),
            by=by,
            at=now,
        )
    return switch


def start_again(*, scope: str, key: str, by: str, now: datetime, shown: str | None = None) -> bool:
    """Lift a stop, only the one with the digest `shown` where that is given; returns whether."""
    with transaction.atomic():
        row = KillSwitch.objects.select_for_update().filter(scope=scope, key=key).first()
        if row is None or (shown is not None and row.digest != shown):
            return False
        row.delete()
        record(
            kind="started_again",
            account_id=UUID(key) if scope == KillSwitch.Scope.ACCOUNT else None,
            sentence=f"{by} allowed trading again ({scope.lower()} {key}).".replace(" )", ")"),
            by=by,
            at=now,
        )
    return True
