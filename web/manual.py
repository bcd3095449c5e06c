"""Orders that only a person can settle: what we say, what they say, and one decision."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from accounts import factors
from markets import clock
from trading import manual
from trading.domain.order_state import OrderState
from trading.models import Order, PairTrade
from web.notes import note_of
from web.proofs import factor_for, proof_for
from web.views import page_about, user_of


@login_required
@require_GET
def queue(request: HttpRequest) -> HttpResponse:
    """List what is in doubt on this person's accounts: orders and pairs."""
    user = user_of(request)
    pairs = PairTrade.objects.filter(account__owner=user, state="MANUAL", settled_at=None)
    context = {
        "title": "In doubt",
        "orders": manual.waiting_for(user),
        "pairs": pairs.select_related("account", "game").order_by("created_at", "pk"),
    }
    return render(request, "web/manual.html", context)


@login_required
@require_http_methods(["GET", "POST"])
def decide(request: HttpRequest, order_id: UUID) -> HttpResponse:
    """Show one order in doubt, and take one decision with a note and a factor."""
    user = user_of(request)
    mine = Order.objects.filter(account__owner=user).select_related("account", "outcome__market")
    order = get_object_or_404(mine, pk=order_id)
    if request.method == "POST":
        _decide(request, order)
        return redirect("manual-decide", order.pk)
    digest = manual.digest_of(order)
    context = page_about(request, order.account, title="In doubt")
    context |= {
        "order": order,
        "waits": order.state == OrderState.MANUAL,
        "answers": [] if order.filled_shares else [("ABSENT", manual.ANSWERS[OrderState.ABSENT])],
        "over": manual.ANSWERS[OrderState.CANCELED],
        "digest": digest,
        "events": order.events.order_by("sequence"),
        "absences": order.absences.order_by("at"),
        "factor": factor_for(request, order.account, digest=digest),
    }
    return render(request, "web/manual_decide.html", context)


def _decide(request: HttpRequest, order: Order) -> None:
    user, now = user_of(request), clock.now()
    shown, said = request.POST.get("shown", ""), request.POST.get("state", "")
    try:
        proof = proof_for(request, order.account, digest=shown, now=now)
        done = manual.settle(
            order_id=order.pk,
            state=OrderState(said) if said in set(OrderState) else OrderState.MANUAL,
            note=note_of(request, most=400),
            shown=shown,
            by=user,
            now=now,
            proof=proof,
        )
    except factors.NotProved as why:
        messages.error(request, str(why))
        return
    messages.add_message(
        request, messages.SUCCESS if done.counted else messages.WARNING, done.sentence
    )
