"""The bounds of an account's pair trades."""

from decimal import Decimal
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.validators import MaxValueValidator, MinValueValidator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from accounts import factors
from accounts.models import Account
from markets import clock
from markets.domain import exclusions
from risk.domain.pairs import DEFAULT_PAIRS
from risk.models import PairProfile, RiskProfile
from trading import pair_profiles
from web.proofs import factor_for, proof_for
from web.views import page_of, user_of

SHOWN = 60  # characters of a name that is refused
# What a bound may be: beyond these it would bound nothing, or stop everything.
SENSIBLE = {
    name: (Decimal(least), Decimal(most))
    for name, least, most in (
        ("min_lifetime", "0", "600"),
        ("max_worst_loss", "0.01", "1000000"),
        ("max_edge", "0.001", "0.5"),
        ("reserve_nba", "0", "0.2"),
        ("reserve_nfl", "0", "0.2"),
        ("reserve_nhl", "0", "0.2"),
        ("max_book_age", "0.1", "10"),
        ("depth_multiple", "1", "100"),
        ("fok_multiple", "1", "1000"),
        ("max_delay", "0", "10"),
        ("quiet_seconds", "0", "86400"),
        ("max_unhedged", "1", "100000"),
        ("max_unhedged_part", "0.0001", "0.2"),
        ("max_provisional", "1", "1000000"),
        ("hedge_loss", "0", "0.2"),
        ("hedge_tries", "1", "10"),
        ("hedge_soft", "0", "60"),
        ("hedge_hard", "1", "120"),
        ("unknown_wait", "0", "60"),
        ("unwind_tries", "1", "10"),
        ("unwind_wait", "1", "3600"),
    )
}


class PairForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic when run
    """The bounds of an account's pair trades, in the order in which people think of them."""

    leagues = forms.MultipleChoiceField(
        choices=[(each, each) for each in DEFAULT_PAIRS.leagues],
        widget=forms.CheckboxSelectMultiple,
        required=False,
        label="Sports",
        help_text="None of them switches pairs off.",
    )
    accept_standard = forms.MultipleChoiceField(
        choices=[(each, each) for each in pair_profiles.STANDARD],
        widget=forms.CheckboxSelectMultiple,
        required=False,
        label="Trade the standard contracts unasked",
        help_text="Every line of their dossier holds. An NFL pair always asks: it can tie.",
    )
    excluded = forms.CharField(
        required=False,
        label="Never trade",
        help_text="Teams (NBA:LAL), games (LAL@BOS, the visitor first) or slugs of markets, "
        "with commas between them.",
    )
    bet_amount = forms.DecimalField(
        min_value=Decimal(1), max_value=Decimal(1_000_000), label="Bet amount, USD a pair"
    )
    min_roi = forms.DecimalField(
        min_value=Decimal(0), max_value=Decimal(100), decimal_places=4, label="Minimum ROI, %"
    )
    max_daily_pairs = forms.IntegerField(min_value=0, max_value=10_000, label="Pairs a day")

    class Meta:
        model = PairProfile
        exclude = ("account",)
        labels = {
            "min_lifetime": "Minimum lifetime of an opportunity, s",
            "max_worst_loss": "Most the worst branch may lose, USD",
            "max_edge": "Too good to be true above this part of the cost",
            "reserve_nba": "Reserve NBA, USD a share",
            "reserve_nfl": "Reserve NFL, USD a share",
            "reserve_nhl": "Reserve NHL, USD a share",
            "max_book_age": "Oldest book, s",
            "depth_multiple": "Kalshi's depth, times what is hedged",
            "fok_multiple": "All or nothing from so many times the depth",
            "max_delay": "Longest matching delay, s",
            "trade_in_play": "Also while a game is played",
            "quiet_seconds": "No new pair so long before a start, s",
            "max_unhedged": "Most open on one side, USD",
            "max_unhedged_part": "Most open on one side, part of equity",
            "max_provisional": "Most matched on Polymarket and not settled, USD",
            "hedge_loss": "A hedge or an unwind may lose, USD a share",
            "hedge_tries": "Hedges, at most",
            "hedge_soft": "Then only the last price, after s",
            "hedge_hard": "Then the first leg is sold, after s",
            "unknown_wait": "Doubtful first leg: hedge what is known after s",
            "unwind_tries": "Unwinds, at most",
            "unwind_wait": "Unsettled shares are waited for, s",
        }

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for name, (least, most) in SENSIBLE.items():
            field = self.fields[name]
            field.validators = [MinValueValidator(least), MaxValueValidator(most)]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        soft, hard = cleaned.get("hedge_soft"), cleaned.get("hedge_hard")
        if soft is not None and hard is not None and hard < soft:
            self.add_error("hedge_hard", "Not before the last price was tried.")
        return cleaned

    def clean_excluded(self) -> list[str]:
        """Return names that can match a pair: one that cannot would exclude nothing, unseen."""
        parts = (part.strip() for part in self.cleaned_data["excluded"].split(","))
        names = [part for part in parts if part]
        if len(names) > exclusions.MOST:
            raise forms.ValidationError(
                f"{len(names)} names; at most {exclusions.MOST} are kept. Nothing was saved."
            )
        known = {name: exclusions.canonical(name) for name in names}
        wrong = [name for name, found in known.items() if found is None]
        if wrong:
            raise forms.ValidationError(f"{_named(wrong)} {exclusions.FORMS} Nothing was saved.")
        return list(dict.fromkeys(found for found in known.values() if found))


def _named(wrong: list[str]) -> str:
    """Name what matches no pair, each shortened, the first ones of many."""
    shown = [f"“{name[:SHOWN]}{'…' if len(name) > SHOWN else ''}”" for name in wrong[:5]]
    more = f" and {len(wrong) - 5} more" if len(wrong) > 5 else ""
    verb = "names" if len(wrong) == 1 else "name"
    return f"{', '.join(shown)}{more} {verb} no one team, game or market that is paired."


@login_required
@require_http_methods(["GET", "POST"])
def settings(request: HttpRequest, account_id: UUID) -> HttpResponse:
    context = page_of(request, account_id, title="Pair settings")
    account = context["account"]
    profile = PairProfile.objects.get(account=account)
    limits = RiskProfile.objects.get(account=account)
    form = PairForm(
        request.POST or None,
        instance=profile,
        initial={
            "excluded": ", ".join(profile.excluded),
            **{name: getattr(limits, name) for name in pair_profiles.LIMITS},
        },
    )
    if request.method == "POST" and form.is_valid():
        return _save(request, context, form)
    own = ("max_position_size", "daily_loss_limit")
    context |= {"form": form, "own": {name: getattr(limits, name) for name in own}}
    return render(request, "web/pair_settings.html", context)


def _save(request: HttpRequest, context: dict[str, Any], form: PairForm) -> HttpResponse:
    """Save what makes pairs safer at once; what loosens real money is reviewed, with a factor."""
    account, wanted, problem = context["account"], form.cleaned_data, ""
    more = pair_profiles.loosened(account, wanted)
    digest = pair_profiles.digest_of(account, wanted)
    if not more or account.is_paper or "reviewed" in request.POST:
        problem = _change(request, account, wanted, digest if more else "")
        if not problem:
            messages.success(request, "Saved. Trades that run keep the bounds they began with.")
            return redirect("pair-settings", account.pk)
    context |= {
        "form": form,
        "problem": problem,
        "more": [(form.fields[name].label, wanted[name]) for name in more],
        "factor": factor_for(request, account, digest=digest),
    }
    return render(request, "web/pair_settings_review.html", context)


def _change(request: HttpRequest, account: Account, wanted: dict[str, Any], digest: str) -> str:
    """Change the bounds; returns why not."""
    user, now, proof = user_of(request), clock.now(), None
    try:
        if digest:
            proof = proof_for(request, account, digest=digest, now=now)
        pair_profiles.change(account=account, wanted=wanted, by=user, now=now, proof=proof)
    except (factors.NotProved, pair_profiles.CannotLoosen) as why:
        return str(why)
    return ""
