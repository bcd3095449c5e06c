"""Breakers: what tripped, and a reset with a reason."""

from typing import Any

from django.db.models import QuerySet
from django_filters.rest_framework import BooleanFilter
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import Account
from api.base import OfAccount, Rows, WithFactor, person, proof_for
from api.problems import Refused
from markets import clock
from risk.domain.breakers import BreakerKind
from risk.models import BreakerTrip
from risk.services import NothingToReset, reset_breaker, reset_digest


class TripOut(serializers.ModelSerializer[BreakerTrip]):
    class Meta:
        model = BreakerTrip
        fields = (
            "id",
            "account",
            "kind",
            "window_start",
            "measured",
            "limit",
            "numbers",
            "at",
            "reset_at",
            "reset_by",
            "reset_why",
        )
        read_only_fields = fields


class TripFilter(OfAccount):
    open = BooleanFilter(field_name="reset_at", lookup_expr="isnull")


class ResetIn(WithFactor):
    why = serializers.CharField(max_length=400, help_text="kept with the reset")


class Breakers(Rows):
    """Trips of your accounts' breakers. Those of a day or an hour end by themselves."""

    queryset = BreakerTrip.objects.select_related("account")
    serializer_class = TripOut
    filterset_class = TripFilter
    ordering = ("-at", "-id")

    def get_queryset(self) -> QuerySet[Any]:
        """Return the trips of your accounts; a reset is also of whoever may answer for one."""
        if self.action != "reset" or getattr(self, "swagger_fake_view", False):
            return super().get_queryset()
        mine = Account.objects.answerable_by(person(self.request))
        return BreakerTrip.objects.select_related("account").filter(account__in=mine)

    @extend_schema(request=ResetIn, responses=TripOut)
    @action(detail=True, methods=["post"])
    def reset(self, request: Request, pk: str) -> Response:
        """Reset an open breaker; the account may lose its limit once more. Real money: `code`."""
        trip, asked = self.get_object(), ResetIn(data=request.data)
        asked.is_valid(raise_exception=True)
        digest = reset_digest(trip.account_id, BreakerKind(trip.kind), [trip])
        now = clock.now()
        proof_for(request, trip.account, digests=[digest], now=now)
        try:
            reset_breaker(
                account_id=trip.account_id,
                kind=BreakerKind(trip.kind),
                by=person(request).username,
                why=asked.validated_data["why"],
                now=now,
                shown=digest,
            )
        except NothingToReset as why:
            raise Refused(str(why)) from why
        trip.refresh_from_db()
        return Response(TripOut(trip).data)
