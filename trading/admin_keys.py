"""Credentials in the admin: entered there too, and shown without anything that is secret."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.views.decorators.debug import sensitive_variables

from accounts import factors
from accounts.admin import ReadOnly
from accounts.credentials import KeyTaken
from accounts.models import Account, User, VenueCredential
from accounts.vault import VaultClosed
from markets import clock
from trading import onboarding, onboarding_polymarket
from trading.onboarding import NotAllowed
from venues.errors import VenueError
from venues.secrets import Secret

PROBLEMS = (
    factors.NotProved,
    NotAllowed,
    KeyTaken,
    VaultClosed,
    VenueError,
    ValueError,
)


class EnterForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic when run
    """Enters keys when it is saved: the same service as on the account's own page."""

    account = forms.ModelChoiceField(Account.objects.exclude(mode=Account.Mode.PAPER))
    funder = forms.CharField(required=False, max_length=60, help_text="Holds the money.")
    private_key = forms.CharField(max_length=80, widget=forms.PasswordInput)
    relayer_key = forms.CharField(required=False, max_length=200, widget=forms.PasswordInput)
    code = forms.CharField(max_length=8, help_text="Of your own authenticator app.")
    user: User  # who enters them

    class Meta:
        model = VenueCredential
        fields = ["account"]

    @sensitive_variables("cleaned")
    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if self.errors:
            return cleaned
        now, venue = clock.now(), onboarding_polymarket.VENUE
        try:
            digests = [onboarding.digest_of(cleaned["account"], venue)]
            factors.prove(self.user, digests=digests, given=cleaned, now=now)
            self.instance = onboarding_polymarket.enter(
                account=cleaned["account"],
                private_key=Secret(cleaned.pop("private_key")),
                funder=cleaned["funder"],
                relayer_key=Secret(cleaned.pop("relayer_key")),
                now=now,
            )
        except PROBLEMS as problem:
            raise ValidationError(str(problem)) from problem
        return cleaned

    def _post_clean(self) -> None:
        """The service has stored and checked the row already."""


@admin.register(VenueCredential)
class VenueCredentialAdmin(ReadOnly):
    list_display = ["account", "venue", "address", "verified_at", "removed_at"]
    list_filter = ["venue"]
    search_fields = ["account__name", "address", "signer"]
    fields = [
        "account",
        "venue",
        "environment",
        "address",
        "signer",
        "signature_type",
        "proof",
        "created_at",
        "verified_at",
        "removed_at",
    ]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_active and request.user.is_superuser)

    def get_form(self, request: HttpRequest, obj: Any = None, **options: Any) -> Any:
        if obj:
            return super().get_form(request, obj, **options)
        return type("EnterForm", (EnterForm,), {"user": request.user})

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        entered = ["account", "funder", "private_key", "relayer_key", "code"]
        return super().get_fields(request, obj) if obj else entered

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """Take the form outside of a transaction: entering keys asks the exchange."""
        if request.method == "POST":
            return self._changeform_view(request, object_id, form_url, extra_context)
        return super().changeform_view(request, object_id, form_url, extra_context)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Nothing is left to do: the form's check has entered the keys."""
