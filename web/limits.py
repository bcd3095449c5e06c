"""The limits of an account: a form beside its preset, and a page that reviews what is raised."""

from decimal import Decimal
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from accounts import factors
from markets import clock
from risk import limits
from risk.domain.presets import PRESETS
from risk.models import RiskProfile
from web.proofs import factor_for, proof_for
from web.views import page_of, user_of

LABELS = {
    "base_position_pct": "Base position, part of equity",
    "max_position_pct": "Most a position, part of equity",
    "kelly_fraction": "Kelly fraction",
    "min_whale_quality": "Whales from this score on",
    "max_positions": "Open positions, at most",
    "min_position_size": "Least a copy, USD",
    "max_position_size": "Most a position, USD",
    "max_total_exposure": "All positions, part of equity",
    "max_per_market": "One market, part of equity",
    "max_per_category": "One category, part of equity",
    "min_liquidity": "Least liquidity of a market, USD",
    "max_spread": "Widest spread, USD a share",
    "min_confidence": "Copies from this confidence on",
    "daily_loss_limit": "Daily loss, USD",
    "hourly_loss_limit": "Hourly loss, USD",
    "max_consecutive_losses": "Losses in a row",
    "max_price_drift": "Most above the whale's price, USD a share",
    "max_signal_age": "Oldest trade to copy, s",
    "duplicate_seconds": "Same whale, market and side again after, s",
    "min_hours_to_close": "Not so close to a market's end, h",
    "max_daily_copies": "Copies a day (empty: any number)",
    "bet_amount": "A pair trade, USD",
    "min_roi": "Least ROI of a pair, %",
    "max_daily_pairs": "Pairs a day",
}


class LimitsForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic when run
    """All limits, in the order of the sizing rules."""

    class Meta:
        model = RiskProfile
        fields = limits.NAMES
        labels = LABELS

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        usual = PRESETS[self.instance.account.preset]
        for name, field in self.fields.items():
            field.help_text = f"{self.instance.account.preset}: {_plain(getattr(usual, name))}"
            if isinstance(field, forms.DecimalField):
                field.min_value = 0

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        for name, value in list(cleaned.items()):
            if value is not None and value < 0:
                self.add_error(name, "Not below zero.")
        return cleaned


@login_required
@require_http_methods(["GET", "POST"])
def page(request: HttpRequest, account_id: UUID) -> HttpResponse:
    """Show the limits and take new ones; what is raised with real money is reviewed first."""
    context = page_of(request, account_id, title="Limits")
    account = context["account"]
    profile = RiskProfile.objects.select_related("account").get(account=account)
    before = RiskProfile.objects.select_related("account").get(account=account)
    form = LimitsForm(request.POST or None, instance=profile)
    context |= {"form": form, "preset": account.preset}
    if request.method != "POST" or not form.is_valid():
        status = 422 if request.method == "POST" else 200
        return render(request, "web/limits.html", context, status=status)
    wanted = limits.changed(before, form.cleaned_data)
    more = limits.raised(before, wanted)
    problem = ""
    if not more or account.is_paper or "reviewed" in request.POST:
        problem = _change(request, before, wanted, bool(more))
        if not problem:
            messages.success(request, "Saved. It holds from the next decision on.")
            return redirect("limits", account.pk)
    context |= {
        "problem": problem,
        "raised": [(LABELS[name], getattr(before, name), wanted[name]) for name in more],
        "factor": factor_for(request, account, digest=limits.digest_of(before, wanted)),
    }
    return render(request, "web/limits_review.html", context)


def _change(request: HttpRequest, before: RiskProfile, wanted: dict[str, Any], more: bool) -> str:
    """Change the limits; returns why not."""
    user, now, proof = user_of(request), clock.now(), None
    try:
        if more:
            digest = limits.digest_of(before, wanted)
            proof = proof_for(request, before.account, digest=digest, now=now)
        limits.change(profile=before, wanted=wanted, by=user, now=now, proof=proof)
    except (factors.NotProved, limits.CannotRaise) as why:
        return str(why)
    return ""


def _plain(value: Any) -> str:
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return "any number" if value is None else str(value)
