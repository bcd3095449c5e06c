"""Markets in the admin."""

from django.contrib import admin
from unfold.admin import ModelAdmin

from accounts.admin import ReadOnly
from markets.models import Feed, Market, Outcome, Resolution


@admin.register(Market)
class MarketAdmin(ModelAdmin):
    list_display = ["title", "venue", "category", "status", "closes_at", "fee_rate"]
    list_filter = ["venue", "category", "status"]
    search_fields = ["title", "external_id"]
    readonly_fields = ["venue", "external_id", "status"]


@admin.register(Outcome)
class OutcomeAdmin(ReadOnly):
    list_display = ["name", "market", "last_price", "last_at", "bid", "bid_at"]
    search_fields = ["name", "token", "market__title"]
    list_select_related = ["market"]


@admin.register(Resolution)
class ResolutionAdmin(ReadOnly):
    ordering = ["-resolved_at"]
    list_display = ["market", "version", "payouts", "resolved_at", "settled_at", "source"]
    list_select_related = ["market"]


@admin.register(Feed)
class FeedAdmin(ReadOnly):
    ordering = ["-started_at"]
    list_display = ["name", "kind", "state", "clock_at", "position", "total", "seen_at"]
