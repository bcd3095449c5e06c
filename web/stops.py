"""Stop, which is one tap; start again and a riskier mode, which are pages with a factor."""

from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from accounts import factors
from accounts.models import Account
from markets import clock
from risk.models import KillSwitch
from risk.services import start_again, stop
from trading import modes, stopping
from web.notes import note_of
from web.proofs import factor_for, factor_of, proof_for
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
    stopped = [
        stop(
            scope=KillSwitch.Scope.ACCOUNT,
            key=str(each.pk),
            level=level,
            by=user.username,
            why=note_of(request, name="why", most=400),
            now=now,
        )
        for each in chosen
    ]
    cancelled = len(stopping.cancel_stopped(now=now))
    whole = all(each.level == KillSwitch.Level.ALL for each in stopped)
    what = "completely: nothing is sent, not even exits" if whole else "buying. Exits go on"
    names = ", ".join(each.name for each in chosen)
    messages.success(
        request, f"{names} stopped {what}. {cancelled} resting orders were asked to be cancelled."
    )


@login_required
@require_POST
def start(request: HttpRequest, account_id: UUID) -> HttpResponse:
    """Lift the account's own stop; real money asks for a factor."""
    account, user, now = account_of(request, account_id), user_of(request), clock.now()
    shown = request.POST.get("shown", "")
    try:
        proof = proof_for(request, account, digest=shown, now=now)
        said = modes.start(account=account, by=user, now=now, shown=shown, proof=proof)
        messages.success(request, said)
    except (factors.NotProved, modes.CannotChange) as why:
        messages.error(request, str(why))
    return redirect("stop", account.pk)


@login_required
@require_http_methods(["GET", "POST"])
def lift(request: HttpRequest, switch_id: int) -> HttpResponse:
    """Lift a stop of the server, a venue or a whale: of whoever may make one, with a factor where
    this server trades real money.
    """
    user = user_of(request)
    wide = KillSwitch.objects.exclude(scope=KillSwitch.Scope.ACCOUNT)
    switch = wide.filter(pk=switch_id).first()
    if not user.has_perm("risk.add_killswitch"):
        raise PermissionDenied
    problem = ""
    if request.method == "POST" and switch is not None:
        problem = _lift(request, switch)
        if not problem:
            messages.success(request, f"{switch.scope.title()} {switch.key} may trade again.")
            return redirect("home")
    needed = settings.LIVE_TRADING
    context = {
        "title": "Allow again",
        "switch": switch,
        "problem": problem,
        "factor": factor_of(request, is_needed=needed, digest=switch.digest) if switch else None,
    }
    return render(request, "web/lift.html", context)


def _lift(request: HttpRequest, switch: KillSwitch) -> str:
    """Lift a stop as it was shown; returns why not."""
    user, now, shown = user_of(request), clock.now(), request.POST.get("shown", "")
    try:
        if settings.LIVE_TRADING:
            factors.prove(user, digests=[shown], given=request.POST, now=now)
    except factors.NotProved as why:
        return str(why)
    scope, key = switch.scope, switch.key
    if start_again(scope=scope, key=key, by=user.username, now=now, shown=shown):
        return ""
    return "This stop is not the one you were shown any more. Look again."


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
