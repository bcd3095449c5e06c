"""Server-sent events: `changed <topic>` when a part of the page has something new to show."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse

from accounts import streams
from accounts.models import Account, User
from web.queries import fingerprint

LOOK_SECONDS = 1.0  # at most one message a second for each topic
HEARTBEAT_SECONDS = 5.0
LONGEST_SECONDS = 600.0  # then the browser reconnects, with a session that is checked again


async def stream(request: HttpRequest) -> HttpResponseBase:
    """Stream changes of one account of the asking user."""
    user = await request.auser()
    if not user.is_authenticated:
        return HttpResponse(status=401)
    account = await sync_to_async(_account)(user, request.GET.get("account", ""))
    if account is None:
        return HttpResponse(status=404)
    place = await sync_to_async(streams.take)(user.pk)
    if place is None:
        return HttpResponse("Too many pages are open.", status=429)
    return StreamingHttpResponse(
        _events(account.pk, place),
        content_type="text/event-stream",
        headers={"X-Accel-Buffering": "no"},
    )


def _account(user: User, text: str) -> Account | None:
    try:
        return Account.objects.filter(owner=user, pk=UUID(text)).first()
    except ValueError:
        return None


async def _events(account_id: UUID, place: str) -> AsyncIterator[bytes]:
    try:
        async for each in _changes(account_id):
            streams.keep(place)
            yield each
    finally:
        streams.leave(place)


async def _changes(account_id: UUID) -> AsyncIterator[bytes]:
    loop = asyncio.get_running_loop()
    ends, spoke = loop.time() + LONGEST_SECONDS, 0.0
    before = await sync_to_async(fingerprint)(account_id)
    while loop.time() < ends:
        now = await sync_to_async(fingerprint)(account_id)
        for topic, value in now.items():
            if value != before[topic]:
                spoke = loop.time()
                yield f"event: changed\ndata: {topic}\n\n".encode()
        before = now
        if loop.time() - spoke >= HEARTBEAT_SECONDS:
            spoke = loop.time()
            yield b"event: alive\ndata: -\n\n"
        await asyncio.sleep(LOOK_SECONDS)
