"""Kalshi: its key for an account, and the cash that lies on its shards."""

from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST

from accounts import credentials
from accounts.models import Account, VenueCredential
from markets import clock
from trading import onboarding, onboarding_kalshi, purses, transfers
from trading.models import MarketSettlement, Transfer
from trading.transfers import CannotMove
from venues.kalshi.limits import COST
from venues.kalshi.onboarding import LEAST
from venues.money import CENT, ZERO
from venues.secrets import Secret
from venues.words import dollars
from web.keys import PROBLEMS, SECRET, done, is_proved
from web.proofs import factor_for
from web.views import account_of, page_of

VENUE = onboarding_kalshi.VENUE
PEM_BYTES = 20_000  # of a file; a key has less than four thousand
SHARDS = [(shard, f"Shard {shard}") for shard in transfers.SHARDS]


class SecretText(forms.Textarea):
    """Many lines that are never sent back, not even when the form is shown again."""

    def format_value(self, value: Any) -> str:
        return ""


class KeyForm(forms.Form):
    """A Key ID and the private key that Kalshi let its owner download once. Never shown back."""

    environment = forms.ChoiceField(
        label="Where",
        choices=[
            ("production", "kalshi.com: real money"),
            ("demo", "demo.kalshi.co: play money, with keys of its own"),
        ],
        widget=forms.RadioSelect,
        initial="production",
    )
    key_id = forms.RegexField(
        regex=r"^[A-Za-z0-9-]{1,64}$",
        label="Key ID",
        help_text="Account & security, API Keys, Create Key. A row of letters and digits.",
        error_messages={"invalid": "A Key ID has letters, digits and dashes only."},
    )
    pem = forms.CharField(
        required=False,
        max_length=PEM_BYTES,
        label="Private key",
        widget=SecretText(attrs={**SECRET, "rows": 6, "spellcheck": "false"}),
        help_text=f"All of the file, from -----BEGIN on. Its least scopes: {LEAST}.",
    )
    pem_file = forms.FileField(required=False, label="Or the file itself")

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        file = cleaned.pop("pem_file", None)
        if file is not None and (file.size or 0) > PEM_BYTES:
            raise forms.ValidationError("That file is too large for a key.")
        if file is not None and not cleaned.get("pem"):
            cleaned["pem"] = file.read().decode("utf-8", "replace")
        if not cleaned.get("pem"):
            raise forms.ValidationError("Paste the private key, or choose its file.")
        return cleaned


class MoveForm(forms.Form):
    """How much goes from where to where."""

    amount = forms.DecimalField(min_value=CENT, max_digits=12, decimal_places=2, label="Amount, $")
    source = forms.TypedChoiceField(label="From", choices=SHARDS, coerce=int)
    destination = forms.TypedChoiceField(label="To", choices=SHARDS, coerce=int)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if cleaned.get("source") is not None and cleaned["source"] == cleaned.get("destination"):
            raise forms.ValidationError("Name two different shards.")
        return cleaned


@login_required
@require_http_methods(["GET", "POST"])
@sensitive_post_parameters("pem")
@sensitive_variables("form")
def keys(request: HttpRequest, account_id: UUID) -> HttpResponse:
    """Show what is known of an account's key for Kalshi, and take a new one."""
    context = page_of(request, account_id, title="Keys for Kalshi")
    account = context["account"]
    form = KeyForm(request.POST or None, request.FILES or None)
    digest = onboarding.digest_of(account, VENUE)
    if request.method == "POST" and form.is_valid() and is_proved(request, form, account, digest):
        try:
            onboarding_kalshi.enter(
                account=account,
                key_id=form.cleaned_data["key_id"],
                pem=Secret(form.cleaned_data["pem"]),
                environment=form.cleaned_data["environment"],
                now=clock.now(),
            )
            messages.success(request, "The key is stored. Now prove it.")
            return redirect("kalshi-keys", account.pk)
        except PROBLEMS as problem:
            form.add_error(None, str(problem))
    credential = credentials.of(account, VENUE)
    context |= {
        "form": form,
        "factor": factor_for(request, account, digest=digest),
        "credential": credential,
        "orders": _a_second(credential),
    }
    return render(request, "web/kalshi_keys.html", context)


def _a_second(credential: VenueCredential | None) -> int:
    """Return how many orders a second the key's tier takes."""
    return int(credential.tier["write"][0] / COST) if credential and credential.tier else 0


@login_required
@require_POST
def prove(request: HttpRequest, account_id: UUID) -> HttpResponse:
    """Prove the key; with the box ticked a trial order is placed and cancelled."""

    def work(account: Account) -> str:
        steps = onboarding_kalshi.prove(
            account=account, with_trial="trial" in request.POST, now=clock.now()
        )
        bad = [step for step in steps if not step.ok]
        return "All of it passed." if not bad else f"{len(bad)} of {len(steps)} steps did not pass."

    return done(request, account_id, work, back="kalshi-keys")


@login_required
@require_POST
def forget(request: HttpRequest, account_id: UUID) -> HttpResponse:
    def work(account: Account) -> str:
        by = request.user.get_username()
        gone = onboarding.forget(account=account, venue=VENUE, by=by, now=clock.now())
        return "The key is gone." if gone else "There was no key."

    return done(request, account_id, work, back="kalshi-keys")


@login_required
@require_http_methods(["GET", "POST"])
def money(request: HttpRequest, account_id: UUID) -> HttpResponse:
    """Show where an account's cash lies; a transfer is reviewed on a page of its own first."""
    context = page_of(request, account_id, title="Cash by place")
    account = context["account"]
    form = MoveForm(request.POST or None, initial={"source": 0, "destination": 3})
    places = purses.of(account.pk)
    if request.method == "POST" and form.is_valid():
        free = {each.shard: each.free for each in places if each.venue == VENUE}
        if form.cleaned_data["amount"] > free.get(form.cleaned_data["source"], ZERO):
            there = dollars(free.get(form.cleaned_data["source"], ZERO))
            form.add_error("amount", f"Shard {form.cleaned_data['source']} has {there} free.")
    if request.method == "POST" and form.is_valid():
        moved: Decimal = form.cleaned_data["amount"]
        after = [
            (each, each.cash + _change(form.cleaned_data, each.shard))
            for each in places
            if each.venue == VENUE
        ]
        shown = {**form.cleaned_data, "key": uuid4(), "after": after, "amount": moved}
        return render(request, "web/move_confirm.html", context | shown)
    context |= {
        "form": form,
        "places": places,
        "has_kalshi": credentials.of(account, VENUE) is not None,
        "transfers": Transfer.objects.filter(account=account).order_by("-at")[:20],
        "settlements": MarketSettlement.objects.filter(account=account).order_by("-settled_at")[
            :50
        ],
    }
    return render(request, "web/money.html", context)


def _change(row: dict[str, Any], shard: int) -> Decimal:
    amount: Decimal = row["amount"]
    if shard == row["destination"]:
        return amount
    return -amount if shard == row["source"] else ZERO


@login_required
@require_POST
def move(request: HttpRequest, account_id: UUID) -> HttpResponse:
    """Move cash, because somebody pressed the button that names the amount. The second press
    shows what came of the first one.
    """
    account = account_of(request, account_id)
    form = MoveForm(request.POST)
    try:
        key = UUID(request.POST.get("key", ""))
    except ValueError:
        messages.error(request, "This page is too old. Fill the form in once more.")
        return redirect("money", account.pk)
    if not form.is_valid():
        messages.error(request, " ".join(str(each) for each in form.errors.values()))
        return redirect("money", account.pk)
    try:
        row = transfers.move(
            account=account,
            key=key,
            by=request.user.get_username(),
            now=clock.now(),
            **form.cleaned_data,
        )
    except (*PROBLEMS, CannotMove) as problem:
        messages.error(request, str(problem))
    else:
        told = messages.success if row.state == Transfer.State.DONE else messages.error
        told(request, transfers.words(row))
    return redirect("money", account.pk)
