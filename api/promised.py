"""The endpoints of the guide, in its shapes; `account` says of which of your accounts."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import Account
from api.base import own_account, person
from api.idempotency import Idempotent
from api.problems import Refused
from markets import clock
from trading import resets
from trading.resets import CannotReset
from trading.statement import state_of

BET = inline_serializer(
    "Bet",
    {
        "id": serializers.CharField(help_text="like LAL@BOS, or the order's id of a copy"),
        "trade": serializers.UUIDField(),
        "type": serializers.CharField(),
        "game": serializers.CharField(),
        "sport": serializers.CharField(),
        "timestamp": serializers.DateTimeField(),
        "status": serializers.ChoiceField(choices=["pending", "settled"]),
        "state": serializers.CharField(),
        "legs": serializers.ListField(child=serializers.DictField()),
        "order_ids": serializers.DictField(),
        "cost": serializers.FloatField(),
        "profit": serializers.FloatField(allow_null=True),
    },
    many=True,
)
STATE = inline_serializer(
    "State",
    {
        "balance": serializers.FloatField(),
        "initial_balance": serializers.FloatField(),
        "total_profit": serializers.FloatField(),
        "estimated_profit": serializers.FloatField(),
        "total_trades": serializers.IntegerField(),
        "daily_loss": serializers.FloatField(),
        "daily_trades": serializers.IntegerField(),
        "mode": serializers.ChoiceField(choices=["real", "paper"]),
        "bets": BET,
        "account": serializers.UUIDField(),
    },
)
MODE = inline_serializer(
    "TradingModeNow",
    {
        "mode": serializers.ChoiceField(choices=["real", "paper"]),
        "live_trading": serializers.BooleanField(help_text="this server's switch"),
        "account": serializers.UUIDField(allow_null=True),
        "account_mode": serializers.CharField(allow_null=True),
    },
)
RESET = inline_serializer(
    "ResetDone",
    {
        "success": serializers.BooleanField(),
        "message": serializers.CharField(),
        "cancelled": serializers.IntegerField(),
        "account": serializers.UUIDField(),
    },
)
WHICH = OpenApiParameter("account", str, description="the account's id; the first one without it")


class KeyIn(serializers.Serializer[Any]):
    confirmation_key = serializers.CharField(
        max_length=200, write_only=True, help_text="LIVE_TRADING_RESET_KEY"
    )


class TradingState(APIView):
    """How real money stands."""

    @extend_schema(responses=STATE, parameters=[WHICH])
    def get(self, request: Request) -> Response:
        """Return balance, profit, today's trades and the latest bets of a real account."""
        return _state(_account(request, paper=False))


class PaperState(APIView):
    """How paper money stands."""

    @extend_schema(responses=STATE, parameters=[WHICH])
    def get(self, request: Request) -> Response:
        """Return the same of a paper account."""
        return _state(_account(request, paper=True))


class TradingMode(APIView):
    """Whether real money may move."""

    @extend_schema(responses=MODE)
    def get(self, request: Request) -> Response:
        """Say `real` only where this server trades live and you have an account for it."""
        real = _of(request).exclude(mode=Account.Mode.PAPER).first()
        found = real or _of(request).first()
        is_real = settings.LIVE_TRADING and real is not None
        return Response(
            {
                "mode": "real" if is_real else "paper",
                "live_trading": settings.LIVE_TRADING,
                "account": found.pk if found else None,
                "account_mode": found.mode if found else None,
            }
        )


class TradingReset(Idempotent, APIView):
    """A new chapter of real money."""

    @extend_schema(request=KeyIn, responses=RESET, parameters=[WHICH])
    def post(self, request: Request) -> Response:
        """Cancel what rests and count anew. Needs the server's key; archives, never deletes."""
        account = _account(request, paper=False)
        asked = KeyIn(data=request.data)
        asked.is_valid(raise_exception=True)
        key, now = asked.validated_data["confirmation_key"], clock.now()
        try:
            return _done(resets.reset_real(account=account, key=key, by=person(request), now=now))
        except CannotReset as why:
            raise Refused(str(why)) from why


class PaperReset(Idempotent, APIView):
    """A fresh paper account."""

    @extend_schema(request=None, responses=RESET, parameters=[WHICH])
    def post(self, request: Request) -> Response:
        """Begin anew with the starting balance; the old account is kept to read."""
        account = _account(request, paper=True)
        return _done(resets.reset_paper(account=account, by=person(request), now=clock.now()))


def _of(request: Request) -> QuerySet[Account]:
    mine = Account.objects.filter(owner=person(request), archived_at=None)
    return mine.order_by("created_at", "pk")


def _account(request: Request, *, paper: bool) -> Account:
    named = request.query_params.get("account")
    if named:
        try:
            named_one = own_account(request, UUID(named))
        except ValueError:
            raise NotFound("An account is named by its id.") from None
        if named_one.is_paper != paper:
            raise NotFound(f"This account trades {'real' if paper else 'paper'} money.")
        return named_one
    kind = _of(request).filter(mode="PAPER") if paper else _of(request).exclude(mode="PAPER")
    found = kind.first()
    if found is None:
        raise NotFound(f"You have no account for {'paper' if paper else 'real'} money.")
    return found


def _state(account: Account) -> Response:
    return Response(state_of(account, now=clock.now()) | {"account": account.pk})


def _done(did: resets.Reset) -> Response:
    told = {"success": True, "message": did.sentence, "cancelled": did.cancelled}
    return Response(told | {"account": did.account.pk})
