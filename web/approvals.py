"""Orders that ask a person: a list, soonest expiry first, and a page for each that decides it."""

from datetime import datetime
from decimal import Decimal, InvalidOperation
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.formats import sanitize_separators
from django.views.decorators.http import require_GET, require_http_methods

from accounts import factors
from accounts.models import Account
from markets import clock
from trading import approvals, asks
from trading.consent import Yes
from trading.domain.answers import Outcome
from trading.domain.order_state import OrderState
from trading.domain.pair_state import Role
from trading.models import Approval, Order
from venues.money import CENT, ZERO
from venues.types import Side
from web.notes import note_of
from web.proofs import factor_for, proof_for
from web.receipts import receipt
from web.views import page_about, user_of

TODAY = 20  # answers shown below what waits
MOST_AT_ONCE = 50
MOST_DOLLARS = Decimal(10**9)
SHOWN_WITH = (
    "account",
    "decision__whale",
    "decision__signal",
    "outcome__market",
    "pair_trade__game",
)
MOST_KEPT = 50  # cards of one list
SHOWN = "shown-"  # and the order: what the page said of it


@login_required
@require_GET
def inbox(request: HttpRequest) -> HttpResponse:
    """List what waits for this person on all his accounts, and what he was asked of late.

    Read again by itself, the list keeps its cards and their places: one that was answered or
    expired turns grey, and what is new waits behind a line.
    """
    waiting = list(
        approvals.waiting_for(user_of(request))
        .select_related(*SHOWN_WITH)
        .order_by("expires_at", "pk")
    )
    kept = [_uuid(each) for each in request.GET.get("kept", "").split(",")[:MOST_KEPT] if each]
    cards = waiting[:MOST_KEPT]
    if kept:
        rows = {order.pk: order for order in _asked(request).filter(pk__in=kept)}
        cards = [rows[pk] for pk in kept if pk in rows]
    shown = {order.pk for order in cards}
    answered = Approval.objects.filter(order__account__in=_mine(request)).exclude(
        order__role__in=[Role.HEDGE, Role.UNWIND, Role.REBUY, Role.UNHEDGE]
    )
    context = {
        "title": "Approvals",
        "waiting": waiting,
        "cards": _prices(cards),
        "kept": ",".join(str(order.pk) for order in cards),
        "fresh": sum(order.pk not in shown for order in waiting),
        "sums": _sums(waiting),
        "rules": Account.objects.filter(owner=user_of(request))
        .filter(Q(mode=Account.Mode.APPROVAL) | Q(rehearsal=True))
        .order_by("name"),
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
    now, digest = clock.now(), approvals.digest_of(order)
    now_costs = asks.price_now(order.outcome, Side(order.side))
    # What the page said when it was opened is what a yes is held to.
    first = _first_seen(request) if "seen" in request.GET else now_costs.price
    waits = order.state == OrderState.AWAITING_APPROVAL and now < order.expires_at
    context = page_about(request, order.account, title="Approve")
    context |= {
        "order": order,
        "waits": waits,
        "price": now_costs,
        "first_seen": first,
        "answer": Approval.objects.select_related("by", "first").filter(order=order).first(),
        "digest": digest,
        "factor": factor_for(request, order.account, digest=digest) if waits else None,
        "receipt": receipt(order.decision),
        "fee": order.worst_cost - order.limit_price * order.shares,
        "wins": order.shares - order.worst_cost,
        "break_even": order.worst_cost / order.shares,
        "cash_after": context["summary"].cash - context["summary"].reserved - order.worst_cost,
    }
    return render(request, "web/approval.html", context)


@login_required
@require_http_methods(["GET", "POST"])
def several(request: HttpRequest) -> HttpResponse:
    """Show several waiting orders with their sum, and approve them with one factor for the set."""
    chosen = _chosen(request)
    shown = {order.pk: approvals.digest_of(order) for order in chosen}
    if request.method == "POST":
        said = _answer_all(request, chosen, now=clock.now())
        messages.add_message(
            request, messages.SUCCESS if said.counted else messages.WARNING, said.sentence
        )
        return redirect("approvals")
    real = [order for order in chosen if not order.account.is_paper]
    digests = [shown[order.pk] for order in real]
    context = {
        "title": "Approve several",
        "waiting": [
            (order, shown[order.pk], asks.price_now(order.outcome, Side(order.side)))
            for order in chosen
        ],
        "sums": _sums(chosen),
        "factor": factor_for(request, real[0].account, digest=factors.digest_of_set(digests))
        if real
        else None,
        "now": clock.now(),
    }
    return render(request, "web/approvals_several.html", context)


def _prices(orders: list[Order]) -> list[tuple[Order, asks.Now | None]]:
    """Return what each order that waits would pay now; of the rest, and of pairs, nothing."""
    recorded = asks.is_recorded()

    def price(order: Order) -> asks.Now | None:
        waits = order.state == OrderState.AWAITING_APPROVAL and order.pair_trade is None
        side = Side(order.side)
        return asks.price_now(order.outcome, side, recorded=recorded) if waits else None

    return [(order, price(order)) for order in orders]


def _chosen(request: HttpRequest) -> list[Order]:
    """Return the orders named by the query or the form that wait for this person; pairs apart."""
    named = (request.POST if request.method == "POST" else request.GET).getlist("order")
    ids = [_uuid(each) for each in named[:MOST_AT_ONCE]]
    found = _asked(request).filter(
        pk__in=ids, state=OrderState.AWAITING_APPROVAL, pair_trade__isnull=True
    )
    return list(found.order_by("expires_at", "pk"))


def _seen(request: HttpRequest, order: Order) -> Decimal | None:
    """Return the price of an order that was on the page; a number that is none is no price."""
    try:
        return _amount(request.POST.get(f"seen-{order.pk}", ""))
    except NoAmount:
        return ZERO


def _shown(request: HttpRequest) -> dict[UUID, str]:
    """Return the digests of the page that was posted, by order."""
    names = [each for each in request.POST if each.startswith(SHOWN)][:MOST_AT_ONCE]
    return {_uuid(name.removeprefix(SHOWN)): request.POST[name] for name in names}


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Http404("no order has such an id") from None


def _answer_all(request: HttpRequest, chosen: list[Order], *, now: datetime) -> Outcome:
    """Approve each as it was shown; what happened is counted, and the rest keeps its reason."""
    shown = _shown(request)
    listed = _asked(request).filter(pk__in=shown)
    # The factor was given for all of the real money on the page, ticked or not.
    real = [shown[order.pk] for order in listed if not order.account.is_paper]
    by, proof = user_of(request), None
    if real:
        try:
            proof = factors.prove(by, digests=real, given=request.POST, now=now)
        except factors.NotProved as why:
            return Outcome(counted=False, sentence=str(why))
    done, rest = 0, []
    for order in chosen:
        yes = Yes(
            by=by,
            digest=shown.get(order.pk, ""),
            note="with others",
            seen=_seen(request, order),
            proof=proof,
        )
        # Each takes its time at the venue: the next one is judged by the clock of then.
        said = approvals.approve_and_send(order_id=order.pk, yes=yes, now=clock.now())
        done += said.counted
        if not said.counted:
            rest.append(f"{order.outcome.name}: {said.sentence}")
    asked = len(request.POST.getlist("order"))
    gone = asked - len(chosen)
    rest += [f"{gone} were no longer waiting."] if gone else []
    return Outcome(counted=done > 0, sentence=" ".join([f"Approved {done} of {asked}.", *rest]))


def _sums(orders: list[Order]) -> list[tuple[str, Decimal]]:
    """Add up what they can cost; paper and real money apart."""
    kinds: dict[str, list[Decimal]] = {"paper": [], "real": []}
    for order in orders:
        kinds["paper" if order.account.is_paper else "real"].append(order.worst_cost)
    return [(kind, sum(costs, Decimal(0))) for kind, costs in kinds.items() if costs]


def _mine(request: HttpRequest) -> QuerySet[Account]:
    return Account.objects.answerable_by(user_of(request))


def _asked(request: HttpRequest) -> QuerySet[Order]:
    """Return orders of accounts that this person may answer for."""
    return Order.objects.filter(account__in=_mine(request)).select_related(*SHOWN_WITH)


def _answer(request: HttpRequest, order: Order, *, now: datetime) -> Outcome:
    by, note = user_of(request), note_of(request, most=400)
    if "decline" in request.POST:
        return approvals.decline(order_id=order.pk, by=by, now=now, note=note)
    if "approve" not in request.POST:
        return Outcome(counted=False, sentence="Approve or decline: nothing was chosen.")
    try:
        most, seen = _amount(request.POST.get("most", "")), _amount(request.POST.get("seen", ""))
        yes = Yes(
            by=by,
            digest=request.POST.get("shown", ""),
            note=note,
            seen=seen,
            proof=_proof(request, order, now=now),
        )
    except (NoAmount, factors.NotProved) as why:
        return Outcome(counted=False, sentence=str(why))
    return approvals.approve_and_send(
        order_id=order.pk, yes=yes, now=now, most=None if most is None else most.quantize(CENT)
    )


def _first_seen(request: HttpRequest) -> Decimal | None:
    try:
        return _amount(request.GET.get("seen", ""))
    except NoAmount:
        return None


class NoAmount(Exception):
    """What was written is no number."""


def _amount(text: str) -> Decimal | None:
    written = text.strip().lstrip("$")
    try:
        found = Decimal(str(sanitize_separators(written))) if written else None
    except InvalidOperation:
        raise NoAmount(f"{written[:20]!r} is no amount of dollars.") from None
    if found is not None and not (found.is_finite() and abs(found) < MOST_DOLLARS):
        raise NoAmount(f"{written[:20]!r} is no amount of dollars.")
    return found


def _proof(request: HttpRequest, order: Order, *, now: datetime) -> factors.Proof | None:
    """Return the factor that came with a form. Raises NotProved.

    An order that was answered already needs none: its page says by whom.
    """
    if order.state != OrderState.AWAITING_APPROVAL:
        return None
    return proof_for(request, order.account, digest=request.POST.get("shown", ""), now=now)
