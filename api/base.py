"""What all resources share: whose rows they are, how they page, and how they are told apart."""

import hashlib
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django_filters.rest_framework import FilterSet, UUIDFilter
from rest_framework import mixins, serializers
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from accounts import factors
from accounts.models import Account, User
from api.idempotency import Idempotent
from api.paging import Newest
from api.problems import Changed, FactorNeeded


class OfAccount(FilterSet):
    """Rows of one account; somebody else's account has none."""

    account = UUIDFilter(field_name="account_id")


class WithFactor(serializers.Serializer[Any]):
    """A call that real money asks a fresh factor for: one of these."""

    code = serializers.CharField(
        required=False, write_only=True, max_length=8, help_text="of the authenticator app"
    )
    passkey = serializers.JSONField(
        required=False, write_only=True, help_text="the answer to the options of a factor_needed"
    )


FACTORS = ("code", "passkey")


def person(request: Request) -> User:
    """Return who calls; every view here asks for somebody."""
    assert isinstance(request.user, User)
    return request.user


def own_account(request: Request, account_id: Any) -> Account:
    """Return one of the caller's accounts; a foreign one is not there."""
    return get_object_or_404(Account.objects.filter(owner=person(request)), pk=account_id)


class Rows(Idempotent, mixins.ListModelMixin, mixins.RetrieveModelMixin, GenericViewSet[Any]):
    """Rows to read. `owner` is the way from a row to the person whose it is; empty: anybody's."""

    owner = "account__owner"
    ordering: tuple[str, ...] = ("-pk",)
    pagination_class = Newest

    def get_queryset(self) -> QuerySet[Any]:
        rows = super().get_queryset()
        if getattr(self, "swagger_fake_view", False) or not self.owner:
            return rows
        return rows.filter(**{self.owner: self.request.user})

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        """Name what is told by an ETag, and say only that it is the same to whoever has it."""
        response = super().finalize_response(request, response, *args, **kwargs)
        if request.method in ("GET", "HEAD") and response.status_code == 200:
            response.render()
            tag = etag_of(response.content)
            if tag in request.headers.get("If-None-Match", ""):
                response.status_code, response.data = 304, None
                response.content = b""
            response["ETag"] = tag
        return response


def etag_of(content: bytes) -> str:
    return f'"{hashlib.sha256(content).hexdigest()[:32]}"'


def check_unchanged(request: Request, told: bytes) -> None:
    """Refuse a change to what is not any more as the caller read it. Raises Changed."""
    wanted = request.headers.get("If-Match")
    if wanted and wanted != "*" and etag_of(told) not in wanted:
        raise Changed


def proof_for(
    request: Request, account: Account, *, digests: list[str], now: datetime
) -> factors.Proof | None:
    """Return the factor that came with a call on real money. Raises FactorNeeded."""
    return None if account.is_paper else prove(request, digests=digests, now=now)


def prove(request: Request, *, digests: list[str], now: datetime) -> factors.Proof:
    """Return the factor that came with a call. Raises FactorNeeded."""
    try:
        return factors.prove(person(request), digests=digests, given=request.data, now=now)
    except factors.NotProved as why:
        raise factor_needed(person(request), digests, why) from why


def factor_needed(user: User, digests: list[str], why: factors.NotProved) -> FactorNeeded:
    """Return the problem that asks for a factor, with what a passkey would sign."""
    options = None
    if "webauthn" in factors.ways(user):
        options = factors.passkey_options(user, digest=factors.digest_of_set(digests))
    return FactorNeeded(str(why), passkey=options)
