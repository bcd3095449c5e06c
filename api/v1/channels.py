"""How you are told: channels, what each wants, and a test. Addresses go in and never come out."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.names import plain_name
from accounts.vault import VaultClosed
from api.base import Rows, person
from api.problems import Refused
from notifications import channels
from notifications.channels import CannotChange
from notifications.domain.planning import Group, When
from notifications.models import Channel, Delivery
from notifications.senders import BadAddress, Gone, NotDelivered

PROBLEMS = (CannotChange, BadAddress, VaultClosed, NotDelivered, Gone)


class ChannelOut(serializers.ModelSerializer[Channel]):
    wants = serializers.DictField(child=serializers.CharField())

    class Meta:
        model = Channel
        fields: tuple[str, ...] = (
            "id",
            "kind",
            "name",
            "wants",
            "created_at",
            "failing_since",
            "last_error",
            "last_sent_at",
        )
        read_only_fields = fields


class ChannelAdded(ChannelOut):
    secret = serializers.CharField(help_text="of a webhook, shown this once; else empty")

    class Meta(ChannelOut.Meta):
        fields: tuple[str, ...] = (*ChannelOut.Meta.fields, "secret")
        read_only_fields = fields


class ChannelIn(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=["ntfy", "telegram", "discord", "email", "webhook"])
    name = serializers.CharField(max_length=60, validators=[plain_name])
    address = serializers.CharField(max_length=1000, write_only=True)


class WantsIn(serializers.Serializer[Any]):
    wants = serializers.DictField(
        child=serializers.ChoiceField(choices=[each.value for each in When]),
        help_text=f"by group: {', '.join(Group)}",
    )

    def validate_wants(self, given: dict[str, str]) -> dict[str, str]:
        unknown = set(given) - set(Group)
        if unknown:
            raise serializers.ValidationError(f"No group {', '.join(sorted(unknown))}.")
        return given


class DeliveryOut(serializers.ModelSerializer[Delivery]):
    kind = serializers.CharField(source="event.kind")

    class Meta:
        model = Delivery
        fields = ("id", "event", "kind", "state", "attempts", "due_at", "sent_at", "error")
        read_only_fields = fields


class Channels(Rows):
    """Your channels. Devices are added from their own browser."""

    queryset = Channel.objects.filter(removed_at__isnull=True)
    serializer_class = ChannelOut
    owner = "user"
    ordering = ("-created_at", "-id")

    @extend_schema(request=ChannelIn, responses={201: ChannelAdded})
    def create(self, request: Request) -> Response:
        """Add a channel."""
        asked = ChannelIn(data=request.data)
        asked.is_valid(raise_exception=True)
        given = asked.validated_data
        try:
            row, secret = channels.add(
                user=person(request),
                kind=given["kind"],
                name=given["name"],
                secrets={"address": given["address"].strip()},
                now=timezone.now(),
            )
        except PROBLEMS as why:
            raise Refused(str(why)) from None
        return Response(ChannelOut(row).data | {"secret": secret}, status=201)

    @extend_schema(request=WantsIn, responses=ChannelOut)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Set when this channel wants each group: now, digest or off."""
        row, asked = self.get_object(), WantsIn(data=request.data)
        asked.is_valid(raise_exception=True)
        try:
            channels.want(user=person(request), wishes={str(row.pk): asked.validated_data["wants"]})
        except PROBLEMS as why:
            raise Refused(str(why)) from why
        row.refresh_from_db()
        return Response(ChannelOut(row).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Remove a channel, and what waits for it."""
        row = self.get_object()
        try:
            channels.remove(user=person(request), channel_id=row.pk, now=timezone.now())
        except CannotChange as why:
            raise Refused(str(why)) from why
        return Response(status=204)

    @extend_schema(request=None, responses={204: None})
    @action(detail=True, methods=["post"])
    def test(self, request: Request, pk: str) -> Response:
        """Send a test message now."""
        row = self.get_object()
        try:
            channels.test(row)
        except PROBLEMS as why:
            raise Refused(str(why)) from None
        return Response(status=204)

    @extend_schema(responses=DeliveryOut(many=True), filters=False)
    @action(detail=True, pagination_class=None)
    def log(self, request: Request, pk: str) -> Response:
        """Return the last 50 deliveries of a channel."""
        rows = self.get_object().deliveries.select_related("event").order_by("-pk")[:50]
        return Response(DeliveryOut(rows, many=True).data)
