"""The limits of an account: lowered at once, raised with a factor where money is real."""

from typing import Any

from django.db import transaction
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api.base import FACTORS, WithFactor, check_unchanged, etag_of, own_account, person, proof_for
from api.idempotency import Idempotent
from api.problems import Refused
from markets import clock
from risk import limits
from risk.models import RiskProfile


class ProfileOut(serializers.ModelSerializer[RiskProfile]):
    class Meta:
        model = RiskProfile
        fields: tuple[str, ...] = limits.NAMES


class ProfileIn(WithFactor, ProfileOut):
    class Meta(ProfileOut.Meta):
        fields: tuple[str, ...] = (*limits.NAMES, *FACTORS)

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        unknown = set(self.initial_data) - set(self.fields)
        if unknown:
            raise serializers.ValidationError(
                {name: ["There is no such limit."] for name in sorted(unknown)}
            )
        negative = [
            name for name, value in given.items() if not isinstance(value, str) and (value or 0) < 0
        ]
        if negative:
            raise serializers.ValidationError({name: ["Not below zero."] for name in negative})
        return given


class Profile(Idempotent, APIView):
    """One account's limits. Send `If-Match` with the ETag to change only what you have read."""

    @extend_schema(responses=ProfileOut)
    def get(self, request: Request, account_id: str) -> Response:
        """Read the limits."""
        return _told(self._profile(request, account_id))

    @extend_schema(
        request=ProfileIn,
        responses=ProfileOut,
        parameters=[OpenApiParameter("If-Match", str, OpenApiParameter.HEADER)],
    )
    def patch(self, request: Request, account_id: str) -> Response:
        """Change some limits; with real money, raising any of them asks for a factor."""
        with transaction.atomic():  # two that read the same do not both write
            return self._changed(request, self._profile(request, account_id, lock=True))

    def _changed(self, request: Request, profile: RiskProfile) -> Response:
        check_unchanged(request, JSONRenderer().render(ProfileOut(profile).data))
        asked = ProfileIn(profile, data=request.data, partial=True)
        asked.is_valid(raise_exception=True)
        given = {k: v for k, v in asked.validated_data.items() if k in limits.NAMES}
        wanted, proof, now = limits.changed(profile, given), None, clock.now()
        if limits.raised(profile, wanted):
            digests = [limits.digest_of(profile, wanted)]
            proof = proof_for(request, profile.account, digests=digests, now=now)
        try:
            profile = limits.change(
                profile=profile, wanted=wanted, by=person(request), now=now, proof=proof
            )
        except limits.CannotRaise as why:
            raise Refused(str(why)) from why
        return _told(profile)

    def _profile(self, request: Request, account_id: str, *, lock: bool = False) -> RiskProfile:
        rows = RiskProfile.objects.select_related("account")
        rows = rows.select_for_update(of=("self",)) if lock else rows
        return rows.get(account=own_account(request, account_id))


def _told(profile: RiskProfile) -> Response:
    answer = Response(ProfileOut(profile).data)
    answer["ETag"] = etag_of(JSONRenderer().render(answer.data))
    return answer
