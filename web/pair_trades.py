"""What became of pair trades: both legs on one clock, and a person's word on them."""

from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from accounts import factors
from accounts.models import Account
from markets import clock
from trading import manual, pair_approvals, pair_settlement, pair_views
from trading.consent import Yes
from trading.domain.pair_state import OPEN, PairState
from trading.models import PairTrade
from venues.words import duration
from web.notes import note_of
from web.proofs import factor_for, proof_for
from web.views import page_about, page_of, paged, user_of

TAKEN_OVER = "Taken over. What is open is an ordinary position now."
# Where a person is asked, and what names that which he is shown.
ASKS = {
    PairState.AWAITING_APPROVAL.value: pair_approvals.digest_of,
    PairState.MANUAL.value: manual.pair_digest,
}
PARTS = {
    "size": "fewer or more shares than planned",
    "slippage": "other prices than planned",
    "fees": "other fees than planned",
    "unwind": "bought and sold again",
    "branch": "the game paid something else than a dollar",
}


@login_required
@require_GET
def trades(request: HttpRequest, account_id: UUID) -> HttpResponse:
    context = page_of(request, account_id, title="Pair trades")
    rows = (
        PairTrade.objects.filter(account=context["account"])
        .select_related("game", "first__market", "second__market")
        .order_by("-created_at", "pk")
    )
    state = request.GET.get("state", "")
    if state in set(PairState):
        rows = rows.filter(state=state)
    context |= {"page": paged(request, rows), "state": state, "states": list(PairState)}
    return render(request, "web/pair_trades.html", context)


@login_required
@require_GET
def trade(request: HttpRequest, account_id: UUID, trade_id: UUID) -> HttpResponse:
    """Show both legs of a trade on one clock, and what it came to."""
    context = page_about(request, _account(request, account_id), title="Pair trade")
    row = _trade(context["account"], trade_id)
    now = clock.database_now()
    one, other = (pair_settlement.traded(row, first=first) for first in (True, False))
    context |= {
        "trade": row,
        "live": row.state in OPEN,
        "events": row.events.order_by("pk"),
        "orders": row.orders.select_related("outcome__market").order_by("created_at", "pk"),
        "one": one,
        "other": other,
        "naked": abs(one.held - other.held),
        "at_risk": (one.held - other.held) * one.average
        if one.held > other.held
        else (other.held - one.held) * other.average,
        "most": sum((order.worst_cost for order in row.orders.all()), Decimal(0)),
        "open_for": None
        if row.unhedged_at is None
        else duration(max(now - row.unhedged_at, timedelta(0))),
        "bounds": pair_views.bounds_of(row),
        "difference": None if row.realised is None else row.realised - row.expected,
        "parts": [
            (PARTS[name], Decimal(value))
            for name, value in row.explained.items()
            if name in PARTS and Decimal(value)
        ],
        "leg_risk": row.figures["leg_risk"],
    }
    if row.state in ASKS:
        digest = ASKS[row.state](row)
        context |= {
            "digest": digest,
            "factor": factor_for(request, context["account"], digest=digest),
        }
    return render(request, "web/pair_trade.html", context)


@login_required
@require_POST
def answer(request: HttpRequest, account_id: UUID, trade_id: UUID) -> HttpResponse:
    """Approve or decline a waiting trade, or take over one that evidence could not settle."""
    account, user = _account(request, account_id), user_of(request)
    row, now = _trade(account, trade_id), clock.database_now()
    note = note_of(request)
    if "approve" in request.POST:
        said = _approve(request, row, note=note, now=now)
    elif "decline" in request.POST:
        said = pair_approvals.decline(trade_id=row.pk, by=user, note=note, now=now).sentence
    else:
        said = _take_over(request, row, note=note, now=now) or TAKEN_OVER
    messages.info(request, said)
    return redirect("pair-trade", account.pk, row.pk)


def _take_over(request: HttpRequest, trade: PairTrade, *, note: str, now: datetime) -> str:
    """Take over a trade in doubt; returns why not."""
    user, proof = user_of(request), None
    if note and trade.account.owner_id == user.pk:
        try:
            shown = request.POST.get("shown", "")
            proof = proof_for(request, trade.account, digest=shown, now=now)
        except factors.NotProved as why:
            return str(why)
    return manual.take_over(trade_id=trade.pk, by=user, note=note, now=now, proof=proof)


def _approve(request: HttpRequest, trade: PairTrade, *, note: str, now: datetime) -> str:
    shown, user, proof = request.POST.get("shown", ""), user_of(request), None
    if trade.state == PairState.AWAITING_APPROVAL:
        try:
            proof = proof_for(request, trade.account, digest=shown, now=now)
        except factors.NotProved as why:
            return str(why)
    yes = Yes(by=user, digest=shown, note=note, proof=proof)
    return pair_approvals.approve(trade_id=trade.pk, yes=yes, now=now).sentence


def _account(request: HttpRequest, account_id: UUID) -> Account:
    """Return an account whose trades this person may answer: approvers see what they decide."""
    return get_object_or_404(Account.objects.answerable_by(user_of(request)), pk=account_id)


def _trade(account: Account, trade_id: UUID) -> PairTrade:
    return get_object_or_404(
        PairTrade.objects.select_related(
            "game", "pair", "first__market", "second__market", "opportunity"
        ),
        pk=trade_id,
        account=account,
    )
