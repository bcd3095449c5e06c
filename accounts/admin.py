"""Users in the admin, and the read-only table that the other apps build on."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from import_export.admin import ExportMixin
from unfold.admin import ModelAdmin
from unfold.contrib.import_export.forms import ExportForm
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from accounts import invitations
from accounts.models import Invitation, User

admin.site.unregister(Group)


class ReadOnly(ModelAdmin):
    """A table that people read: rows are written by services alone."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_stop_permission(self, request: HttpRequest) -> bool:
        """Tell whether a person may stop or cancel what is not his own."""
        return request.user.has_perm("risk.add_killswitch")


class Exportable(ExportMixin, ReadOnly):
    """A table that people also take along as a file: what they may see, and nothing to write."""

    export_form_class = ExportForm

    def has_export_permission(self, request: HttpRequest) -> bool:
        return bool(self.has_view_permission(request))


@admin.register(User)
class UserAdmin(DjangoUserAdmin, ModelAdmin):  # type: ignore[type-arg]  # not generic when run
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm


@admin.register(Invitation)
class InvitationAdmin(ReadOnly):
    """Who was invited; adding one shows its link, this once."""

    list_display = ["made_at", "note", "by", "expires_at", "used_at", "used_by"]
    list_select_related = ["used_by"]
    ordering = ["-made_at"]
    fields = ["note"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("accounts.add_invitation")

    def save_model(self, request: HttpRequest, obj: Invitation, form: Any, change: bool) -> None:
        by = request.user.get_username()
        row, token = invitations.invite(by=by, note=obj.note, now=timezone.now())
        obj.pk, obj.made_at = row.pk, row.made_at
        link = request.build_absolute_uri(reverse("invitation", args=[token]))
        self.message_user(request, f"Send this link to one person; it is shown this once: {link}")
