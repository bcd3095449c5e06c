"""Markets in the admin."""

from django.contrib import admin

from accounts.admin import ReadOnly
from markets.models import (
    Feed,
    Market,
    Opportunity,
    Outcome,
    Pair,
    PairApproval,
    Resolution,
)


@admin.register(Market)
class MarketAdmin(ReadOnly):
    list_display = ["title", "venue", "category", "status", "closes_at", "fee_rate"]
    list_filter = ["venue", "category", "status"]
    search_fields = ["title", "external_id"]


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


@admin.register(Pair)
class PairAdmin(ReadOnly):
    ordering = ["-seen_at"]
    list_display = ["game", "event", "state", "is_standard", "frozen_why", "starts_at", "seen_at"]
    list_filter = ["state", "is_standard", "game__league"]
    search_fields = ["event", "polymarket__slug", "game__title"]
    list_select_related = ["game"]


@admin.register(PairApproval)
class PairApprovalAdmin(ReadOnly):
    ordering = ["-at"]
    list_display = ["pair", "user", "is_approved", "rules_hash", "at", "note"]
    list_select_related = ["pair__game", "user"]


@admin.register(Opportunity)
class OpportunityAdmin(ReadOnly):
    ordering = ["-last_seen"]
    list_display = ["pair", "route", "net", "capital", "first_seen", "last_seen", "ended_at"]
    list_filter = ["route", "pair__game__league"]
    list_select_related = ["pair__game"]
