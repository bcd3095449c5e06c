"""An event as a message: the mark of its money first, then what happened, and where it leads."""

from collections.abc import Sequence

from django.conf import settings

from notifications.models import Event
from notifications.senders import Message

MARKS = {"PAPER": "📄 PAPER", "REAL": "🔴 LIVE"}
TITLES = {
    "approval_asked": "Approve?",
    "approval_second": "A second person is needed",
    "breaker_tripped": "Breaker",
    "pair_manual": "One side only",
    "order_in_doubt": "An order is in doubt",
    "settled": "Settled",
}


def mark_of(event: Event) -> str:
    """Return the mark by which people tell real money from paper."""
    mode = event.payload.get("mode") or (event.account.mode if event.account else "")
    if not mode:
        return "PolyMix"
    return MARKS["PAPER" if mode == "PAPER" else "REAL"]


def message_of(event: Event, *, delivery_id: str) -> Message:
    """Return what a person reads of one event; the guide's form where a sentence is in it."""
    mark = mark_of(event)
    first, _, rest = event.sentence.partition("\n")
    if rest and first.startswith(tuple(MARKS.values())):
        title, body = first, rest
    else:
        name = f" · {event.account.name}" if event.account else ""
        title = f"{mark} · {TITLES.get(event.kind, _word(event))}{name}"
        body = event.sentence
    return Message(
        title=title, body=body, url=_link(event), id=delivery_id, payload=_payload(event)
    )


def digest_of(events: Sequence[Event], *, delivery_id: str) -> Message:
    """Return one message for several events, in the order in which they happened."""
    lines = [f"{each.at:%H:%M} {mark_of(each)} {each.sentence.splitlines()[0]}" for each in events]
    return Message(
        title=f"PolyMix · {len(events)} things since the last digest",
        body="\n".join(lines),
        url=f"{settings.PUBLIC_URL}/notifications/",
        id=delivery_id,
        payload={"events": [_payload(each) for each in events]},
    )


def _word(event: Event) -> str:
    return {"ACT": "You must act", "WARN": "Note"}.get(event.level, "News")


def _link(event: Event) -> str:
    order = event.payload.get("order")
    if event.kind.startswith("approval") and order:
        return f"{settings.PUBLIC_URL}/approvals/{order}/"
    if event.account_id and order:
        return f"{settings.PUBLIC_URL}/a/{event.account_id}/orders/{order}/"
    trade = event.payload.get("pair_trade")
    if event.account_id and trade:
        return f"{settings.PUBLIC_URL}/a/{event.account_id}/pairs/{trade}/"
    return f"{settings.PUBLIC_URL}/notifications/"


def _payload(event: Event) -> dict[str, object]:
    return {
        "id": event.pk,
        "kind": event.kind,
        "level": event.level,
        "account": str(event.account_id) if event.account_id else None,
        "sentence": event.sentence,
        "at": event.at.isoformat(),
        "payload": event.payload,
    }
