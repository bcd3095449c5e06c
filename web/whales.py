"""Whales: who was found, how good they are, and which of them an account follows."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import OuterRef, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from accounts import factors
from accounts.models import Account
from markets import clock
from trading import following
from web.proofs import factor_for, proof_for
from web.views import account_of, page_of, paged, user_of
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
    """Follow a wallet by its address, or stop copying one; real money asks for a factor first."""
    account = account_of(request, account_id)
    by, now = user_of(request), clock.now()
    try:
        if "wallet" not in request.POST:
            whale_id = _id(request, "stop")
            follows.unfollow(account=account, whale_id=whale_id, by=by.username, now=now)
            return redirect("whales", account.pk)
        wallet = follows.read_wallet(request.POST["wallet"])
        digest = following.new_digest(account, wallet)
        proof = proof_for(request, account, digest=digest, now=now)
        following.begin(account=account, wallet=wallet, by=by, now=now, proof=proof)
        messages.success(request, "Followed. Its next trade is decided on.")
    except factors.NotProved as why:
        return _ask(request, account, wallet, str(why))
    except (CannotFollow, following.CannotLoosen) as problem:
        messages.error(request, str(problem))
    return redirect("whales", account.pk)


def _ask(request: HttpRequest, account: Account, wallet: str, why: str) -> HttpResponse:
    """Show which wallet would be copied with real money, and ask for a factor."""
    tried = any(request.POST.get(name) for name in ("code", "passkey"))
    context = page_of(request, account.pk, title="Follow")
    context |= {
        "wallet": wallet,
        "whale": Whale.objects.filter(address=wallet).first(),
        "problem": why if tried else "",
        "factor": factor_for(request, account, digest=following.new_digest(account, wallet)),
    }
    return render(request, "web/follow_new.html", context)


def _id(request: HttpRequest, name: str) -> int:
    given = request.POST.get(name, "")
    if not given.isdecimal() or len(given) > 18:
        raise CannotFollow("There is no such wallet.")
    return int(given)
