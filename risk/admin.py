"""Limits, breakers and kill switches; every act calls the service that the commands call."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from accounts.admin import ReadOnly
from markets import clock
from risk.models import (
    BreakerTrip,
    KillSwitch,
    PairProfile,
    Purse,
    Reservation,
    RiskProfile,
    RiskState,
)
from risk.services import stop


@admin.register(RiskProfile)
class RiskProfileAdmin(ReadOnly):
    """Limits are changed on the account's own page, which asks a factor to raise them."""

    list_display = ["account", "kelly_fraction", "max_position_size", "daily_loss_limit"]


@admin.register(PairProfile)
class PairProfileAdmin(ReadOnly):
    list_display = ["account", "leagues", "accept_standard", "max_unhedged", "max_worst_loss"]


@admin.register(RiskState)
class RiskStateAdmin(ReadOnly):
    list_display = ["account", "cash", "reserved", "committed", "realised", "equity"]
    list_select_related = ["account"]
    actions = ["stop_buying", "stop_everything"]

    @admin.action(description="Stop buying for these accounts", permissions=["stop"])
    def stop_buying(self, request: HttpRequest, chosen: QuerySet[RiskState]) -> None:
        self._stop(request, chosen, KillSwitch.Level.ENTRIES)

    @admin.action(description="Stop everything for these accounts", permissions=["stop"])
    def stop_everything(self, request: HttpRequest, chosen: QuerySet[RiskState]) -> None:
        self._stop(request, chosen, KillSwitch.Level.ALL)

    def _stop(self, request: HttpRequest, chosen: QuerySet[RiskState], level: str) -> None:
        for row in chosen:
            stop(
                scope=KillSwitch.Scope.ACCOUNT,
                key=str(row.pk),
                level=level,
                by=request.user.get_username(),
                why="admin",
                now=clock.now(),
            )
        self.message_user(request, f"Stopped {chosen.count()}.")


@admin.register(Reservation)
class ReservationAdmin(ReadOnly):
    ordering = ["-at"]
    list_display = ["account", "outcome", "entry", "amount", "shares", "state", "at"]
    list_filter = ["state", "entry"]
    list_select_related = ["account", "outcome__market"]


@admin.register(BreakerTrip)
class BreakerTripAdmin(ReadOnly):
    ordering = ["-at"]
    list_display = ["account", "kind", "measured", "limit", "at", "reset_at", "reset_by"]
    list_filter = ["kind", "account"]
    list_select_related = ["account"]
    actions = ["reset"]

    @admin.action(description="Reset this breaker…")
    def reset(self, request: HttpRequest, chosen: QuerySet[BreakerTrip]) -> HttpResponse | None:
        """Lead to the page that says what a reset allows, and asks why."""
        trip = chosen.first()
        if trip is None or chosen.count() != 1:
            self.message_user(request, "Choose one breaker: each reset has a reason of its own.")
            return None
        return redirect("reset", trip.account_id, trip.kind.lower())


@admin.register(KillSwitch)
class KillSwitchAdmin(ReadOnly):
    list_display = ["scope", "key", "level", "by", "at", "why"]
    fields = ["scope", "key", "level", "why"]
    actions = ["lift"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return True  # stopping is always one step

    def save_model(self, request: HttpRequest, obj: KillSwitch, form: Any, change: bool) -> None:
        obj.pk = stop(
            scope=obj.scope,
            key=obj.key,
            level=obj.level,
            by=request.user.get_username(),
            why=obj.why,
            now=clock.now(),
        ).pk

    @admin.action(description="Allow again what this stops…", permissions=["stop"])
    def lift(self, request: HttpRequest, chosen: QuerySet[KillSwitch]) -> HttpResponse | None:
        """Lead to the page that says what starts again; an account's owner lifts his own."""
        switch = chosen.first()
        if switch is None or chosen.count() != 1:
            self.message_user(request, "Choose one stop: each is lifted for itself.")
            return None
        if switch.scope == KillSwitch.Scope.ACCOUNT:
            self.message_user(request, "Its owner lifts it, on the account's Stop page.")
            return None
        return redirect("lift", switch.pk)


@admin.register(Purse)
class PurseAdmin(ReadOnly):
    list_display = ["account", "venue", "shard", "cash", "told", "told_at"]
    list_filter = ["venue"]
    search_fields = ["account__name"]
