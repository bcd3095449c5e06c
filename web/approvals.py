"""Orders that ask a person: a list, soonest expiry first, and a page for each that decides it."""

from datetime import datetime
from decimal import Decimal, InvalidOperation
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.formats import sanitize_separators
from django.views.decorators.http import require_GET, require_http_methods

from accounts.models import User
from markets import clock
from trading import approvals
from trading.domain.answers import Outcome
from trading.domain.order_state import OrderState
from trading.domain.pair_state import Role
from trading.models import Approval, Order
from venues.money import CENT
from web.receipts import receipt
from web.views import page_of

TODAY = 20  # answers shown below what waits


@login_required
@require_GET
def inbox(request: HttpRequest) -> HttpResponse:
    """List what waits for this person on all his accounts, and what he was asked of late."""
    waiting = list(
        _asked(request)
        .filter(state=OrderState.AWAITING_APPROVAL)
        .exclude(role=Role.HEDGE)  # a pair asks once
        .order_by("expires_at", "pk")
    )
    answered = Approval.objects.filter(order__account__owner_id=request.user.pk).exclude(
        order__role__in=[Role.HEDGE, Role.UNWIND, Role.REBUY, Role.UNHEDGE]
    )
    context = {
        "title": "Approvals",
        "waiting": waiting,
        "sum": sum((each.worst_cost for each in waiting), Decimal(0)),
        "answered": answered.select_related("order__outcome__market", "by").order_by("-at")[:TODAY],
        "now": clock.now(),
    }
    return render(request, "web/approvals.html", context)


@login_required
@require_http_methods(["GET", "POST"])
def review(request: HttpRequest, order_id: UUID) -> HttpResponse:
    """Show one order as it would be sent, and take one answer; afterwards it is the receipt."""
    order = get_object_or_404(_asked(request), pk=order_id)
    if order.pair_trade_id is not None:
        return redirect("pair-trade", order.account_id, order.pair_trade_id)
    if request.method == "POST":
        said = _answer(request, order, now=clock.now())
        messages.add_message(
            request, messages.SUCCESS if said.counted else messages.WARNING, said.sentence
        )
        return redirect("approval", order.pk)
    now = clock.now()
    context = page_of(request, order.account_id, title="Approve")
    context |= {
        "order": order,
        "waits": order.state == OrderState.AWAITING_APPROVAL and now < order.expires_at,
        "answer": Approval.objects.select_related("by").filter(order=order).first(),
        "digest": approvals.digest_of(order),
        "receipt": receipt(order.decision),
        "fee": order.worst_cost - order.limit_price * order.shares,
        "wins": order.shares - order.worst_cost,
        "break_even": order.worst_cost / order.shares,
        "cash_after": context["summary"].cash - context["summary"].reserved - order.worst_cost,
    }
    return render(request, "web/approval.html", context)


def _asked(request: HttpRequest) -> QuerySet[Order]:
    """Return orders of this person's accounts that asked for an answer once."""
    return Order.objects.filter(account__owner_id=request.user.pk).select_related(
        "account", "decision__whale", "decision__signal", "outcome__market", "pair_trade__game"
    )


def _answer(request: HttpRequest, order: Order, *, now: datetime) -> Outcome:
    assert isinstance(request.user, User)
    note = request.POST.get("note", "").strip()[:400]
    if "decline" in request.POST:
        return approvals.decline(order_id=order.pk, by=request.user, now=now, note=note)
    if "approve" not in request.POST:
        return Outcome(counted=False, sentence="Approve or decline: nothing was chosen.")
    written = request.POST.get("most", "").strip().lstrip("$")
    try:
        most = Decimal(str(sanitize_separators(written))).quantize(CENT) if written else None
    except InvalidOperation:
        return Outcome(counted=False, sentence=f"{written[:20]!r} is no amount of dollars.")
    return approvals.approve_and_send(
        order_id=order.pk,
        by=request.user,
        now=now,
        shown=request.POST.get("shown", ""),
        note=note,
        most=most,
    )
