"""A whole account to take along: the guide's file as JSON, or its bets as CSV."""

import csv
import io
from collections.abc import Iterator

from django.http import HttpResponseBase, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import Account
from api.base import own_account
from markets import clock
from trading.statement import bets_of, exported

COLUMNS = (
    "id",
    "trade",
    "type",
    "game",
    "sport",
    "timestamp",
    "status",
    "state",
    "cost",
    "profit",
    "order_ids",
)


class Export(APIView):
    """Everything an account did since its count began."""

    @extend_schema(
        parameters=[OpenApiParameter("as", str, enum=["json", "csv"])],
        responses={
            (200, "application/json"): OpenApiTypes.OBJECT,
            (200, "text/csv"): OpenApiTypes.STR,
        },
    )
    def get(self, request: Request, account_id: str) -> HttpResponseBase:
        """Return `balance`, `initial_balance`, `bets`, `daily_trades`, `daily_loss`, `errors`."""
        account = own_account(request, account_id)
        kind = request.query_params.get("as", "json")
        if kind not in ("csv", "json"):
            raise serializers.ValidationError({"as": ["json or csv."]})
        name = f"polymix-{account.name.replace(' ', '-').encode('ascii', 'ignore').decode()}.{kind}"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        if kind == "csv":
            return StreamingHttpResponse(_lines(account), content_type="text/csv", headers=headers)
        return Response(exported(account, now=clock.now()), headers=headers)


def _lines(account: Account) -> Iterator[str]:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for bet in bets_of(account):
        row = bet | {"order_ids": " ".join(f"{k}={v}" for k, v in bet["order_ids"].items())}
        writer.writerow([_safe(row[name]) for name in COLUMNS])
        yield out.getvalue()
        out.seek(0)
        out.truncate()
    yield out.getvalue()


def _safe(value: object) -> object:
    """Keep a spreadsheet from running what a market's title says."""
    text = str(value)
    return (
        f"'{text}" if isinstance(value, str) and text[:1] in ("=", "+", "-", "@", "\t") else value
    )
