"""Sign-in of an app: a short token for calls, a longer one to get the next pair, once each."""

from typing import Any
from uuid import uuid4

from drf_spectacular.utils import extend_schema, extend_schema_serializer, inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework_simplejwt.serializers import TokenObtainPairSerializer
from rest_framework_simplejwt.views import (
    TokenBlacklistView,
    TokenObtainPairView,
    TokenRefreshView,
)

from accounts import factors
from accounts.models import Account, User
from api.base import factor_needed, person
from markets import clock
from trading.approvals import waiting_for


@extend_schema_serializer(component_name="SignIn")
class SignInSerializer(TokenObtainPairSerializer):
    """Name and password, and a factor where one is enrolled: a code, or a passkey's answer to the
    options that the refusal without it tells.
    """

    code = serializers.CharField(required=False, write_only=True, max_length=8)
    passkey = serializers.JSONField(required=False, write_only=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, str]:
        told = super().validate({name: attrs[name] for name in ("username", "password")})
        user = self.user
        assert isinstance(user, User)
        if factors.ways(user):
            # A code is spent on this one sign-in; a passkey signs that it is one.
            shown = f"sign-in {uuid4()}" if attrs.get("code") else "sign-in"
            try:
                factors.prove(user, digests=[shown], given=attrs, now=clock.now())
            except factors.NotProved as why:
                raise factor_needed(user, ["sign-in"], why) from why
        return told


class SignIn(TokenObtainPairView):
    """Get a pair of tokens: `access` for 15 minutes, `refresh` for 14 days and one use."""

    serializer_class = SignInSerializer
    signs_in = True


class Refresh(TokenRefreshView):
    """Exchange a refresh token for a new pair; the old one works no more."""

    signs_in = True


class SignOut(TokenBlacklistView):
    """Make a refresh token worthless."""

    signs_in = True


class MeOut(serializers.Serializer[Any]):
    username = serializers.CharField()
    factors = serializers.ListField(child=serializers.CharField())
    accounts = inline_serializer(
        "AccountName",
        {
            "id": serializers.UUIDField(),
            "name": serializers.CharField(),
            "mode": serializers.CharField(),
            "mine": serializers.BooleanField(help_text="or one I may answer for"),
        },
        many=True,
    )
    to_approve = serializers.IntegerField()


class Me(APIView):
    """Who you are here, and what waits for you."""

    @extend_schema(responses=MeOut)
    def get(self, request: Request) -> Response:
        """Return your name, your factors and the accounts you may answer for."""
        user = person(request)
        answerable = Account.objects.answerable_by(user).filter(archived_at=None).order_by("name")
        return Response(
            {
                "username": user.username,
                "factors": sorted(factors.ways(user)),
                "accounts": [
                    {
                        "id": each.pk,
                        "name": each.name,
                        "mode": each.mode,
                        "mine": each.owner_id == user.pk,
                    }
                    for each in answerable
                ],
                "to_approve": waiting_for(user).count(),
            }
        )
