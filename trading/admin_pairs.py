"""Pair trades in the admin: to read, and for what only a person can settle."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from accounts.admin import ReadOnly
from trading.domain.pair_state import PairState
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

    @admin.action(description="MANUAL: look and decide…")
    def take_over(self, request: HttpRequest, queryset: QuerySet[PairTrade]) -> HttpResponse | None:
        """Lead to the trade's page; only its owner takes it over."""
        trade = queryset.filter(state=PairState.MANUAL.value).first()
        if trade is None or queryset.count() != 1:
            self.message_user(request, "Choose one pair trade that is MANUAL.")
            return None
        return redirect("pair-trade", trade.account_id, trade.pk)


@admin.register(PairEvent)
class PairEventAdmin(ReadOnly):
    ordering = ["-pk"]
    list_display = ["trade", "old", "new", "sentence", "by", "at"]
    list_select_related = ["trade__game"]


@admin.register(Lease)
class LeaseAdmin(ReadOnly):
    list_display = ["name", "holder", "until", "seen_at"]
