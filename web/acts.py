"""Acts that cost money or add risk: each is a page that says what will happen, then one POST."""

from decimal import Decimal, InvalidOperation
from uuid import UUID, uuid4

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods

from accounts import factors
from accounts.models import Account
from markets import clock
from risk.domain.breakers import BreakerKind
from risk.services import NothingToReset, reset_breaker, reset_digest
from trading import closing, sending
from trading.consent import Yes
from trading.models import Order, Position
from web import queries
from web.notes import note_of
from web.proofs import factor_for, proof_for, unproved
from web.views import account_of, page_about, page_of, user_of

LONGEST = 400  # characters of a reason


@login_required
@require_http_methods(["GET", "POST"])
def close(request: HttpRequest, account_id: UUID, position_id: UUID) -> HttpResponse:
    """Sell a position by hand, at a price or better. The form's key makes a second tap the same."""
    account = account_of(request, account_id)
    position = get_object_or_404(
        Position.objects.select_related("outcome__market", "account"),
        pk=position_id,
        account=account,
    )
    least = request.POST.get("least", request.GET.get("least", "")).strip()
    problem, offer, factor = "", None, None
    try:
        price = _cents(least)
        if request.method == "POST":
            return _closed(request, position, price)
    except (closing.CannotClose, factors.NotProved) as why:
        problem = str(why)
    try:
        offer = closing.offer_of(position, exit_price=_cents(least))
        factor = factor_for(request, account, digest=closing.digest_of(position, *offer))
    except closing.CannotClose as why:
        problem = problem or str(why)
    context = page_of(request, account_id, title="Close a position")
    context |= {
        "position": position,
        "held": queries.held(position, now=context["now"]),
        "offer": offer,
        "limit_cents": offer[1] * 100 if offer else None,
        "digest": closing.digest_of(position, *offer) if offer else "",
        "factor": factor,
        "problem": problem,
        "least": least,
        "key": uuid4(),
    }
    wrong = problem and (least or request.method == "POST")
    return render(request, "web/close.html", context, status=422 if wrong else 200)


def _closed(request: HttpRequest, position: Position, price: Decimal | None) -> HttpResponse:
    """Sell what the page showed. Raises CannotClose, NotProved."""
    now, user = clock.now(), user_of(request)
    key, shown = f"page:{request.POST.get('key', '')[:64]}", request.POST.get("shown", "")
    made = closing.order_of(position, key)
    if not Order.objects.filter(pk=made).exists():  # a second tap sees what came of the first
        # Before the factor is spent: what moved meanwhile costs nobody his code.
        closing.check_offer(position, shown, exit_price=price)
        proof = proof_for(request, position.account, digest=shown, now=now)
        yes = Yes(by=user, digest=shown, proof=proof)
        closing.close_position(position_id=position.pk, yes=yes, key=key, now=now, exit_price=price)
        sending.submit(order_ids=[made], now=now)
    return redirect("order", position.account_id, made)


def _cents(text: str) -> Decimal | None:
    """Read a price in cents; raises CannotClose."""
    if not text:
        return None
    try:
        return Decimal(text.rstrip("¢").replace(",", ".")) / 100
    except InvalidOperation:
        raise closing.CannotClose(f"{text[:20]!r} is no price in cents.") from None


@login_required
@require_http_methods(["GET", "POST"])
def reset(request: HttpRequest, account_id: UUID, kind: str) -> HttpResponse:
    """Reset an open breaker, with a reason that is kept."""
    account = get_object_or_404(Account.objects.answerable_by(user_of(request)), pk=account_id)
    context = page_about(request, account, title="Reset a breaker")
    if kind.upper() not in set(BreakerKind):
        raise Http404(kind)
    found = BreakerKind(kind.upper())
    why = note_of(request, name="why", most=LONGEST)
    trips = [
        trip for trip in queries.open_trips(account, now=context["now"]) if trip.kind == found.value
    ]
    digest = reset_digest(account.pk, found, trips)
    shown = request.POST.get("shown", "")
    problem = unproved(request, account, shown) if request.method == "POST" and why else ""
    if request.method == "POST" and why and not problem:
        try:
            reset_breaker(
                account_id=account.pk,
                kind=found,
                by=request.user.get_username(),
                why=why,
                now=clock.now(),
                shown=shown,
            )
            messages.success(request, f"The {kind} breaker is reset. Buying goes on.")
        except NothingToReset as nothing:
            messages.info(request, str(nothing))
        return redirect("breakers", account.pk)
    context |= {
        "kind": kind,
        "trips": trips,
        "problem": problem or ("Say why: it is kept with the reset." if request.POST else ""),
        "why": why,
        "digest": digest,
        "factor": factor_for(request, account, digest=digest),
    }
    return render(request, "web/reset.html", context)
