"""Orders of an account: the list, and one with its timeline. Both show states as they change."""

from datetime import datetime
from urllib.parse import urlencode
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from trading.domain.order_state import HOLDING, OrderState
from trading.models import Order
from web import queries
from web.views import page_of, paged


@login_required
@require_GET
def orders(request: HttpRequest, account_id: UUID) -> HttpResponse:
    context = page_of(request, account_id, title="Orders")
    found = (
        Order.objects.filter(account=context["account"])
        .select_related("outcome__market", "whale")
        .order_by("-created_at", "pk")
    )
    state, until = queries.asked(request, "state"), _moment(request.GET.get("until", ""))
    if until is not None:
        found = found.filter(created_at__lte=until)
    states = found.order_by().values_list("state").annotate(n=Count("pk")).order_by("-n")
    context |= {
        "page": paged(request, found.filter(state=state) if state else found),
        "state": state,
        "states": states,
    }
    shown = context["page"].object_list
    if shown:  # fetched again with the same rows, so that none moves
        newest = until or shown[0].created_at
        context["still"] = "?" + urlencode(
            {"state": state, "page": context["page"].number, "until": newest.isoformat()}
        )
    return render(request, "web/orders.html", context)


@login_required
@require_GET
def order(request: HttpRequest, account_id: UUID, order_id: UUID) -> HttpResponse:
    context = page_of(request, account_id, title="Order")
    found = get_object_or_404(
        Order.objects.select_related("outcome__market", "whale", "decision"),
        pk=order_id,
        account=context["account"],
    )
    context |= {
        "order": found,
        "moves": OrderState(found.state) in HOLDING,
        "events": found.events.order_by("sequence"),
        "fills": found.fills.order_by("at", "pk"),
    }
    return render(request, "web/order.html", context)


def _moment(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else None
