"""How a person is told: channels, what each of them wants, quiet hours, the log, and alerts."""

import json
from typing import Any
from uuid import UUID
from zoneinfo import available_timezones

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.names import plain_name
from accounts.vault import VaultClosed
from markets import clock
from notifications import channels
from notifications.channels import CannotChange
from notifications.domain.planning import WORDS, Group, When, wish
from notifications.models import Channel, Delivery, Quiet
from notifications.push import public_key
from notifications.senders import EXAMPLES, BadAddress, Gone, NotDelivered
from notifications.services import see, unseen_alerts
from web.views import user_of

PROBLEMS = (CannotChange, BadAddress, VaultClosed)
LOG = 50
ENTERED = [kind for kind in Channel.Kind if kind != Channel.Kind.PUSH]


class ChannelForm(forms.Form):
    """One more way to be told. What is entered is sealed, and never shown again."""

    kind = forms.ChoiceField(choices=[(each.value, each.label) for each in ENTERED])
    name = forms.CharField(
        max_length=60,
        label="Name",
        help_text="Yours, like phone or mail.",
        validators=[plain_name],
    )
    address = forms.CharField(
        max_length=1000,
        label="Address",
        help_text="; ".join(f"{kind.label}: {EXAMPLES[kind]}" for kind in ENTERED),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


class QuietForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic when run
    """The hours in which only what is critical comes through, and the hour of the digest."""

    zone = forms.ChoiceField(
        choices=[(each, each) for each in sorted(available_timezones())], label="Your time zone"
    )

    class Meta:
        model = Quiet
        fields = ("begins", "ends", "digest_at", "zone")
        labels = {"begins": "Quiet from", "ends": "until", "digest_at": "Digest at"}
        widgets = {
            name: forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
            for name in ("begins", "ends", "digest_at")
        }


@login_required
@require_GET
def page(request: HttpRequest) -> HttpResponse:
    """Show everything of one person's notifications."""
    return _page(request)


def _page(request: HttpRequest, form: ChannelForm | None = None, status: int = 200) -> HttpResponse:
    user = user_of(request)
    mine = list(
        Channel.objects.filter(user=user, removed_at__isnull=True).order_by("created_at", "pk")
    )
    quiet = Quiet.objects.filter(user=user).first() or Quiet(user=user)
    log = Delivery.objects.filter(channel__user=user).select_related("channel", "event")
    context = {
        "title": "Notifications",
        "alerts": unseen_alerts(user),
        "channels": mine,
        "rows": [(group, WORDS[group], [_cell(each, group) for each in mine]) for group in Group],
        "whens": list(When),
        "form": form or ChannelForm(),
        "quiet": QuietForm(instance=quiet),
        "log": log.order_by("-pk")[:LOG],
        "push_key": public_key(),
        "secret": request.session.pop("webhook_secret", ""),
        "alert_minutes": settings.ALERT_MINUTES,
        "now": clock.now(),
    }
    return render(request, "web/notifications.html", context, status=status)


def _cell(channel: Channel, group: Group) -> tuple[str, When]:
    return f"{channel.pk}.{group}", wish(channel.wants, group)


@login_required
@require_POST
@sensitive_post_parameters("address")
@sensitive_variables("form")
def add(request: HttpRequest) -> HttpResponse:
    """Add a channel; a webhook's secret is shown once, on the next page."""
    form = ChannelForm(request.POST)
    if not form.is_valid():
        return _page(request, form, 422)
    given = form.cleaned_data
    try:
        _, secret = channels.add(
            user=user_of(request),
            kind=given["kind"],
            name=given["name"],
            secrets={"address": given["address"].strip()},
            now=timezone.now(),
        )
    except PROBLEMS as why:
        form.add_error("address", str(why))
        return _page(request, form, 422)
    if secret:
        request.session["webhook_secret"] = secret
    messages.success(request, f"{given['name']} is added. Try it with Test.")
    return redirect("notifications")


@login_required
@require_POST
def act(request: HttpRequest, channel_id: UUID) -> HttpResponse:
    """Test or remove one of the person's channels."""
    user = user_of(request)
    row = get_object_or_404(Channel, pk=channel_id, user=user, removed_at__isnull=True)
    if "remove" in request.POST:
        try:
            channels.remove(user=user, channel_id=row.pk, now=timezone.now())
            messages.success(request, f"{row.name} is removed. Its log stays.")
        except CannotChange as why:
            messages.error(request, str(why))
        return redirect("notifications")
    try:
        channels.test(row)
        messages.success(request, f"{row.name} took a test message.")
    except (NotDelivered, Gone, *PROBLEMS) as why:
        messages.error(request, f"{row.name} did not take it: {why}")
    return redirect("notifications")


@login_required
@require_POST
def save(request: HttpRequest) -> HttpResponse:
    """Save what each channel wants, and the quiet hours."""
    user, wishes = user_of(request), {}  # type: ignore[var-annotated]  # filled below
    for name, value in request.POST.items():
        channel, _, group = name.partition(".")
        if group in set(Group) and value in set(When):
            wishes.setdefault(channel, {})[group] = value
    quiet = Quiet.objects.filter(user=user).first() or Quiet(user=user)
    form = QuietForm(request.POST, instance=quiet)
    try:
        if not form.is_valid():
            raise CannotChange(" ".join(str(each[0]) for each in form.errors.values()))
        channels.want(user=user, wishes=wishes)
        form.save()
        messages.success(request, "Saved.")
    except CannotChange as why:
        messages.error(request, str(why))
    return redirect("notifications")


@login_required
@require_POST
def seen(request: HttpRequest) -> HttpResponse:
    """Keep that alerts were seen: buying of real money goes on then."""
    given = request.POST.getlist("event")[:500]
    ids = [int(each) for each in given if each.isdecimal() and len(each) < 18]
    count = see(event_ids=ids, user=user_of(request), now=timezone.now())
    messages.success(request, f"Seen: {count}.")
    return redirect("notifications")


@login_required
@require_http_methods(["POST"])
def subscribe(request: HttpRequest) -> JsonResponse:
    """Let this device be told by Web Push; the same device twice is one channel."""
    try:
        given: Any = json.loads(request.body)
        secrets = {
            "endpoint": str(given["endpoint"]),
            "p256dh": str(given["keys"]["p256dh"]),
            "auth": str(given["keys"]["auth"]),
        }
        name = str(given.get("name") or "this device")[:60]
    except (ValueError, KeyError, TypeError, AttributeError):
        return JsonResponse({"detail": "This is no subscription of a browser."}, status=400)
    user, now = user_of(request), timezone.now()
    try:
        known = [
            each
            for each in Channel.objects.filter(user=user, kind="push", removed_at__isnull=True)
            if channels.secrets_of(each)["endpoint"] == secrets["endpoint"]
        ]
        if not known:
            taken = set(
                Channel.objects.filter(user=user, removed_at__isnull=True).values_list(
                    "name", flat=True
                )
            )
            number = next(n for n in range(1, 99) if _numbered(name, n) not in taken)
            channels.add(
                user=user, kind="push", name=_numbered(name, number), secrets=secrets, now=now
            )
    except PROBLEMS as why:
        return JsonResponse({"detail": str(why)}, status=409)
    return JsonResponse({"detail": "This device is told from now on."})


def _numbered(name: str, number: int) -> str:
    return name if number == 1 else f"{name[:56]} {number}"
