"""One effect for one key: an unsafe call that repeats sees what its first attempt came to.

The first call claims its key; the others wait for its answer. A process that died in the middle
leaves a claim without an answer: after a while the call is made again, and the services below are
safe to call twice. Draft: https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
"""

import hashlib
import json
import time
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.encoders import JSONEncoder

from accounts.models import User
from api.models import KeptCall
from api.problems import MEDIA_TYPE, FactorNeeded, Refused
from markets import clock

HEADER = "Idempotency-Key"
LONGEST = 100
WAIT_SECONDS = 10.0  # for the first attempt's answer
LOOK_SECONDS = 0.05
ABANDONED = timedelta(minutes=2)  # a claim without an answer: whoever made it is gone
KEPT = timedelta(days=2)
UNSAFE = {"POST", "PUT", "PATCH", "DELETE"}


def key_of(request: Request) -> str:
    """Return the key of a call that moves money; without one it is not made."""
    key = request.headers.get(HEADER, "").strip()
    if not key:
        raise exceptions.ValidationError(
            {HEADER: ["Send a key of your own making, so that a repetition happens once."]}
        )
    return key


class Reused(exceptions.APIException):
    """The key was used for another call."""

    status_code = 422
    default_detail = "This key was used for another call. Make a new one; nothing was done."
    default_code = "key_reused"


class Idempotent:
    """Mixin of views: unsafe calls with an `Idempotency-Key` happen once."""

    kept: KeptCall | None = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)  # type: ignore[misc]  # of the view it is mixed into
        key = request.headers.get(HEADER, "").strip()
        if request.method not in UNSAFE or not key or not request.user.is_authenticated:
            return
        if len(key) > LONGEST:
            raise exceptions.ValidationError({HEADER: [f"At most {LONGEST} characters."]})
        self.kept = _claim(request, key)

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            answer = super().dispatch(request, *args, **kwargs)  # type: ignore[misc]  # as above
        except BaseException:
            if self.kept is not None:  # nobody knows what it came to: the next one finds out
                KeptCall.objects.filter(pk=self.kept.pk).delete()
            raise
        if self.kept is not None:
            _keep(self.kept, answer)
        return answer

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, _Replayed):
            return exc.answer
        return super().handle_exception(exc)  # type: ignore[misc,no-any-return]  # as above


class _Replayed(Exception):
    """Leads from `initial` to the kept answer, past the view."""

    def __init__(self, answer: Response) -> None:
        self.answer = answer


def _claim(request: Request, key: str) -> KeptCall:
    """Claim a key, or raise what the first attempt came to. Raises Reused, Refused."""
    fingerprint = _fingerprint(request)
    until = time.monotonic() + WAIT_SECONDS
    while True:
        made = _insert(request, key, fingerprint)
        if made is not None:
            return made
        row = KeptCall.objects.filter(user=_caller(request), key=key).first()
        if row is None:
            continue  # it was an attempt that came to nothing, and is gone
        if row.fingerprint != fingerprint:
            raise Reused
        if row.status is not None:
            kind = MEDIA_TYPE if row.status >= 400 else None
            answer = Response(row.body, status=row.status, content_type=kind)
            answer["Idempotency-Replayed"] = "true"
            raise _Replayed(answer)
        if _take_over(row):
            return row
        if time.monotonic() > until:
            raise Refused("The first call with this key still runs. Ask again in a moment.")
        time.sleep(LOOK_SECONDS)


def _insert(request: Request, key: str, fingerprint: str) -> KeptCall | None:
    try:
        with transaction.atomic():
            return KeptCall.objects.create(
                user=_caller(request), key=key, fingerprint=fingerprint, at=clock.database_now()
            )
    except IntegrityError:
        return None


def _take_over(row: KeptCall) -> bool:
    now = clock.database_now()
    old = KeptCall.objects.filter(pk=row.pk, status__isnull=True, at=row.at, at__lt=now - ABANDONED)
    return old.update(at=now) == 1


def _keep(row: KeptCall, answer: Any) -> None:
    """Keep what a call came to; what failed inside us, or lacked a factor, came to nothing."""
    told = getattr(answer, "data", None)
    unproved = isinstance(told, dict) and told.get("code") == FactorNeeded.default_code
    if answer.status_code >= 500 or answer.status_code == 429 or unproved:
        KeptCall.objects.filter(pk=row.pk).delete()
        return
    KeptCall.objects.filter(pk=row.pk).update(status=answer.status_code, body=_plain(told))


def _plain(data: Any) -> Any:
    """Return an answer's data as JSON has it: what was sent, and will be sent again."""
    told = json.loads(json.dumps(data, cls=JSONEncoder))
    # What is shown once is not kept to be shown again.
    return {**told, **{"secret": ""}} if isinstance(told, dict) and "secret" in told else told


def _fingerprint(request: Request) -> str:
    parts = [request.method or "", request.get_full_path()]
    return hashlib.sha256("|".join(parts).encode() + b"|" + request.body).hexdigest()


def _caller(request: Request) -> User:
    assert isinstance(request.user, User)
    return request.user


def forget_old() -> int:
    """Delete answers that nobody will ask for again; returns how many."""
    deleted, _ = KeptCall.objects.filter(at__lt=clock.database_now() - KEPT).delete()
    return deleted
