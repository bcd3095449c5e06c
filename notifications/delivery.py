"""From events to people: plan what is new, then send what is due, each channel in its own order.

Nothing that trades waits for this: it reads events after they were committed. A channel that fails
holds up its own messages alone; a message is claimed before it is sent, so two deliverers do not
send it twice. One that was cut off while it was sent goes out again: an alert that is told twice is
better than one that is not; a webhook sees the same id.
"""

import threading
import time
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connections, transaction
from django.db.models import Q

from accounts.models import Account, User
from accounts.vault import VaultClosed
from notifications import channels, senders
from notifications.domain.planning import Hours, backoff, plan
from notifications.models import Channel, Delivery, Event, Quiet
from notifications.senders import BadAddress, Gone, NotDelivered
from notifications.words import digest_of, message_of

AT_ONCE = 200  # events that one step plans
HANDS = 32  # channels that are sent to at the same time
HANDS_EACH = 4  # of them for one person: receivers that never end hold up nobody else
PATIENCE = 5.0  # seconds that a step waits for its receivers; the rest goes on by itself
CUT_OFF = timedelta(seconds=60)  # a claim this old is of a deliverer that is gone
NOT_NEWS = timedelta(days=2)  # an event that was planned so late is not told any more
S = Delivery.State


_busy: dict[UUID, tuple[int, threading.Thread]] = {}  # of this process: channel, person, sender


def step(*, now: datetime) -> int:
    """Plan and send once; returns how many messages went out.

    A receiver that is slow keeps its own thread, and nobody else: it is not waited for.
    """
    plan_new(now=now)
    sent: list[int] = []
    begun = [_begin(channel, sent, now=now) for channel in _ready(now)]
    until = time.monotonic() + PATIENCE
    for thread in begun:
        if thread is not None:
            thread.join(max(until - time.monotonic(), 0))
    return sum(sent)


def _begin(channel: Channel, sent: list[int], *, now: datetime) -> threading.Thread | None:
    """Send to a channel in a thread of its own, unless one does, or too many are at it."""
    for done in [name for name, (_, each) in list(_busy.items()) if not each.is_alive()]:
        _busy.pop(done, None)
    of_person = sum(person == channel.user_id for person, _ in _busy.values())
    if channel.pk in _busy or len(_busy) >= HANDS or of_person >= HANDS_EACH:
        return None
    # A daemon: a receiver that never answers must not keep the process from ending.
    thread = threading.Thread(
        target=lambda: sent.append(_send_all(channel, now=now)), daemon=True, name="deliver"
    )
    _busy[channel.pk] = (channel.user_id, thread)
    thread.start()
    return thread


def plan_new(*, now: datetime) -> int:
    """Make the deliveries of events that nobody was told of yet; returns how many events."""
    with transaction.atomic():
        events = list(
            Event.objects.select_for_update(of=("self",), skip_locked=True)
            .select_related("account")
            .filter(planned_at__isnull=True)
            .order_by("pk")[:AT_ONCE]
        )
        if not events:
            return 0
        people = _people(events)
        hours = {row.user_id: _hours(row) for row in Quiet.objects.filter(user__in=_all(people))}
        by_person: dict[int, list[Channel]] = {}
        for each in Channel.objects.filter(removed_at__isnull=True, user__in=_all(people)):
            by_person.setdefault(each.user_id, []).append(each)
        made = [
            delivery
            for event in events
            if now - event.at < NOT_NEWS
            for person in people[event.pk]
            for channel in by_person.get(person, [])
            for delivery in _delivery(event, channel, hours.get(person, Hours()), now=now)
        ]
        Delivery.objects.bulk_create(made, ignore_conflicts=True)
        Event.objects.filter(pk__in=[each.pk for each in events]).update(planned_at=now)
    return len(events)


def _people(events: Sequence[Event]) -> dict[int, set[int]]:
    """Return whom each event concerns: the account's owner; who may answer, where it asks."""
    approvers: dict[object, set[int]] = {}
    asking = [each.account_id for each in events if each.kind.startswith("approval")]
    named = Account.approvers.through.objects.filter(account__in=asking)
    for account_id, user_id in named.values_list("account", "user"):
        approvers.setdefault(account_id, set()).add(user_id)
    staff = _staff() if any(each.account_id is None for each in events) else set()
    return {
        each.pk: (
            ({each.account.owner_id} if each.account else staff)
            | (approvers.get(each.account_id, set()) if each.kind.startswith("approval") else set())
        )
        for each in events
    }


def _staff() -> set[int]:
    return set(User.objects.filter(is_staff=True, is_active=True).values_list("pk", flat=True))


def _all(people: dict[int, set[int]]) -> set[int]:
    return {each for some in people.values() for each in some}


def _hours(row: Quiet) -> Hours:
    return Hours(begins=row.begins, ends=row.ends, digest_at=row.digest_at, zone=row.zone)


def _delivery(event: Event, channel: Channel, hours: Hours, *, now: datetime) -> Iterable[Delivery]:
    found = plan(
        kind=event.kind,
        critical=event.level == Event.Level.ACT,
        wants=channel.wants,
        hours=hours,
        now=now,
    )
    if found is not None:
        yield Delivery(
            channel=channel,
            event=event,
            due_at=found.due_at,
            in_digest=found.in_digest,
            give_up_at=found.give_up_at,
        )


def _ready(now: datetime) -> list[Channel]:
    """Return channels with something due; one that waits after a failure is not among them."""
    due = Delivery.objects.filter(_open(now), channel__removed_at__isnull=True, due_at__lte=now)
    due = due.filter(Q(channel__retry_at__isnull=True) | Q(channel__retry_at__lte=now))
    return list(Channel.objects.filter(pk__in=due.values("channel")).order_by("pk"))


def _open(now: datetime) -> Q:
    return Q(state=S.WAITING) | Q(state=S.SENDING, claimed_at__lt=now - CUT_OFF)


def _send_all(channel: Channel, *, now: datetime) -> int:
    """Send what is due on one channel, oldest first; stop at the first failure."""
    sent, begun = 0, time.monotonic()

    def current() -> datetime:
        return now + timedelta(seconds=time.monotonic() - begun)

    try:
        while some := _claim(channel, now=current()):
            if not _send(channel, some, now=current()):
                break
            sent += 1
    finally:
        connections.close_all()  # of this thread
    return sent


def _claim(channel: Channel, *, now: datetime) -> list[Delivery]:
    """Claim the next message of a channel: one delivery, or all that a digest gathers."""
    with transaction.atomic():
        # One deliverer at a time asks after a channel's order.
        Channel.objects.select_for_update().get(pk=channel.pk)
        if Delivery.objects.filter(
            channel=channel, state=S.SENDING, claimed_at__gte=now - CUT_OFF
        ).exists():
            return []
        Delivery.objects.filter(_open(now), channel=channel, give_up_at__lt=now).update(
            state=S.FAILED, error="too late to be of use"
        )
        due = (
            Delivery.objects.filter(_open(now), channel=channel, due_at__lte=now)
            .select_related("event__account")
            .order_by("due_at", "event_id")
        )
        first = due.first()
        if first is None:
            return []
        some = list(due.filter(in_digest=True)) if first.in_digest else [first]
        Delivery.objects.filter(pk__in=[each.pk for each in some]).update(
            state=S.SENDING, claimed_at=now
        )
    return sorted(some, key=lambda each: each.event_id)


def _send(channel: Channel, some: Sequence[Delivery], *, now: datetime) -> bool:
    name = str(some[0].pk)
    if len(some) > 1 or some[0].in_digest:
        message = digest_of([each.event for each in some], delivery_id=name)
    else:
        message = message_of(some[0].event, delivery_id=name)
    try:
        secrets = channels.secrets_of(channel)
        senders.send(channel.kind, secrets, message)
    except Gone as why:
        channels.bury(channel, why=str(why), now=now)
        return False
    except (NotDelivered, BadAddress, VaultClosed) as why:
        _failed(channel, some, str(why), now=now)
        return False
    rows = Delivery.objects.filter(pk__in=[each.pk for each in some])
    rows.update(state=S.SENT, sent_at=now, error="")
    Channel.objects.filter(pk=channel.pk).update(
        last_sent_at=now, failing_since=None, retry_at=None, last_error=""
    )
    return True


def _failed(channel: Channel, some: Sequence[Delivery], why: str, *, now: datetime) -> None:
    """Let the channel's messages wait together, so that they arrive in their order."""
    attempts = some[0].attempts + 1
    mine = Delivery.objects.filter(pk__in=[each.pk for each in some])
    mine.update(state=S.WAITING, attempts=attempts, error=why[:300])
    Channel.objects.filter(pk=channel.pk, failing_since=None).update(failing_since=now)
    Channel.objects.filter(pk=channel.pk).update(
        last_error=why[:300], retry_at=now + backoff(attempts)
    )
