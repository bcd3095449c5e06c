"""Whales: who was found, how good they are, and which of them an account follows."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import OuterRef, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from markets import clock
from web.views import account_of, page_of, paged
from whales import follows
from whales.follows import CannotFollow
from whales.models import Follow, Whale, WhaleScore


@login_required
@require_GET
def whales(request: HttpRequest, account_id: UUID) -> HttpResponse:
    """List scored wallets, the best first, with those that the account follows before them."""
    context = page_of(request, account_id, title="Whales")
    account = context["account"]
    latest = WhaleScore.objects.filter(whale=OuterRef("pk")).order_by("-as_of")
    followed = Follow.objects.filter(account=account, whale=OuterRef("pk"))
    found = (
        Whale.objects.filter(own=False)
        .annotate(
            score=Subquery(latest.values("score")[:1]),
            bets=Subquery(latest.values("bets")[:1]),
            roi=Subquery(latest.values("roi")[:1]),
            as_of=Subquery(latest.values("as_of")[:1]),
            follow_id=Subquery(followed.values("pk")[:1]),
            paused=Subquery(followed.values("paused")[:1]),
        )
        .exclude(score=None, paused=None)
        .order_by("paused", "-score", "address")
    )
    context["page"] = paged(request, found)
    return render(request, "web/whales.html", context)


@login_required
@require_POST
def change(request: HttpRequest, account_id: UUID) -> HttpResponse:
    """Follow a wallet by its address, or stop and resume one of the list."""
    account = account_of(request, account_id)
    by, now = request.user.get_username(), clock.now()
    try:
        if "wallet" in request.POST:
            follows.follow(account=account, wallet=request.POST["wallet"], by=by, now=now)
            messages.success(request, "Followed. Its next trade is decided on.")
        elif "stop" in request.POST:
            follows.unfollow(account=account, whale_id=_id(request, "stop"), by=by, now=now)
        else:
            follows.resume(account=account, whale_id=_id(request, "resume"), by=by, now=now)
    except CannotFollow as problem:
        messages.error(request, str(problem))
    return redirect("whales", account.pk)


def _id(request: HttpRequest, name: str) -> int:
    given = request.POST.get(name, "")
    if not given.isdecimal() or len(given) > 18:
        raise CannotFollow("There is no such wallet.")
    return int(given)
