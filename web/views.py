"""The pages. A foreign account is a 404, like one that does not exist."""

from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import Count, Sum
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET

from accounts.models import Account, User
from markets import clock
from risk.domain.reasons import Reason
from risk.models import BreakerTrip
from trading import equity
from trading.models import Decision, Entry, Order, Position
from trading.redemption import money_waiting
from trading.summary import summary
from venues.words import dollars
from web import queries
from web.receipts import receipt
from web.words import WORDS
from whales.models import Follow

PAGE = 50
TOPICS = {"band", "money", "positions", "decisions", "breakers"}


@login_required
@require_GET
def home(request: HttpRequest) -> HttpResponse:
    newest = queries.newest_account(request.user.pk)
    return redirect("dashboard", newest.pk) if newest else redirect("start")


@login_required
@require_GET
def dashboard(request: HttpRequest, account_id: UUID) -> HttpResponse:
    """Show the whole page, or the one fragment that htmx asks for by its target."""
    context = page_of(request, account_id, title="Dashboard")
    account, now, found = context["account"], context["now"], context["summary"]
    span = request.GET.get("range", "all")
    context |= {
        "money": queries.money_strip(found),
        "waiting": money_waiting(account),
        "span": span,
        "line": equity.equity_line(account, span=span, now=now),
        "bars": queries.breaker_bars(found),
        "positions": queries.open_positions(account, now=now)[:12],
        "decisions": queries.last_decisions(account)[:8],
        "whales": Follow.objects.filter(account=account, paused=False).count(),
    }
    topic = request.headers.get("HX-Target", "")
    whole = not request.headers.get("HX-Request") or topic not in TOPICS
    template = "web/dashboard.html" if whole else f"web/fragments/{topic}.html"
    response = render(request, template, context)
    response.headers["Vary"] = "HX-Request, HX-Target, Cookie"
    return response


@login_required
@require_GET
def equity_points(request: HttpRequest, account_id: UUID) -> JsonResponse:
    account = account_of(request, account_id)
    line = equity.equity_line(account, span=request.GET.get("range", "all"), now=clock.now())
    return JsonResponse(
        {
            "at": [point[0].timestamp() for point in line.points],
            "equity": [float(point[1]) for point in line.points],
            "high_water": [float(point[2]) for point in line.points],
        }
    )


@login_required
@require_GET
def decisions(request: HttpRequest, account_id: UUID) -> HttpResponse:
    context = page_of(request, account_id, title="Decisions")
    found = queries.last_decisions(context["account"])
    reason, whale = queries.asked(request, "reason"), queries.asked(request, "whale").lower()
    if reason in set(Reason):
        found = found.filter(reason=reason)
    if whale:
        found = found.filter(whale__address=whale)
    reasons = (
        Decision.objects.filter(account=context["account"])
        .values_list("reason")
        .annotate(n=Count("pk"))
        .order_by("-n")
    )
    context |= {"page": paged(request, found), "reason": reason, "reasons": reasons}
    return render(request, "web/decisions.html", context)


@login_required
@require_GET
def decision(request: HttpRequest, account_id: UUID, decision_id: UUID) -> HttpResponse:
    context = page_of(request, account_id, title="Decision")
    found = _decision(context["account"], decision_id)
    order = Order.objects.filter(decision=found).first()
    context |= {
        "decision": found,
        "receipt": receipt(found),
        "order": order,
        "grade": _grade(found, order),
    }
    return render(request, "web/decision.html", context)


@login_required
@require_GET
def decision_json(request: HttpRequest, account_id: UUID, decision_id: UUID) -> JsonResponse:
    found = _decision(account_of(request, account_id), decision_id)
    return JsonResponse(
        {
            "id": str(found.pk),
            "at": found.at.isoformat(),
            "reason": found.reason,
            "sentence": found.sentence,
            "arithmetic": found.arithmetic,
            "size": str(found.size),
            "confidence": found.confidence,
            "inputs": found.inputs,
            "factors": found.factors,
            "assumed": found.assumed,
        }
    )


@login_required
@require_GET
def positions(request: HttpRequest, account_id: UUID) -> HttpResponse:
    context = page_of(request, account_id, title="Positions")
    account, now = context["account"], context["now"]
    closed = (
        Position.objects.filter(account=account, closed_at__isnull=False)
        .select_related("outcome__market")
        .order_by("-closed_at", "pk")
    )
    held = queries.open_positions(account, now=now)
    context |= {
        "held": held,
        "money": queries.money_strip(context["summary"]),
        "page": paged(request, closed),
        "closed_total": closed.aggregate(total=Sum("realised"))["total"] or 0,
    }
    return render(request, "web/positions.html", context)


@login_required
@require_GET
def ledger(request: HttpRequest, account_id: UUID) -> HttpResponse:
    context = page_of(request, account_id, title="Ledger")
    found = (
        Entry.objects.filter(account=context["account"])
        .select_related("position__outcome__market", "fill__order")
        .prefetch_related("postings")
        .order_by("-at", "pk")
    )
    context |= {"page": paged(request, found)}
    return render(request, "web/ledger.html", context)


@login_required
@require_GET
def breakers(request: HttpRequest, account_id: UUID) -> HttpResponse:
    context = page_of(request, account_id, title="Breakers")
    trips = BreakerTrip.objects.filter(account=context["account"]).order_by("-at")
    context |= {
        "bars": queries.breaker_bars(context["summary"]),
        "open": queries.open_trips(context["account"], now=context["now"]),
        "page": paged(request, trips),
    }
    return render(request, "web/breakers.html", context)


@require_GET
def explain(request: HttpRequest, word: str) -> HttpResponse:
    if word not in WORDS:
        raise Http404(word)
    return render(
        request, "web/explain.html", {"title": WORDS[word][0], "word": WORDS[word], "words": WORDS}
    )


def account_of(request: HttpRequest, account_id: UUID) -> Account:
    return get_object_or_404(Account, pk=account_id, owner_id=request.user.pk)


def _decision(account: Account, decision_id: UUID) -> Decision:
    return get_object_or_404(
        Decision.objects.select_related("whale", "outcome__market", "signal"),
        pk=decision_id,
        account=account,
    )


def page_of(request: HttpRequest, account_id: UUID, *, title: str) -> dict[str, Any]:
    """Return what every account page opens with: the account, its mode and its feed."""
    return page_about(request, account_of(request, account_id), title=title)


def user_of(request: HttpRequest) -> User:
    """Return who reads this page; views behind `login_required` have somebody."""
    assert isinstance(request.user, User)
    return request.user


def page_about(request: HttpRequest, account: Account, *, title: str) -> dict[str, Any]:
    """Return the same for an account that is known, whoever owns it."""
    now = clock.now()
    return {
        "title": title,
        "account": account,
        "is_mine": account.owner_id == request.user.pk,
        "accounts": queries.accounts_of(request.user.pk),
        "now": now,
        "feed": queries.feed_line(wall=clock.database_now()),
        "summary": summary(account=account, now=now),
    }


def paged(request: HttpRequest, found: Any) -> Any:
    return Paginator(found, PAGE).get_page(request.GET.get("page"))


def _grade(decision: Decision, order: Order | None) -> str:
    """Say what came of a copy: the result of its position once that is closed."""
    if order is None or not order.filled_shares:
        return ""
    position = (
        Position.objects.filter(
            account_id=decision.account_id,
            outcome_id=decision.outcome_id,
            closed_at__gte=decision.at,
            opened_at__lte=order.expires_at,
        )
        .order_by("closed_at")
        .first()
    )
    if position is None:
        return "Not graded yet: the position is open."
    result = dollars(position.realised, signed=True)
    return f"The position it belongs to closed with {result} on {position.closed_at:%-d %b %Y}."
