"""The limits of an account: lowered at once, raised with a factor where money is real."""

import hashlib
from collections.abc import Mapping
from dataclasses import fields
from decimal import Decimal
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api.base import check_unchanged, etag_of, own_account, proof_for
from api.idempotency import Idempotent
from markets import clock
from notifications.services import record
from risk.domain.presets import Limits
from risk.models import RiskProfile

# Where more of it is the safer side; for all others less is.
SAFER_HIGH = {
    "min_whale_quality",
    "min_position_size",
    "min_liquidity",
    "min_confidence",
    "duplicate_seconds",
    "min_hours_to_close",
    "min_roi",
}
NAMES = tuple(each.name for each in fields(Limits))


class ProfileOut(serializers.ModelSerializer[RiskProfile]):
    class Meta:
        model = RiskProfile
        fields = NAMES


class ProfileIn(ProfileOut):
    code = serializers.CharField(required=False, write_only=True, max_length=8)

    class Meta(ProfileOut.Meta):
        fields = (*NAMES, "code")

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


def raised(profile: RiskProfile, wanted: Mapping[str, Any]) -> list[str]:
    """Return the names of limits that would let an account risk more."""
    found = []
    for name, value in wanted.items():
        old = getattr(profile, name)
        # No limit at all is the most.
        before, after = (Decimal("Infinity") if each is None else each for each in (old, value))
        if (after < before) if name in SAFER_HIGH else (after > before):
            found.append(name)
    return sorted(found)


def digest_of(profile: RiskProfile, wanted: Mapping[str, Any]) -> str:
    facts = "|".join(f"{name}={wanted[name]}" for name in sorted(wanted))
    return hashlib.sha256(f"limits|{profile.account_id}|{facts}".encode()).hexdigest()


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
        profile = self._profile(request, account_id)
        check_unchanged(request, JSONRenderer().render(ProfileOut(profile).data))
        asked = ProfileIn(profile, data=request.data, partial=True)
        asked.is_valid(raise_exception=True)
        wanted = {k: v for k, v in asked.validated_data.items() if k in NAMES}
        more = raised(profile, wanted)
        if more:
            proof_for(request, profile.account, digests=[digest_of(profile, wanted)])
        for name, value in wanted.items():
            setattr(profile, name, value)
        profile.save(update_fields=list(wanted))
        _tell(profile, wanted, more, by=request.user.get_username())
        return _told(profile)

    def _profile(self, request: Request, account_id: str) -> RiskProfile:
        account = own_account(request, account_id)
        return RiskProfile.objects.select_related("account").get(account=account)


def _told(profile: RiskProfile) -> Response:
    answer = Response(ProfileOut(profile).data)
    answer["ETag"] = etag_of(JSONRenderer().render(answer.data))
    return answer


def _tell(profile: RiskProfile, wanted: Mapping[str, Any], more: list[str], *, by: str) -> None:
    record(
        kind="limits_changed",
        account_id=profile.account_id,
        level="WARN" if more else "INFO",
        sentence=f"{by} changed {', '.join(sorted(wanted)) or 'nothing'}.",
        payload={name: str(value) for name, value in wanted.items()},
        by=by,
        at=clock.now(),
    )
