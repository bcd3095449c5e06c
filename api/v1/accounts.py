"""Accounts: how they stand, their mode, their stops and their line."""

from typing import Any

from django.db import IntegrityError, transaction
from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import Account
from accounts.names import plain_name
from api.base import Rows, WithFactor, own_account, person, proof_for
from api.idempotency import key_of
from api.problems import Refused
from markets import clock
from risk.domain.presets import PRESETS
from risk.models import KillSwitch
from risk.services import stop
from trading import modes
from trading.equity import RANGES, equity_line
from trading.opening import open_account
from trading.summary import as_json, summary


class AccountOut(serializers.ModelSerializer[Account]):
    class Meta:
        model = Account
        fields = ("id", "name", "mode", "rehearsal", "preset", "starting_balance", "created_at")
        read_only_fields = fields


class AccountIn(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=60, validators=[plain_name])
    preset = serializers.ChoiceField(choices=sorted(PRESETS), default="default")
    rehearsal = serializers.BooleanField(default=False)
    starting_balance = serializers.DecimalField(
        max_digits=12, decimal_places=2, min_value=1, required=False, help_text="USD on paper"
    )


class FiguresOut(serializers.Serializer[Any]):
    """Money in dollars as text; ratios as numbers."""

    account = serializers.UUIDField()
    mode = serializers.CharField()
    figures = serializers.DictField()


class ModeIn(WithFactor):
    mode = serializers.ChoiceField(choices=["APPROVAL", "LIVE"])


class StopIn(serializers.Serializer[Any]):
    level = serializers.ChoiceField(choices=["ENTRIES", "ALL"], default="ENTRIES")
    why = serializers.CharField(max_length=400, default="", allow_blank=True)


class StartIn(WithFactor):
    """The stop as it was read, and the factor."""

    digest = serializers.CharField(
        max_length=64, required=False, help_text="of `stops/`: lift this one and no other"
    )


class StopOut(serializers.ModelSerializer[KillSwitch]):
    class Meta:
        model = KillSwitch
        fields = ("scope", "key", "level", "by", "why", "at", "digest")
        read_only_fields = fields


class PerformanceOut(serializers.Serializer[Any]):
    span = serializers.CharField()
    points = serializers.ListField(
        child=serializers.ListField(), help_text="[at, equity, high-water mark], thinned"
    )
    sentence = serializers.CharField()


Done = inline_serializer("Done", {"sentence": serializers.CharField()})


class Accounts(Rows):
    """Your accounts. Paper accounts are opened here; accounts for real money on their page."""

    queryset = Account.objects.all()
    serializer_class = AccountOut
    owner = "owner"
    ordering = ("-created_at", "-id")

    @extend_schema(request=AccountIn, responses={201: AccountOut})
    def create(self, request: Request) -> Response:
        """Open a paper account."""
        key_of(request)
        asked = AccountIn(data=request.data)
        asked.is_valid(raise_exception=True)
        try:
            with transaction.atomic():
                made = open_account(owner=person(request), now=clock.now(), **asked.validated_data)
        except IntegrityError as why:
            raise Refused("You have an account of that name. Choose another one.") from why
        return Response(AccountOut(made).data, status=201)

    @extend_schema(responses=FiguresOut)
    @action(detail=True)
    def figures(self, request: Request, pk: str) -> Response:
        """Tell how an account stands, in the words of the dashboard."""
        account = own_account(request, pk)
        found = as_json(summary(account=account, now=clock.now()))
        return Response({"account": account.pk, "mode": account.mode, "figures": found})

    @extend_schema(responses=PerformanceOut)
    @action(detail=True)
    def performance(self, request: Request, pk: str) -> Response:
        """Return the equity line: `span` is 24h, 7d, 30d or all."""
        account, span = own_account(request, pk), request.query_params.get("span", "all")
        line = equity_line(account, span=span if span in RANGES else "all", now=clock.now())
        return Response({"span": span, "points": line.points, "sentence": line.sentence})

    @extend_schema(request=ModeIn, responses=AccountOut)
    @action(detail=True, methods=["post"])
    def mode(self, request: Request, pk: str) -> Response:
        """Change between APPROVAL and LIVE; towards LIVE asks for a factor."""
        account, asked = own_account(request, pk), ModeIn(data=request.data)
        asked.is_valid(raise_exception=True)
        wanted, proof, now = asked.validated_data["mode"], None, clock.now()
        if modes.adds_risk(account, wanted):
            proof = proof_for(request, account, digests=[modes.digest_of(account, wanted)], now=now)
        try:
            changed = modes.change(
                account=account, mode=wanted, by=person(request), now=now, proof=proof
            )
        except modes.CannotChange as why:
            raise Refused(str(why)) from why
        return Response(AccountOut(changed).data)

    @extend_schema(request=StopIn, responses=StopOut)
    @action(detail=True, methods=["post"])
    def stop(self, request: Request, pk: str) -> Response:
        """Stop buying, or everything. Always possible, and safe to repeat."""
        account, asked = own_account(request, pk), StopIn(data=request.data)
        asked.is_valid(raise_exception=True)
        row = stop(
            scope=KillSwitch.Scope.ACCOUNT,
            key=str(account.pk),
            by=person(request).username,
            now=clock.now(),
            **asked.validated_data,
        )
        return Response(StopOut(row).data)

    @extend_schema(responses=StopOut(many=True), filters=False)
    @action(detail=True, pagination_class=None)
    def stops(self, request: Request, pk: str) -> Response:
        """List what stops this account now: its own stops and the server's."""
        account = own_account(request, pk)
        found = KillSwitch.objects.filter(key__in=["", str(account.pk)]).order_by("at")
        return Response(StopOut(found, many=True).data)

    @extend_schema(request=StartIn, responses=Done)
    @action(detail=True, methods=["post"])
    def start(self, request: Request, pk: str) -> Response:
        """Lift this account's stop; real money asks for a factor."""
        account = own_account(request, pk)
        asked = StartIn(data=request.data)
        asked.is_valid(raise_exception=True)
        digest = asked.validated_data.get("digest") or modes.start_digest(account)
        now = clock.now()
        proof = proof_for(request, account, digests=[digest], now=now) if digest else None
        try:
            said = modes.start(
                account=account, by=person(request), now=now, shown=digest, proof=proof
            )
        except modes.CannotChange as why:
            raise Refused(str(why)) from why
        return Response({"sentence": said})
