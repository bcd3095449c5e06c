"""Real money: open an account for it, enter its keys once, prove them, take them away again."""

from collections.abc import Callable
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST

from accounts import credentials
from accounts.credentials import KeyTaken
from accounts.models import Account, User
from accounts.vault import VaultClosed
from markets import clock
from trading import onboarding, onboarding_polymarket
from trading.models import Redemption
from trading.onboarding import NotAllowed
from trading.opening import open_account
from trading.redemption import money_waiting
from venues.errors import VenueError
from venues.polymarket.wallets import Kind
from venues.secrets import Secret
from web.proofs import factor_for, unproved
from web.start import NameForm
from web.views import account_of, page_of

PROBLEMS = (NotAllowed, KeyTaken, VaultClosed, VenueError, ValueError)
SECRET = {"autocomplete": "new-password", "data-1p-ignore": "", "data-lpignore": "true"}


class OpenForm(NameForm):
    """A new account for real money."""

    mode = forms.ChoiceField(
        label="How it trades",
        choices=[
            ("APPROVAL", "APPROVAL: each order waits for a person. LIVE comes later, on its page"),
        ],
        widget=forms.RadioSelect,
        initial="APPROVAL",
    )


class KeyForm(forms.Form):
    """The key that signs, and what it signs for. Never shown back."""

    funder = forms.CharField(
        required=False,
        max_length=60,
        label="Your profile address (holds the money)",
        help_text="From your profile on polymarket.com. Empty: we look for the one with money.",
    )
    private_key = forms.CharField(
        max_length=80,
        strip=True,
        label="Key that signs for it",
        widget=forms.PasswordInput(render_value=False, attrs=SECRET),
        help_text="64 hexadecimal digits. Stored sealed; it is never shown again.",
    )
    relayer_key = forms.CharField(
        required=False,
        max_length=200,
        label="Relayer key",
        widget=forms.PasswordInput(render_value=False, attrs=SECRET),
        help_text="For wallets other than a plain one: pays the gas of redeeming. Can come later.",
    )


@login_required
@require_http_methods(["GET", "POST"])
def open_real(request: HttpRequest) -> HttpResponse:
    """Open an account for real money; it has none, and can spend none, before its keys prove."""
    assert isinstance(request.user, User)
    form = OpenForm(request.POST or None, owner=request.user)
    if request.method == "POST" and form.is_valid():
        account = open_account(
            owner=request.user,
            name=form.cleaned_data["name"],
            mode=form.cleaned_data["mode"],
            starting_balance=credentials.NOTHING,
            now=clock.now(),
        )
        return redirect("keys", account.pk)
    return render(request, "web/open_real.html", {"title": "Real money", "form": form})


@login_required
@require_http_methods(["GET", "POST"])
@sensitive_post_parameters("private_key", "relayer_key")
@sensitive_variables("form")
def keys(request: HttpRequest, account_id: UUID) -> HttpResponse:
    """Show what is known of an account's keys, and take new ones."""
    context = page_of(request, account_id, title="Keys")
    account = context["account"]
    form = KeyForm(request.POST or None)
    digest = onboarding.digest_of(account, onboarding_polymarket.VENUE)
    if request.method == "POST" and form.is_valid() and is_proved(request, form, account, digest):
        try:
            onboarding_polymarket.enter(
                account=account,
                private_key=Secret(form.cleaned_data["private_key"]),
                funder=form.cleaned_data["funder"],
                relayer_key=Secret(form.cleaned_data["relayer_key"]),
                now=clock.now(),
            )
            messages.success(request, "The keys are stored. Now prove them.")
            return redirect("keys", account.pk)
        except PROBLEMS as problem:
            form.add_error(None, str(problem))
    credential = credentials.of(account, "polymarket")
    context |= {
        "form": form,
        "factor": factor_for(request, account, digest=digest),
        "credential": credential,
        "kind": Kind(credential.signature_type).words if credential else "",
        "waiting": money_waiting(account),
        "redemptions": Redemption.objects.filter(
            account=account, done_at__isnull=True, expected__gt=0
        ),
    }
    return render(request, "web/keys.html", context)


def is_proved(request: HttpRequest, form: forms.Form, account: Account, digest: str) -> bool:
    """Tell whether the factor for these keys came with the form, which says so otherwise."""
    why = unproved(request, account, digest)
    if why:
        form.add_error(None, why)
    return not why


@login_required
@require_POST
def prove(request: HttpRequest, account_id: UUID) -> HttpResponse:
    """Prove the keys; with the box ticked a trial order is placed and cancelled."""

    def work(account: Account) -> str:
        steps = onboarding_polymarket.prove(
            account=account, with_trial="trial" in request.POST, now=clock.now()
        )
        bad = [step for step in steps if not step.ok]
        return "All of it passed." if not bad else f"{len(bad)} of {len(steps)} steps did not pass."

    return done(request, account_id, work)


@login_required
@require_POST
def allow(request: HttpRequest, account_id: UUID) -> HttpResponse:
    """Give the exchanges their allowances: only ever because somebody pressed this."""

    def work(account: Account) -> str:
        onboarding_polymarket.allow(
            account=account, by=request.user.get_username(), now=clock.now()
        )
        return "The exchanges may take what this wallet trades. Prove the keys again."

    return done(request, account_id, work)


@login_required
@require_POST
def forget(request: HttpRequest, account_id: UUID) -> HttpResponse:
    def work(account: Account) -> str:
        gone = onboarding.forget(
            account=account,
            venue=onboarding_polymarket.VENUE,
            by=request.user.get_username(),
            now=clock.now(),
        )
        return "The keys are gone." if gone else "There were no keys."

    return done(request, account_id, work)


def done(
    request: HttpRequest,
    account_id: UUID,
    work: Callable[[Account], str],
    *,
    back: str = "keys",
) -> HttpResponse:
    """Do something for an account of this user, say what came of it, and go back to a page."""
    account = account_of(request, account_id)
    try:
        messages.success(request, work(account))
    except PROBLEMS as problem:
        messages.error(request, str(problem))
    return redirect(back, account.pk)
