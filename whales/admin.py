"""Whales, their trades and who follows them."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from accounts.admin import ReadOnly
from accounts.models import Account
from whales.models import Follow, QuarantinedRow, Signal, Whale, WhaleScore, WhaleTrade


@admin.register(Whale)
class WhaleAdmin(ReadOnly):
    list_display = ["address", "name", "own"]
    list_filter = ["own"]
    search_fields = ["address", "name"]


@admin.register(Follow)
class FollowAdmin(ReadOnly):
    """Of paper money: made and changed here too, also with figures set by hand (ASSUMED). Follows
    of real money are changed on their page, which asks for a factor.
    """

    list_display = ["account", "whale", "paused", "copy_exits", "size_factor", "assumed"]
    list_filter = ["paused", "account"]
    list_select_related = ["account", "whale"]
    autocomplete_fields = ["whale"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("whales.add_follow")

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        if isinstance(obj, Follow) and not obj.account.is_paper:
            return False
        return request.user.has_perm("whales.change_follow")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["account", "whale", "since"] if obj else []

    def formfield_for_foreignkey(self, db_field: Any, request: Any, **options: Any) -> Any:
        if db_field.name == "account":
            options["queryset"] = Account.objects.filter(mode=Account.Mode.PAPER)
        return super().formfield_for_foreignkey(db_field, request, **options)


@admin.register(Signal)
class SignalAdmin(ReadOnly):
    ordering = ["-at"]
    list_display = ["at", "whale", "side", "outcome", "shares", "price", "fills", "state"]
    list_filter = ["side", "state"]
    list_select_related = ["whale", "outcome__market"]


@admin.register(WhaleTrade)
class WhaleTradeAdmin(ReadOnly):
    ordering = ["-at"]
    list_display = ["at", "whale", "side", "outcome", "shares", "price", "signal"]
    list_filter = ["side"]
    list_select_related = ["whale", "outcome__market", "signal"]
    show_full_result_count = False


@admin.register(WhaleScore)
class WhaleScoreAdmin(ReadOnly):
    ordering = ["-as_of"]
    list_display = ["whale", "as_of", "score", "win_rate", "roi", "bets"]
    list_select_related = ["whale"]


@admin.register(QuarantinedRow)
class QuarantinedRowAdmin(ReadOnly):
    list_display = ["file", "line", "reason", "excerpt"]
    search_fields = ["file", "reason"]
