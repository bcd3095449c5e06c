"""Limits, breakers and kill switches; every act calls the service that the commands call."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from unfold.admin import ModelAdmin

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
from risk.services import start_again, stop


@admin.register(RiskProfile)
class RiskProfileAdmin(ModelAdmin):
    list_display = ["account", "kelly_fraction", "max_position_size", "daily_loss_limit"]
    readonly_fields = ["account"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


@admin.register(PairProfile)
class PairProfileAdmin(ModelAdmin):
    list_display = ["account", "leagues", "accept_standard", "max_unhedged", "max_worst_loss"]
    readonly_fields = ["account"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


@admin.register(RiskState)
class RiskStateAdmin(ReadOnly):
    list_display = ["account", "cash", "reserved", "committed", "realised", "equity"]
    list_select_related = ["account"]
    actions = ["stop_buying", "stop_everything", "allow_trading"]

    @admin.action(description="Stop buying for these accounts")
    def stop_buying(self, request: HttpRequest, chosen: QuerySet[RiskState]) -> None:
        self._stop(request, chosen, KillSwitch.Level.ENTRIES)

    @admin.action(description="Stop everything for these accounts")
    def stop_everything(self, request: HttpRequest, chosen: QuerySet[RiskState]) -> None:
        self._stop(request, chosen, KillSwitch.Level.ALL)

    @admin.action(description="Allow trading again for these accounts")
    def allow_trading(self, request: HttpRequest, chosen: QuerySet[RiskState]) -> None:
        lifted = sum(
            start_again(
                scope=KillSwitch.Scope.ACCOUNT,
                key=str(row.pk),
                by=request.user.get_username(),
                now=clock.now(),
            )
            for row in chosen
        )
        count = chosen.count()
        self.message_user(
            request, f"Lifted {lifted} of {count}; {count - lifted} were not stopped."
        )

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

    @admin.action(description="Allow again what these stopped")
    def lift(self, request: HttpRequest, chosen: QuerySet[KillSwitch]) -> None:
        lifted = sum(
            start_again(
                scope=row.scope, key=row.key, by=request.user.get_username(), now=clock.now()
            )
            for row in list(chosen)
        )
        self.message_user(request, f"Lifted {lifted}.")


@admin.register(Purse)
class PurseAdmin(ReadOnly):
    list_display = ["account", "venue", "shard", "cash", "told", "told_at"]
    list_filter = ["venue"]
    search_fields = ["account__name"]
