"""One whale, and how an account copies it: a form whose preview decides its last trades again."""

from decimal import Decimal
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import factors
from accounts.models import Account
from markets import clock
from markets.models import Market
from risk.models import RiskProfile
from trading import following
from trading.models import Decision
from trading.preview import earned_by_copying, preview
from venues.words import dollars, price
from web.proofs import factor_for, proof_for
from web.views import account_of, page_of, paged, user_of
from whales.models import Follow, Signal, Whale, WhaleScore

PARTS = {
    "sharpe": ("Sharpe", 30),
    "information": ("Information ratio", 25),
    "calmar": ("Calmar", 20),
    "consistency": ("Consistency", 15),
    "volume": ("Volume", 10),
}
LINE_POINTS = 180  # days of the score's line
WIDTH, HEIGHT = 600, 120
CENT = Decimal("0.01")


class FollowForm(forms.Form):
    """Overrides; what is left empty is as the account's limits say."""

    size_factor = forms.DecimalField(
        min_value=following.SMALLEST,
        max_value=1,
        decimal_places=4,
        required=False,
        label="Part of the size",
    )
    max_trade = forms.DecimalField(
        min_value=CENT,
        max_digits=14,
        decimal_places=6,
        required=False,
        label="Most a trade, USD",
        help_text="Empty: as much as the limits allow.",
    )
    drift = forms.DecimalField(
        min_value=0,
        max_value=100,
        decimal_places=4,
        required=False,
        label="Most above the whale's price, ¢ a share",
    )
    min_whale_quality = forms.DecimalField(
        min_value=0, max_value=100, decimal_places=3, required=False, label="From this score on"
    )
    categories = forms.MultipleChoiceField(
        required=False,
        label="Only these categories",
        help_text="None ticked: all.",
        widget=forms.CheckboxSelectMultiple,
    )
    copy_exits = forms.BooleanField(
        required=False, label="Copy exits, in proportion", help_text="Off: hold until the end."
    )

    def __init__(self, *args: Any, follow: Follow, **options: Any) -> None:
        super().__init__(*args, **{"initial": _initial(follow)} | options)
        limits = RiskProfile.objects.get(account_id=follow.account_id)
        helps = {
            "size_factor": "0.5 copies half of it. Empty: all of it.",
            "drift": f"Empty: {price(limits.max_price_drift)}, by the limits.",
            "min_whale_quality": f"Empty: {limits.min_whale_quality:.0f}, by the limits.",
        }
        for name, words in helps.items():
            self.fields[name].help_text = words
        known = set(Market.objects.exclude(category="").values_list("category", flat=True))
        names = sorted(known | set(follow.categories))
        ticks = self.fields["categories"]
        assert isinstance(ticks, forms.MultipleChoiceField)
        ticks.choices = [(name, name) for name in names]

    def wanted(self) -> dict[str, Any]:
        """Return what was written, by the names of a follow's fields."""
        given = dict(self.cleaned_data)
        drift = given.pop("drift")
        return given | {"max_price_drift": None if drift is None else drift / 100}


def _initial(follow: Follow) -> dict[str, Any]:
    drift = follow.max_price_drift
    kept = {name: getattr(follow, name) for name in following.OVERRIDES}
    kept["drift"] = None if drift is None else drift * 100
    return {
        name: f"{value.normalize():f}" if isinstance(value, Decimal) else value
        for name, value in kept.items()
    }


@login_required
@require_GET
def whale(request: HttpRequest, account_id: UUID, address: str) -> HttpResponse:
    """Tell how good a whale is and was, what it did lately, and what this account made of it."""
    context = page_of(request, account_id, title="Whale")
    account, found = (
        context["account"],
        get_object_or_404(Whale, address=address.lower().replace("\x00", ""), own=False),
    )
    scores = list(WhaleScore.objects.filter(whale=found).order_by("-as_of")[:LINE_POINTS])
    follow = Follow.objects.filter(account=account, whale=found).first()
    signals = Signal.objects.filter(whale=found).select_related("outcome__market")
    page = paged(request, signals.order_by("-at", "-pk"))
    earned, outcomes = earned_by_copying(account_id=account.pk, whale_id=found.pk)
    context |= {
        "whale": found,
        "score": scores[0] if scores else None,
        "parts": _parts(scores[0]) if scores else [],
        "line": _line(scores[::-1]),
        "since": scores[-1].as_of if scores else None,
        "follow": follow,
        "would": preview(follow, _overrides(follow), now=context["now"]) if follow else None,
        "earned": earned,
        "outcomes": outcomes,
        "others": Follow.objects.filter(whale=found, paused=False).exclude(account=account).count(),
        "rows": _with_decisions(page.object_list, account),
        "page": page,
    }
    return render(request, "web/whale.html", context)


def _parts(score: WhaleScore) -> list[tuple[str, float, int]]:
    return [(words, score.components.get(name, 0), most) for name, (words, most) in PARTS.items()]


def _line(scores: list[WhaleScore]) -> str:
    """Return the points of a polyline, 0 to 100 from the bottom up."""
    if len(scores) < 2:
        return ""
    begin, span = scores[0].as_of, (scores[-1].as_of - scores[0].as_of).total_seconds() or 1
    placed = (
        (WIDTH * (each.as_of - begin).total_seconds() / span, HEIGHT * (1 - each.score / 100))
        for each in scores
    )
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in placed)


def _overrides(follow: Follow) -> dict[str, Any]:
    return {name: getattr(follow, name) for name in following.OVERRIDES}


def _with_decisions(signals: Any, account: Account) -> list[tuple[Signal, Decision | None]]:
    decided: QuerySet[Decision] = Decision.objects.filter(
        account=account, signal__in=[each.pk for each in signals]
    )
    by_signal = {each.signal_id: each for each in decided}
    return [(each, by_signal.get(each.pk)) for each in signals]


@login_required
@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, account_id: UUID, follow_id: int) -> HttpResponse:
    """Show how a whale is copied and take another way; what is looser is reviewed first."""
    context = page_of(request, account_id, title="Follow")
    follow = _follow(context["account"], follow_id)
    form = FollowForm(request.POST or None, follow=follow)
    context |= {"form": form, "follow": follow}
    if request.method != "POST" or not form.is_valid():
        context["preview"] = preview(follow, _overrides(follow), now=context["now"])
        status = 422 if request.method == "POST" else 200
        return render(request, "web/follow.html", context, status=status)
    wanted = following.changed(follow, form.wanted())
    more, problem = following.loosened(follow, wanted), ""
    if not more or follow.account.is_paper or "reviewed" in request.POST:
        problem = _change(request, follow, wanted, bool(more))
        if not problem:
            messages.success(request, "Saved. It takes effect on the next trade.")
            return redirect("follow", account_id, follow.pk)
    factor = factor_for(request, follow.account, digest=following.digest_of(follow, wanted))
    context |= {"problem": problem, "more": _said(follow, wanted, more), "factor": factor}
    return render(request, "web/follow_review.html", context)


def _change(request: HttpRequest, follow: Follow, wanted: dict[str, Any], more: bool) -> str:
    """Change the follow; returns why not."""
    user, now, proof = user_of(request), clock.now(), None
    try:
        if more:
            digest = following.digest_of(follow, wanted)
            proof = proof_for(request, follow.account, digest=digest, now=now)
        following.change(follow=follow, wanted=wanted, by=user, now=now, proof=proof)
    except (factors.NotProved, following.CannotLoosen) as why:
        return str(why)
    return ""


def _said(follow: Follow, wanted: dict[str, Any], more: list[str]) -> list[tuple[str, str, str]]:
    """Name each looser override with its value before and after, as people read them."""

    def words(name: str, value: Any) -> str:
        if value is None or value == []:
            return "all" if name == "categories" else "as the limits say"
        if name == "max_price_drift":
            return price(value)
        if name == "max_trade":
            return dollars(value)
        return ", ".join(value) if isinstance(value, list) else str(value)

    labels = {name: str(field.label) for name, field in FollowForm(follow=follow).fields.items()}
    labels["max_price_drift"] = labels["drift"]
    return [
        (labels[name], words(name, getattr(follow, name)), words(name, wanted[name]))
        for name in more
    ]


@login_required
@require_POST
def show_preview(request: HttpRequest, account_id: UUID, follow_id: int) -> HttpResponse:
    """Return the preview of what stands in the form, saved or not."""
    follow = _follow(account_of(request, account_id), follow_id)
    form = FollowForm(request.POST, follow=follow)
    told = preview(follow, form.wanted(), now=clock.now()) if form.is_valid() else None
    context = {"preview": told, "follow": follow, "account": follow.account}
    return render(request, "web/fragments/preview.html", context)


def _follow(account: Account, follow_id: int) -> Follow:
    rows = Follow.objects.select_related("whale", "account")
    return get_object_or_404(rows, pk=follow_id, account=account)
