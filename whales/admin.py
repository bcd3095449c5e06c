"""Whales, their trades and who follows them."""

from django.contrib import admin
from unfold.admin import ModelAdmin

from accounts.admin import ReadOnly
from whales.models import Follow, QuarantinedRow, Signal, Whale, WhaleScore, WhaleTrade


@admin.register(Whale)
class WhaleAdmin(ModelAdmin):
    list_display = ["address", "name", "own"]
    list_filter = ["own"]
    search_fields = ["address", "name"]


@admin.register(Follow)
class FollowAdmin(ModelAdmin):
    list_display = ["account", "whale", "paused", "copy_exits", "size_factor", "assumed"]
    list_filter = ["paused", "account"]
    list_select_related = ["account", "whale"]
    autocomplete_fields = ["whale"]


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
