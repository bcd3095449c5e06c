"""Pair trades in the admin: to read, and for what only a person can settle."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.admin import ReadOnly
from markets import clock
from trading import pair_trades
from trading.models import Lease, PairEvent, PairTrade


@admin.register(PairTrade)
class PairTradeAdmin(ReadOnly):
    ordering = ["-created_at"]
    list_display = [
        "game",
        "account",
        "mode",
        "state",
        "shares",
        "expected",
        "realised",
        "created_at",
    ]
    list_filter = ["state", "mode", "game__league"]
    list_select_related = ["game", "account"]
    actions = ["take_over"]

    @admin.action(
        description="I looked at both venues: take over what is open", permissions=["view"]
    )
    def take_over(self, request: HttpRequest, queryset: QuerySet[PairTrade]) -> None:
        by, now = request.user.get_username(), clock.database_now()
        note = "taken over in the admin"
        done = [
            pair_trades.settle_by_hand(trade_id=each, by=by, note=note, now=now)
            for each in queryset.values_list("pk", flat=True)
        ]
        rest = len(done) - sum(done)
        said = f"Took over {sum(done)} of {len(done)}" + (
            f"; {rest} are not for a person now: decide their orders first." if rest else "."
        )
        self.message_user(request, said, messages.WARNING if rest else messages.SUCCESS)


@admin.register(PairEvent)
class PairEventAdmin(ReadOnly):
    ordering = ["-pk"]
    list_display = ["trade", "old", "new", "sentence", "by", "at"]
    list_select_related = ["trade__game"]


@admin.register(Lease)
class LeaseAdmin(ReadOnly):
    list_display = ["name", "holder", "until", "seen_at"]
