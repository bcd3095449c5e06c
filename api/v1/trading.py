"""Decisions, orders, positions and the ledger: what was done, why, and what it came to."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from django_filters.rest_framework import BooleanFilter, CharFilter, DateTimeFilter
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from api.base import OfAccount, Rows, WithFactor, person, proof_for
from api.idempotency import key_of
from api.problems import Refused
from markets import clock
from trading import closing, orders, sending
from trading.consent import Yes
from trading.models import Decision, Entry, Fill, Order, OrderEvent, Position, Posting


class Between(OfAccount):
    since = DateTimeFilter(field_name="at", lookup_expr="gte")
    until = DateTimeFilter(field_name="at", lookup_expr="lt")


class DecisionOut(serializers.ModelSerializer[Decision]):
    market = serializers.CharField(source="outcome.market.title")
    outcome = serializers.CharField(source="outcome.name")
    whale = serializers.CharField(source="whale.address", default=None, allow_null=True)

    class Meta:
        model = Decision
        fields = (
            "id",
            "account",
            "signal",
            "whale",
            "market",
            "outcome",
            "side",
            "accepted",
            "reason",
            "sentence",
            "arithmetic",
            "size",
            "confidence",
            "inputs",
            "factors",
            "assumed",
            "mode",
            "at",
        )
        read_only_fields = fields


class DecisionFilter(Between):
    reason = CharFilter()
    accepted = BooleanFilter()
    whale = CharFilter(field_name="whale__address", lookup_expr="iexact")


class Decisions(Rows):
    """Why an account did, or did not, act: "why did it not trade?" is `?accepted=false`."""

    queryset = Decision.objects.select_related("outcome__market", "whale")
    serializer_class = DecisionOut
    filterset_class = DecisionFilter
    ordering = ("-at", "-id")


class OrderOut(serializers.ModelSerializer[Order]):
    role = serializers.CharField(help_text="of a pair's leg; empty for every other order")
    market = serializers.CharField(source="outcome.market.title")
    outcome = serializers.CharField(source="outcome.name")

    class Meta:
        model = Order
        fields: tuple[str, ...] = (
            "id",
            "account",
            "decision",
            "pair_trade",
            "role",
            "venue",
            "market",
            "outcome",
            "side",
            "state",
            "mode",
            "limit_price",
            "shares",
            "worst_cost",
            "filled_shares",
            "filled_cost",
            "fees",
            "reason",
            "venue_order_id",
            "created_at",
            "sent_at",
            "expires_at",
        )
        read_only_fields = fields


class OrderEventOut(serializers.ModelSerializer[OrderEvent]):
    class Meta:
        model = OrderEvent
        fields = ("sequence", "old", "new", "sentence", "by", "at")
        read_only_fields = fields


class FillOut(serializers.ModelSerializer[Fill]):
    class Meta:
        model = Fill
        fields = ("venue_fill_id", "price", "shares", "fee", "settlement", "transaction", "at")
        read_only_fields = fields


class TimelineOut(serializers.Serializer[Any]):
    events = OrderEventOut(many=True)
    fills = FillOut(many=True)


class OrderFilter(OfAccount):
    state = CharFilter()
    since = DateTimeFilter(field_name="created_at", lookup_expr="gte")
    until = DateTimeFilter(field_name="created_at", lookup_expr="lt")


class Orders(Rows):
    """Orders, newest first. Their `state` is one of the states of the order machine."""

    queryset = Order.objects.select_related("outcome__market")
    serializer_class = OrderOut
    filterset_class = OrderFilter
    ordering = ("-created_at", "-id")

    @extend_schema(responses=TimelineOut)
    @action(detail=True)
    def timeline(self, request: Request, pk: str) -> Response:
        """Return every step of an order, and what was matched."""
        order = self.get_object()
        steps, fills = order.events.order_by("sequence"), order.fills.order_by("at", "pk")
        return Response(TimelineOut({"events": steps, "fills": fills}).data)

    @extend_schema(request=None, responses=OrderOut)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """Ask the venue to cancel what rests; fills that came first stay."""
        order = self.get_object()
        orders.cancel(order_id=order.pk, by=person(request).username, now=clock.now())
        order.refresh_from_db()
        return Response(OrderOut(order).data)


class PositionOut(serializers.ModelSerializer[Position]):
    market = serializers.CharField(source="outcome.market.title")
    outcome = serializers.CharField(source="outcome.name")

    class Meta:
        model = Position
        fields = (
            "id",
            "account",
            "market",
            "outcome",
            "shares",
            "confirmed_shares",
            "cost",
            "realised",
            "opened_at",
            "closed_at",
        )
        read_only_fields = fields


class PositionFilter(OfAccount):
    open = BooleanFilter(field_name="closed_at", lookup_expr="isnull")


class CloseIn(WithFactor):
    least = serializers.DecimalField(
        max_digits=8, decimal_places=6, required=False, help_text="USD a share, or better"
    )
    why = serializers.CharField(max_length=400, default="", allow_blank=True)


class Positions(Rows):
    """What is held, and what was: shares of one outcome at average cost."""

    queryset = Position.objects.select_related("outcome__market", "account")
    serializer_class = PositionOut
    filterset_class = PositionFilter
    ordering = ("-opened_at", "-id")

    @extend_schema(request=CloseIn, responses=OrderOut)
    @action(detail=True, methods=["post"])
    def close(self, request: Request, pk: str) -> Response:
        """Sell all that can be sold, at `least` or better; needs an `Idempotency-Key`.

        Without `least` it is 2 cents under the last price. Real money asks for a factor.
        """
        position, key, now = self.get_object(), key_of(request), clock.now()
        asked = CloseIn(data=request.data)
        asked.is_valid(raise_exception=True)
        made = closing.order_of(position, f"api:{key}")
        if not Order.objects.filter(pk=made).exists():  # an attempt that died had made it
            try:
                self._close(request, position, key=f"api:{key}", now=now, asked=asked)
            except closing.CannotClose as why:
                raise Refused(str(why)) from why
        sending.submit(order_ids=[made], now=now)
        order = Order.objects.select_related("outcome__market").get(pk=made)
        return Response(OrderOut(order).data)

    def _close(
        self, request: Request, position: Position, *, key: str, now: datetime, asked: CloseIn
    ) -> None:
        least: Decimal | None = asked.validated_data.get("least")
        offer = closing.offer_of(position, exit_price=least)
        digest = closing.digest_of(position, *offer)
        proof = proof_for(request, position.account, digests=[digest], now=now)
        closing.close_position(
            position_id=position.pk,
            yes=Yes(by=person(request), digest=digest, proof=proof),
            key=key,
            now=now,
            exit_price=least,
            reason=asked.validated_data["why"],
        )


class PostingOut(serializers.ModelSerializer[Posting]):
    class Meta:
        model = Posting
        fields = ("book", "amount")
        read_only_fields = fields


class EntryOut(serializers.ModelSerializer[Entry]):
    postings = PostingOut(many=True)

    class Meta:
        model = Entry
        fields = ("id", "account", "kind", "source", "position", "fill", "at", "postings")
        read_only_fields = fields


class EntryFilter(Between):
    kind = CharFilter()


class Ledger(Rows):
    """Every change of money, as an entry whose lines sum to zero."""

    queryset = Entry.objects.prefetch_related("postings")
    serializer_class = EntryOut
    filterset_class = EntryFilter
    ordering = ("-at", "-id")
