"""Decisions, orders and books: to read, and to act on through the services."""

from collections.abc import Callable
from typing import Any, cast
from urllib.parse import urlencode

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from unfold.admin import ModelAdmin

from accounts.admin import Exportable, ReadOnly
from accounts.models import Account, User
from markets import clock
from risk.domain.presets import PRESETS
from trading import (
    admin_keys,  # noqa: F401  # registers itself
    admin_pairs,  # noqa: F401  # registers itself
    approvals,
    orders,
)
from trading.domain.answers import Outcome
from trading.domain.order_state import OrderState
from trading.models import (
    Approval,
    Decision,
    Entry,
    EquityPoint,
    Fill,
    MarketSettlement,
    Order,
    OrderEvent,
    Position,
    Posting,
    Transfer,
)
from trading.opening import open_account


@admin.register(Account)
class AccountAdmin(ModelAdmin):
    list_display = ["name", "owner", "mode", "rehearsal", "preset", "starting_balance"]
    list_filter = ["mode", "rehearsal", "preset"]
    search_fields = ["name", "owner__username"]
    fields = ["owner", "name", "mode", "rehearsal", "preset", "starting_balance"]

    def get_form(self, request: HttpRequest, obj: Any = None, **options: Any) -> Any:
        form = super().get_form(request, obj, **options)
        if "preset" in form.base_fields:
            choices = [(name, name) for name in PRESETS]
            form.base_fields["preset"] = forms.ChoiceField(choices=choices)
        return form

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        if obj is None:
            return []
        # The mode is changed on the account's own page, which asks for a factor.
        kept = ["owner", "preset", "starting_balance", "mode"]
        return kept if obj.is_paper else [*kept, "rehearsal"]

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Account, form: Any, change: bool) -> None:
        """Open a new account with its limits and its first entry; later only edit the row."""
        if change:
            super().save_model(request, obj, form, change)
            return
        opened = open_account(
            owner=obj.owner,
            name=obj.name,
            mode=obj.mode,
            rehearsal=obj.rehearsal,
            preset=obj.preset,
            starting_balance=obj.starting_balance,
            now=clock.now(),
        )
        obj.pk = opened.pk


@admin.register(Decision)
class DecisionAdmin(Exportable):
    ordering = ["-at"]
    list_display = ["at", "account", "side", "outcome", "reason", "size", "confidence", "assumed"]
    list_filter = ["reason", "accepted", "side", "account"]
    list_select_related = ["account", "outcome__market"]


def _decline(order: Order, by: User) -> Outcome:
    return approvals.decline(order_id=order.pk, by=by, now=clock.now())


@admin.register(Order)
class OrderAdmin(Exportable):
    ordering = ["-created_at"]
    list_display = ["created_at", "account", "side", "outcome", "state", "shares", "filled_shares"]
    list_filter = ["state", "side", "account"]
    list_select_related = ["account", "outcome__market"]
    actions = ["approve", "decline", "cancel", "settle"]

    @admin.action(description="Approve these orders…")
    def approve(self, request: HttpRequest, chosen: QuerySet[Order]) -> HttpResponse:
        """Lead to the page that shows them with their sum, and asks for a factor."""
        named = urlencode([("order", order.pk) for order in chosen])
        return redirect(f"{reverse('approvals-several')}?{named}")

    @admin.action(description="Decline these orders")
    def decline(self, request: HttpRequest, chosen: QuerySet[Order]) -> None:
        self._answer(request, chosen, _decline, "Declined")

    @admin.action(description="Cancel what still rests", permissions=["stop"])
    def cancel(self, request: HttpRequest, chosen: QuerySet[Order]) -> None:
        for order in chosen:
            orders.cancel(order_id=order.pk, by=request.user.get_username(), now=clock.now())
        self.message_user(request, f"Asked to cancel {chosen.count()}; fills that came first stay.")

    @admin.action(description="MANUAL: look and decide…")
    def settle(self, request: HttpRequest, chosen: QuerySet[Order]) -> HttpResponse | None:
        """Lead to the page that takes a note and a factor; only its owner settles an order."""
        order = chosen.filter(state=OrderState.MANUAL).first()
        if order is None or chosen.count() != 1:
            self.message_user(request, "Choose one order that is MANUAL.")
            return None
        return redirect("manual-decide", order.pk)

    def _answer(
        self,
        request: HttpRequest,
        chosen: QuerySet[Order],
        act: Callable[[Order, User], Outcome],
        word: str,
    ) -> None:
        user = cast(User, request.user)
        outcomes = [act(order, user) for order in chosen]
        refused = [each.sentence for each in outcomes if not each.counted]
        done, total = len(outcomes) - len(refused), len(outcomes)
        rest = f"; {refused[0]}" if refused else "."
        level = messages.WARNING if refused else messages.SUCCESS
        self.message_user(request, f"{word} {done} of {total}{rest}", level)


@admin.register(Position)
class PositionAdmin(Exportable):
    ordering = ["-opened_at"]
    list_display = ["account", "outcome", "shares", "cost", "realised", "opened_at", "closed_at"]
    list_filter = ["account", ("closed_at", admin.EmptyFieldListFilter)]
    list_select_related = ["account", "outcome__market"]
    actions = ["close"]

    @admin.action(description="Close this position…")
    def close(self, request: HttpRequest, chosen: QuerySet[Position]) -> HttpResponse | None:
        """Lead its owner to the page that says what closing sells, and asks for a factor."""
        position = chosen.select_related("account").first()
        if position is None or chosen.count() != 1:
            self.message_user(request, "Choose one position: each is sold at a price of its own.")
            return None
        if position.account.owner_id != request.user.pk:
            self.message_user(request, "Its owner closes it.", messages.WARNING)
            return None
        return redirect("close", position.account_id, position.pk)


@admin.register(OrderEvent)
class OrderEventAdmin(ReadOnly):
    ordering = ["-id"]
    list_display = ["order", "sequence", "old", "new", "sentence", "by", "at"]


@admin.register(Approval)
class ApprovalAdmin(ReadOnly):
    list_display = ["order", "answer", "by", "at", "note"]


@admin.register(Fill)
class FillAdmin(Exportable):
    ordering = ["-at"]
    list_display = ["at", "account", "order", "shares", "price", "fee", "settlement"]
    list_filter = ["account", "settlement"]
    list_select_related = ["account", "order"]


@admin.register(Entry)
class EntryAdmin(Exportable):
    ordering = ["-at"]
    list_display = ["at", "account", "kind", "source"]
    list_filter = ["kind", "account"]
    list_select_related = ["account"]


@admin.register(Posting)
class PostingAdmin(Exportable):
    list_display = ["entry", "book", "amount"]
    list_filter = ["book"]
    list_select_related = ["entry"]


@admin.register(EquityPoint)
class EquityPointAdmin(ReadOnly):
    ordering = ["-at"]
    list_display = ["account", "at", "equity", "cash", "high_water"]
    list_filter = ["account"]
    list_select_related = ["account"]


@admin.register(Transfer)
class TransferAdmin(Exportable):
    list_display = ["at", "account", "amount", "source", "destination", "state", "by"]
    list_filter = ["state"]
    search_fields = ["account__name", "id"]


@admin.register(MarketSettlement)
class MarketSettlementAdmin(Exportable):
    list_display = ["settled_at", "account", "ticker", "result", "profit", "booked_at"]
    list_filter = ["venue", "result"]
    search_fields = ["account__name", "ticker"]
