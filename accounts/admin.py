"""Users and accounts in the admin."""

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.http import HttpRequest
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from accounts.models import Account, User

admin.site.unregister(Group)


class ReadOnly(ModelAdmin):
    """A table that people read: rows are written by services alone."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


@admin.register(User)
class UserAdmin(DjangoUserAdmin, ModelAdmin):  # type: ignore[type-arg]  # not generic when run
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm


@admin.register(Account)
class AccountAdmin(ModelAdmin):
    list_display = ["name", "owner", "mode", "rehearsal", "preset", "starting_balance"]
    list_filter = ["mode", "rehearsal", "preset"]
    search_fields = ["name", "owner__username"]
    readonly_fields = ["starting_balance", "preset", "created_at"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # opening an account books its first entry: `trading.opening`

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False
