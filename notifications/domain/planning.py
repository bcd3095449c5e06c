"""Who is told what, and when: a pure decision on an event and one channel's wishes."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo


class Group(StrEnum):
    """Kinds of events, as people think of them."""

    APPROVE = "approve"
    BREAKER = "breaker"
    DOUBT = "doubt"
    PAIRS = "pairs"
    MONEY = "money"
    SETTINGS = "settings"


class When(StrEnum):
    NOW = "now"
    DIGEST = "digest"
    OFF = "off"


WORDS = {
    Group.APPROVE: "To approve",
    Group.BREAKER: "Breakers and stops",
    Group.DOUBT: "Orders and money in doubt",
    Group.PAIRS: "Pair trades",
    Group.MONEY: "Fills and results",
    Group.SETTINGS: "Keys, limits and modes",
}
GROUPS = {
    "approval_asked": Group.APPROVE,
    "approval_second": Group.APPROVE,
    "approval_expired": Group.APPROVE,
    "breaker_tripped": Group.BREAKER,
    "breaker_reset": Group.BREAKER,
    "stopped": Group.BREAKER,
    "started_again": Group.BREAKER,
    "pair_found": Group.PAIRS,
    "pair_hedged": Group.PAIRS,
    "pair_flat": Group.PAIRS,
    "pair_aborted": Group.PAIRS,
    "decided_by_hand": Group.SETTINGS,
    "pair_approved": Group.SETTINGS,
    "pair_refused": Group.SETTINGS,
    "standard_accepted": Group.SETTINGS,
    "pair_settings": Group.SETTINGS,
    "pair_settled": Group.PAIRS,
    "settled": Group.MONEY,
    "redeemed": Group.MONEY,
    "balance_taken": Group.MONEY,
    "keys_entered": Group.SETTINGS,
    "keys_removed": Group.SETTINGS,
    "allowances_given": Group.SETTINGS,
    "mode_changed": Group.SETTINGS,
    "limits_changed": Group.SETTINGS,
    "approval_rules": Group.SETTINGS,
    "follow_changed": Group.SETTINGS,
    "paper_reset": Group.SETTINGS,
    "live_reset": Group.SETTINGS,
}
DEFAULTS = {
    Group.APPROVE: When.NOW,
    Group.BREAKER: When.NOW,
    Group.DOUBT: When.NOW,
    Group.PAIRS: When.NOW,
    Group.MONEY: When.DIGEST,
    Group.SETTINGS: When.DIGEST,
}
# An answer that comes late is of no use; everything else is still news a day later.
KEPT = {Group.APPROVE: timedelta(minutes=30)}
KEPT_LONG = timedelta(days=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """A person's night and the hour of his digest, by the clocks where he is."""

    begins: time | None = None
    ends: time | None = None
    digest_at: time = time(8)
    zone: str = "UTC"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """When a delivery is due, whether others go with it, and until when it is worth sending."""

    due_at: datetime
    in_digest: bool
    give_up_at: datetime


def group_of(kind: str) -> Group:
    """Return a kind's group; one that nobody sorted is in doubt, and told."""
    return GROUPS.get(kind, Group.DOUBT)


def wish(wants: Mapping[str, str], group: Group) -> When:
    """Return when a channel wants a group of events."""
    return When(wants.get(group.value, DEFAULTS[group]))


def plan(
    *, kind: str, critical: bool, wants: Mapping[str, str], hours: Hours, now: datetime
) -> Plan | None:
    """Return the plan for one event on one channel, or None where it is not wanted.

    What is critical goes out at once, day and night, wherever its group is not off.
    """
    group = group_of(kind)
    when = wish(wants, group)
    kept = KEPT.get(group, KEPT_LONG)
    if when is When.OFF:
        return None
    if critical:
        return Plan(due_at=now, in_digest=False, give_up_at=now + KEPT_LONG)
    if when is When.DIGEST:
        due = _next(hours.digest_at, hours.zone, now)
        return Plan(due_at=due, in_digest=True, give_up_at=due + kept)
    due = _after_the_night(hours, now)
    return Plan(due_at=due, in_digest=False, give_up_at=due + kept)


def _after_the_night(hours: Hours, now: datetime) -> datetime:
    """Return `now`, or the end of the night that it is in."""
    if hours.begins is None or hours.ends is None or hours.begins == hours.ends:
        return now
    here = now.astimezone(ZoneInfo(hours.zone)).time()
    over_midnight = hours.begins > hours.ends
    inside = (
        here >= hours.begins or here < hours.ends
        if over_midnight
        else hours.begins <= here < hours.ends
    )
    return _next(hours.ends, hours.zone, now) if inside else now


def _next(at: time, zone: str, now: datetime) -> datetime:
    """Return when the clocks of a place next show a time."""
    here = now.astimezone(ZoneInfo(zone))
    found = here.replace(hour=at.hour, minute=at.minute, second=0, microsecond=0)
    if found <= here:
        found += timedelta(days=1)
    return found.astimezone(now.tzinfo)


def missing_critical(all_wants: list[Mapping[str, str]]) -> list[Group]:
    """Return the groups that no channel would be told of although they may be critical."""
    return [
        group
        for group in (Group.DOUBT, Group.BREAKER)
        if all_wants and all(wish(wants, group) is When.OFF for wants in all_wants)
    ]


def backoff(attempts: int) -> timedelta:
    """Return how long to wait after so many failures: 2 s, doubled up to five minutes."""
    return min(timedelta(seconds=2 ** min(attempts, 9)), timedelta(minutes=5))
