"""The first page: what is going on, and a first account of one's own."""

from typing import Any

from django import forms
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from accounts.models import Account, User
from accounts.names import plain_name
from markets import clock
from risk.domain.presets import PRESETS
from trading.models import Decision
from trading.opening import open_account
from web import queries
from web.views import user_of
from web.words import WORDS
from whales.models import Follow


class NameForm(forms.Form):
    """A name that its owner has not given to another account."""

    name = forms.CharField(max_length=60, label="Name", validators=[plain_name])

    def __init__(self, *args: Any, owner: User, **options: Any) -> None:
        super().__init__(*args, **options)
        self._owner = owner

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"].strip()
        if Account.objects.filter(owner=self._owner, name=name).exists():
            raise forms.ValidationError("You have an account of that name. Choose another one.")
        return name


class PaperForm(NameForm):
    """A new account for paper money."""

    preset = forms.ChoiceField(
        choices=[(name, name) for name in PRESETS], initial="default", label="Limits"
    )
    rehearsal = forms.BooleanField(
        required=False,
        label="Rehearsal",
        help_text="Each order waits for your yes, as real ones do.",
    )


@login_required
@require_GET
def start(request: HttpRequest) -> HttpResponse:
    """Show the list that ticks itself while the demo starts."""
    return _page(request, PaperForm(owner=user_of(request)))


@login_required
@require_POST
def open_paper(request: HttpRequest) -> HttpResponse:
    """Open an account of paper money with its preset's limits and starting balance."""
    user = user_of(request)
    form = PaperForm(request.POST, owner=user)
    if not form.is_valid():
        return _page(request, form, status=422)
    account = open_account(owner=user, now=clock.now(), **form.cleaned_data)
    return redirect("whales", account.pk)


def _page(request: HttpRequest, form: PaperForm, *, status: int = 200) -> HttpResponse:
    accounts = queries.accounts_of(request.user.pk)
    watched = Follow.objects.filter(account__in=accounts).values("whale").distinct().count()
    context = {
        "title": "Start",
        "feed": queries.feed_line(wall=clock.database_now()),
        "accounts": accounts,
        "watched": watched,
        "decided": Decision.objects.filter(account__in=accounts).count(),
        "paper": form,
        "words": WORDS,
    }
    return render(request, "web/start.html", context, status=status)
