"""Orders that ask a person: what waits, and one answer for each, as it was shown."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import Account
from api.base import OfAccount, Rows, WithFactor, person, proof_for
from api.idempotency import key_of
from api.v1.trading import OrderOut
from markets import clock
from trading import approvals, asks, pair_approvals
from trading.consent import Yes
from trading.domain.order_state import OrderState
from trading.models import Order
from venues.types import Side


class ApprovalOut(OrderOut):
    """A waiting order with everything that an answer needs."""

    digest = serializers.SerializerMethodField(help_text="names what is shown; send it back")
    price_now = serializers.SerializerMethodField(help_text="the ask, or the bid of a sale")
    confidence = serializers.FloatField(source="decision.confidence", allow_null=True)
    arithmetic = serializers.CharField(source="decision.arithmetic")
    factors = serializers.DictField(source="decision.factors")
    now = serializers.SerializerMethodField(help_text="the server's clock, for a countdown")

    class Meta(OrderOut.Meta):
        fields: tuple[str, ...] = (
            *OrderOut.Meta.fields,
            "digest",
            "price_now",
            "confidence",
            "arithmetic",
            "factors",
            "now",
        )
        read_only_fields = fields

    def get_digest(self, order: Order) -> str:
        return digest_of(order)

    def get_price_now(self, order: Order) -> str | None:
        found = asks.price_now(
            order.outcome, Side(order.side), recorded=self.context["recorded"]
        ).price
        return None if found is None else str(found)

    def get_now(self, order: Order) -> str:
        return str(self.context["now"])


class AnswerIn(WithFactor):
    digest = serializers.CharField(max_length=64)
    seen = serializers.DecimalField(
        max_digits=14,
        decimal_places=10,
        min_value=0,
        allow_null=True,
        help_text="the `price_now` that was shown; null where it was null",
    )
    most = serializers.DecimalField(
        max_digits=14, decimal_places=2, required=False, help_text="spend less, USD"
    )
    note = serializers.CharField(max_length=400, default="", allow_blank=True)


class DeclineIn(serializers.Serializer[Any]):
    note = serializers.CharField(max_length=400, default="", allow_blank=True)


class OutcomeOut(serializers.Serializer[Any]):
    counted = serializers.BooleanField(help_text="whether this answer was the one")
    sentence = serializers.CharField()


def digest_of(order: Order) -> str:
    """Return what names all that is shown: of a pair, both legs."""
    if order.pair_trade is not None:
        return pair_approvals.digest_of(order.pair_trade)
    return approvals.digest_of(order)


class Approvals(Rows):
    """Orders that wait for you, on your accounts and on those you may answer for."""

    queryset = Order.objects.select_related("account", "decision", "outcome__market", "pair_trade")
    serializer_class = ApprovalOut
    filterset_class = OfAccount
    owner = ""
    ordering = ("expires_at", "id")

    def get_queryset(self) -> QuerySet[Any]:
        rows = super().get_queryset()
        if getattr(self, "swagger_fake_view", False):
            return rows
        user = person(self.request)
        if self.action == "list":
            return rows.filter(pk__in=approvals.waiting_for(user).values("pk"))
        return rows.filter(account__in=Account.objects.answerable_by(user))

    def get_serializer_context(self) -> dict[str, Any]:
        """Add what is the same for every row of an answer."""
        once = {"now": clock.now().isoformat(), "recorded": asks.is_recorded()}
        return {**super().get_serializer_context(), **once}

    @extend_schema(request=AnswerIn, responses=OutcomeOut)
    @action(detail=True, methods=["post"])
    def approve(self, request: Request, pk: str) -> Response:
        """Approve what `digest` names; real money asks for `code`. Needs an `Idempotency-Key`."""
        key_of(request)
        order, now = self.get_object(), clock.now()
        asked = AnswerIn(data=request.data)
        asked.is_valid(raise_exception=True)
        given, proof = asked.validated_data, None
        if order.state == OrderState.AWAITING_APPROVAL:
            proof = proof_for(request, order.account, digests=[given["digest"]], now=now)
        yes = Yes(
            by=person(request),
            digest=given["digest"],
            note=given["note"],
            seen=given.get("seen"),
            proof=proof,
        )
        said = approvals.approve_and_send(
            order_id=order.pk, yes=yes, now=now, most=given.get("most")
        )
        return Response({"counted": said.counted, "sentence": said.sentence})

    @extend_schema(request=DeclineIn, responses=OutcomeOut)
    @action(detail=True, methods=["post"])
    def decline(self, request: Request, pk: str) -> Response:
        """Decline: final, and always possible while it waits."""
        order = self.get_object()
        asked = DeclineIn(data=request.data)
        asked.is_valid(raise_exception=True)
        said = approvals.decline(
            order_id=order.pk, by=person(request), now=clock.now(), **asked.validated_data
        )
        return Response({"counted": said.counted, "sentence": said.sentence})
