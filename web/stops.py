"""Stop, which is one tap; start again and a riskier mode, which are pages with a factor."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from accounts import factors
from accounts.models import Account
from markets import clock
from risk.models import KillSwitch
from risk.services import stop
from trading import modes, stopping
from web.notes import note_of
from web.proofs import factor_for
from web.views import account_of, page_of, user_of


@login_required
@require_http_methods(["GET", "POST"])
def page(request: HttpRequest, account_id: UUID) -> HttpResponse:
    """Stop an account at once, and show what stops it."""
    context = page_of(request, account_id, title="Stop")
    account = context["account"]
    if request.method == "POST":
        _stop(request, account)
        return redirect("stop", account.pk)
    own = KillSwitch.objects.filter(scope=KillSwitch.Scope.ACCOUNT, key=str(account.pk)).first()
    digest = modes.start_digest(account)
    context |= {
        "own": own,
        "others": KillSwitch.objects.filter(scope=KillSwitch.Scope.SERVER),
        "factor": factor_for(request, account, digest=digest) if own else None,
    }
    return render(request, "web/stop.html", context)


def _stop(request: HttpRequest, account: Account) -> None:
    everything = request.POST.get("level") == KillSwitch.Level.ALL
    level = KillSwitch.Level.ALL if everything else KillSwitch.Level.ENTRIES
    user, now = user_of(request), clock.now()
    chosen = [account]
    if "all" in request.POST:
        chosen = list(Account.objects.filter(owner=user, archived_at=None))
    for each in chosen:
        stop(
            scope=KillSwitch.Scope.ACCOUNT,
            key=str(each.pk),
            level=level,
            by=user.username,
            why=note_of(request, name="why", most=400),
            now=now,
        )
    cancelled = len(stopping.cancel_stopped(now=now))
    what = "completely: nothing is sent, not even exits" if everything else "buying. Exits go on"
    names = ", ".join(each.name for each in chosen)
    messages.success(
        request, f"{names} stopped {what}. {cancelled} resting orders were asked to be cancelled."
    )


@login_required
@require_POST
def start(request: HttpRequest, account_id: UUID) -> HttpResponse:
    """Lift the account's own stop; real money asks for a factor."""
    account, user, now, proof = account_of(request, account_id), user_of(request), clock.now(), None
    try:
        if not account.is_paper:
            digests = [modes.start_digest(account)]
            proof = factors.prove(user, digests=digests, given=request.POST, now=now)
        messages.success(request, modes.start(account=account, by=user, now=now, proof=proof))
    except (factors.NotProved, modes.CannotChange) as why:
        messages.error(request, str(why))
    return redirect("stop", account.pk)


@login_required
@require_http_methods(["GET", "POST"])
def mode(request: HttpRequest, account_id: UUID) -> HttpResponse:
    """Change between APPROVAL and LIVE: down in one step, up with the name and a factor."""
    context = page_of(request, account_id, title="Mode")
    account = context["account"]
    wanted = "APPROVAL" if account.mode == Account.Mode.LIVE else "LIVE"
    digest, problem = modes.digest_of(account, wanted), ""
    if request.method == "POST":
        # The page that was read says which mode: its second tap does not go back again.
        given = "LIVE" if request.POST.get("mode") == "LIVE" else "APPROVAL"
        problem = "" if given == account.mode else _change_mode(request, account, given)
        if not problem:
            messages.success(request, f"{account.name} is in {given} mode from now on.")
            return redirect("mode", account.pk)
    context |= {
        "wanted": wanted,
        "problem": problem,
        "factor": factor_for(request, account, digest=digest) if wanted == "LIVE" else None,
    }
    return render(request, "web/mode.html", context)


def _change_mode(request: HttpRequest, account: Account, wanted: str) -> str:
    """Change the mode; returns why not."""
    user, now, proof = user_of(request), clock.now(), None
    try:
        if modes.adds_risk(account, wanted):
            if request.POST.get("name", "").strip() != account.name:
                return f"Type {account.name} to say which account you mean. Nothing was changed."
            digests = [modes.digest_of(account, wanted)]
            proof = factors.prove(user, digests=digests, given=request.POST, now=now)
        modes.change(account=account, mode=wanted, by=user, now=now, proof=proof)
    except (factors.NotProved, modes.CannotChange) as why:
        return str(why)
    return ""
