"""Whales, what they trade, and which of them your accounts follow."""

from decimal import Decimal
from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery
from django_filters.rest_framework import CharFilter, FilterSet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.names import plain_name
from api.base import FACTORS, OfAccount, Rows, WithFactor, own_account, person, proof_for
from api.problems import Refused
from markets import clock
from trading import following
from whales import follows
from whales.models import Follow, Signal, Whale, WhaleScore


class WhaleOut(serializers.ModelSerializer[Whale]):
    score = serializers.FloatField(allow_null=True)
    bets = serializers.IntegerField(allow_null=True)
    roi = serializers.FloatField(allow_null=True, help_text="percent")
    as_of = serializers.DateTimeField(allow_null=True)

    class Meta:
        model = Whale
        fields = ("id", "address", "name", "own", "score", "bets", "roi", "as_of")
        read_only_fields = fields


class OfAddress(FilterSet):
    address = CharFilter(lookup_expr="iexact")


class Whales(Rows):
    """Wallets that are watched, each with its latest score."""

    latest = WhaleScore.objects.filter(whale=OuterRef("pk")).order_by("-as_of")
    queryset = Whale.objects.filter(own=False).annotate(
        score=Subquery(latest.values("score")[:1]),
        bets=Subquery(latest.values("bets")[:1]),
        roi=Subquery(latest.values("roi")[:1]),
        as_of=Subquery(latest.values("as_of")[:1]),
    )
    serializer_class = WhaleOut
    filterset_class = OfAddress
    owner = ""
    ordering = ("-id",)


class SignalOut(serializers.ModelSerializer[Signal]):
    market = serializers.CharField(source="outcome.market.title")
    outcome = serializers.CharField(source="outcome.name")
    whale = serializers.CharField(source="whale.address")

    class Meta:
        model = Signal
        fields = (
            "id",
            "whale",
            "market",
            "outcome",
            "side",
            "shares",
            "price",
            "fills",
            "sold_fraction",
            "at",
            "due_at",
            "state",
        )
        read_only_fields = fields


class Signals(Rows):
    """Orders of whales that your accounts follow."""

    queryset = Signal.objects.select_related("outcome__market", "whale")
    serializer_class = SignalOut
    owner = ""
    ordering = ("-at", "-id")

    def get_queryset(self) -> QuerySet[Any]:
        rows = super().get_queryset()
        if getattr(self, "swagger_fake_view", False):
            return rows
        mine = Follow.objects.filter(account__owner=person(self.request)).values("whale")
        return rows.filter(whale__in=mine)


class FollowOut(serializers.ModelSerializer[Follow]):
    whale = serializers.CharField(source="whale.address")

    class Meta:
        model = Follow
        fields = (
            "id",
            "account",
            "whale",
            "paused",
            "copy_exits",
            "size_factor",
            "max_trade",
            "max_price_drift",
            "min_whale_quality",
            "categories",
            "assumed",
            "since",
        )
        read_only_fields = fields


class FollowIn(WithFactor):
    account = serializers.UUIDField()
    wallet = serializers.CharField(max_length=60)


class FollowChange(WithFactor):
    """How this whale is copied; `null` inherits the account's limit."""

    paused = serializers.BooleanField(required=False)
    copy_exits = serializers.BooleanField(required=False)
    size_factor = serializers.DecimalField(
        max_digits=6, decimal_places=4, min_value=0, max_value=1, allow_null=True, required=False
    )
    max_trade = serializers.DecimalField(
        max_digits=14, decimal_places=6, min_value=Decimal("0.01"), allow_null=True, required=False
    )
    max_price_drift = serializers.DecimalField(
        max_digits=8, decimal_places=6, min_value=0, max_value=1, allow_null=True, required=False
    )
    min_whale_quality = serializers.DecimalField(
        max_digits=6, decimal_places=3, min_value=0, max_value=100, allow_null=True, required=False
    )
    categories = serializers.ListField(
        child=serializers.CharField(max_length=60, validators=[plain_name]),
        max_length=50,
        required=False,
    )

    def validate_size_factor(self, value: Any) -> Any:
        if value == 0:
            raise serializers.ValidationError("More than 0; to copy nothing, pause the follow.")
        return value


class Follows(Rows):
    """Who follows whom, and with which overrides."""

    queryset = Follow.objects.select_related("whale", "account")
    serializer_class = FollowOut
    filterset_class = OfAccount
    ordering = ("-since", "-id")

    @extend_schema(request=FollowIn, responses={201: FollowOut})
    def create(self, request: Request) -> Response:
        """Follow a wallet from now on; real money asks for a factor. Safe to repeat."""
        asked = FollowIn(data=request.data)
        asked.is_valid(raise_exception=True)
        account = own_account(request, asked.validated_data["account"])
        try:
            wallet, now = follows.read_wallet(asked.validated_data["wallet"]), clock.now()
        except follows.CannotFollow as why:
            raise Refused(str(why)) from why
        digests = [following.new_digest(account, wallet)]
        proof = proof_for(request, account, digests=digests, now=now)
        try:
            made = following.begin(
                account=account, wallet=wallet, by=person(request), now=now, proof=proof
            )
        except (follows.CannotFollow, following.CannotLoosen) as why:
            raise Refused(str(why)) from why
        return Response(FollowOut(made).data, status=201)

    @extend_schema(request=FollowChange, responses=FollowOut)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Pause, resume or change the overrides; they hold from the next trade on.

        With real money, letting more be copied than before asks for a `code`.
        """
        row = self.get_object()
        asked = FollowChange(data=request.data)
        asked.is_valid(raise_exception=True)
        given = {k: v for k, v in asked.validated_data.items() if k not in FACTORS}
        wanted, proof, now = following.changed(row, given), None, clock.now()
        if following.loosened(row, wanted):
            digests = [following.digest_of(row, wanted)]
            proof = proof_for(request, row.account, digests=digests, now=now)
        try:
            changed = following.change(
                follow=row, wanted=wanted, by=person(request), now=now, proof=proof
            )
        except following.CannotLoosen as why:
            raise Refused(str(why)) from why
        return Response(FollowOut(changed).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Stop copying. Sales of what was copied are still copied while it is held."""
        row = self.get_object()
        by = person(request).username
        follows.unfollow(account=row.account, whale_id=row.whale_id, by=by, now=clock.now())
        return Response(status=204)
