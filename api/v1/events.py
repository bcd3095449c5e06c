"""What happened: a list, and a stream that goes on where it broke off."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

from asgiref.sync import sync_to_async
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase, JsonResponse, StreamingHttpResponse
from django.utils import timezone
from django_filters.rest_framework import CharFilter
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework_simplejwt.authentication import JWTAuthentication

from accounts import streams
from accounts.models import User
from api import problems
from api.base import OfAccount, Rows, person
from notifications.models import Event
from notifications.services import see

LOOK_SECONDS = 1.0
HEARTBEAT_SECONDS = 5.0
LONGEST_SECONDS = 600.0  # then the client comes again, and its token is checked again
MOST_AT_ONCE = 400
LOOK_BACK = 200


class EventOut(serializers.ModelSerializer[Event]):
    class Meta:
        model = Event
        fields = (
            "id",
            "account",
            "kind",
            "level",
            "sentence",
            "payload",
            "by",
            "at",
            "seen_at",
            "seen_by",
        )
        read_only_fields = fields


class EventFilter(OfAccount):
    kind = CharFilter()
    level = CharFilter()


class Events(Rows):
    """Everything that was told of your accounts, newest first."""

    queryset = Event.objects.all()
    serializer_class = EventOut
    filterset_class = EventFilter
    ordering = ("-id",)

    @extend_schema(request=None, responses=EventOut)
    @action(detail=True, methods=["post"])
    def acknowledge(self, request: Request, pk: str) -> Response:
        """Say that you have seen a critical alert: buying of real money goes on then."""
        row = self.get_object()
        see(event_ids=[row.pk], user=person(request), now=timezone.now())
        row.refresh_from_db()
        return Response(EventOut(row).data)


async def stream(request: HttpRequest) -> HttpResponseBase:
    """Stream events of the caller's accounts, as server-sent events, after `Last-Event-ID`."""
    user = await sync_to_async(_caller)(request)
    if user is None:
        return _problem(401, "not_authenticated", "Send a token, or sign in.")
    place = await sync_to_async(streams.take)(user.pk)
    if place is None:
        return _problem(429, "throttled", "Too many streams are open. Close one first.")
    last = request.headers.get("Last-Event-ID", "")
    after = int(last) if last.isdecimal() and len(last) < 18 else None
    return StreamingHttpResponse(
        _events(user.pk, after, place),
        content_type="text/event-stream",
        headers={"X-Accel-Buffering": "no", "Cache-Control": "no-store"},
    )


def _caller(request: HttpRequest) -> User | None:
    if isinstance(request.user, User):
        return request.user
    try:
        found = JWTAuthentication().authenticate(request)  # type: ignore[arg-type]  # reads a header
    except APIException:
        return None
    return found[0] if found and isinstance(found[0], User) else None


def _problem(status: int, code: str, detail: str) -> JsonResponse:
    told = problems.body(status, code=code, detail=detail)
    return JsonResponse(told, status=status, content_type=problems.MEDIA_TYPE)


async def _events(user_id: int, after: int | None, place: str) -> AsyncIterator[bytes]:
    try:
        async for each in _told(user_id, after):
            streams.keep(place)
            yield each
    finally:
        streams.leave(place)


async def _told(user_id: int, after: int | None) -> AsyncIterator[bytes]:
    loop = asyncio.get_running_loop()
    ends, spoke = loop.time() + LONGEST_SECONDS, loop.time()
    seen = await sync_to_async(_newest)(user_id) if after is None else after
    # An event has its number before it is committed: one that is late is looked back for.
    told = await sync_to_async(_known)(user_id, seen)
    yield b": welcome\n\n"
    while loop.time() < ends:
        for row in await sync_to_async(_since)(user_id, max(seen - LOOK_BACK, 0)):
            if row["id"] in told:
                continue
            told.add(row["id"])
            seen, spoke = max(seen, row["id"]), loop.time()
            text = json.dumps(row, default=str)
            yield f"id: {row['id']}\nevent: {row['kind']}\ndata: {text}\n\n".encode()
        if loop.time() - spoke >= HEARTBEAT_SECONDS:
            spoke = loop.time()
            yield b": alive\n\n"
        await asyncio.sleep(LOOK_SECONDS)


def _of(user_id: int) -> QuerySet[Event]:
    return Event.objects.filter(account__owner_id=user_id)


def _newest(user_id: int) -> int:
    return _of(user_id).order_by("-pk").values_list("pk", flat=True).first() or 0


def _known(user_id: int, seen: int) -> set[int]:
    """Return the numbers before which a client has heard everything that was there."""
    rows = _of(user_id).filter(pk__gt=seen - LOOK_BACK, pk__lte=seen)
    return set(rows.values_list("pk", flat=True))


def _since(user_id: int, seen: int) -> list[Any]:
    rows = _of(user_id).filter(pk__gt=seen).order_by("pk")[:MOST_AT_ONCE]
    return [dict(EventOut(row).data) for row in rows]
