"""When orders ask, and whom: a form, and a page that reviews what it loosens."""

from dataclasses import astuple
from decimal import Decimal
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from accounts import factors
from accounts.models import Account
from markets import clock
from trading.approval_rules import CannotChange, Rules, change, loosened, rules_of
from web.proofs import factor_for, proof_for
from web.views import page_of, user_of

MOST = Decimal(1_000_000)


class RulesForm(forms.Form):
    """The rules, in the order in which people think of them."""

    auto_below = forms.DecimalField(
        min_value=0,
        max_value=MOST,
        decimal_places=2,
        label="Send copies under this without asking, USD",
        help_text="0: every order asks. Pairs always ask.",
    )
    second_above = forms.DecimalField(
        min_value=0,
        max_value=MOST,
        decimal_places=2,
        required=False,
        label="Two people above this, USD",
        help_text="Empty: one is always enough.",
    )
    drift = forms.DecimalField(
        min_value=0,
        max_value=50,
        decimal_places=2,
        label="Ask again when the price moved more than this, ¢ a share",
    )
    approvers = forms.CharField(
        required=False,
        max_length=2_000,
        label="Who may answer beside you",
        help_text="Their names here, with commas between them. They see what waits, not your keys.",
    )

    def rules(self) -> Rules:
        """Return what was written."""
        written = self.cleaned_data
        names = {each.strip() for each in written["approvers"].split(",")} - {""}
        return Rules(
            auto_below=written["auto_below"],
            second_above=written["second_above"],
            drift_band=written["drift"] / 100,
            approvers=tuple(sorted(names)),
        )


@login_required
@require_http_methods(["GET", "POST"])
def rules(request: HttpRequest, account_id: UUID) -> HttpResponse:
    """Show the rules and take new ones; what loosens real money is reviewed first."""
    context = page_of(request, account_id, title="When orders ask")
    account = context["account"]
    old = rules_of(account)
    form = RulesForm(request.POST or None, initial=_initial(old))
    if request.method == "POST" and form.is_valid():
        new = form.rules()
        more = loosened(old, new)
        if more and not account.is_paper and "reviewed" not in request.POST:
            return _review(request, context, form, new, more)
        try:
            _change(request, account, new)
            messages.success(request, "Saved. It holds from the next order on.")
            return redirect("approval-rules", account.pk)
        except factors.NotProved as why:
            return _review(request, context, form, new, more, problem=str(why))
        except CannotChange as why:
            form.add_error(None, str(why))
    context |= {"form": form, "rules": old}
    return render(request, "web/approval_rules.html", context)


def _initial(old: Rules) -> dict[str, object]:
    auto_below, second_above, band, approvers = astuple(old)
    return {
        "auto_below": auto_below,
        "second_above": second_above,
        "drift": (band * 100).normalize(),
        "approvers": ", ".join(approvers),
    }


def _review(
    request: HttpRequest,
    context: dict[str, object],
    form: RulesForm,
    new: Rules,
    more: list[str],
    *,
    problem: str = "",
) -> HttpResponse:
    account = context["account"]
    assert isinstance(account, Account)
    factor = factor_for(request, account, digest=new.digest(account))
    context |= {"form": form, "more": more, "problem": problem, "factor": factor}
    return render(request, "web/approval_rules_review.html", context)


def _change(request: HttpRequest, account: Account, new: Rules) -> None:
    now, by, proof = clock.now(), user_of(request), None
    if "reviewed" in request.POST:
        proof = proof_for(request, account, digest=new.digest(account), now=now)
    change(account=account, rules=new, by=by, now=now, proof=proof)
