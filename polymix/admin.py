"""Tables of libraries in the admin: to read. Whoever could write them could be anybody."""

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib import admin
from django.http import HttpRequest
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken

from accounts.admin import ReadOnly

for model in (Authenticator, BlacklistedToken, EmailAddress, OutstandingToken, UserSession):
    admin.site.unregister(model)


@admin.register(EmailAddress)
class EmailAddressAdmin(ReadOnly):
    list_display = ["email", "user", "verified", "primary"]


@admin.register(Authenticator)
class AuthenticatorAdmin(ReadOnly):
    """Taken away for somebody who lost it, and never given."""

    list_display = ["user", "type", "created_at", "last_used_at"]
    fields = ["user", "type", "created_at", "last_used_at"]

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return bool(request.user.is_active and request.user.is_superuser)


@admin.register(UserSession)
class UserSessionAdmin(ReadOnly):
    list_display = ["user", "ip", "user_agent", "created_at", "last_seen_at"]
    fields = ["user", "ip", "user_agent", "created_at", "last_seen_at"]


@admin.register(OutstandingToken)
class OutstandingTokenAdmin(ReadOnly):
    list_display = ["user", "created_at", "expires_at"]
    fields = ["user", "created_at", "expires_at"]


@admin.register(BlacklistedToken)
class BlacklistedTokenAdmin(ReadOnly):
    list_display = ["token_user", "blacklisted_at"]
    fields = ["blacklisted_at"]

    @admin.display(description="user")
    def token_user(self, row: BlacklistedToken) -> str:
        return str(row.token.user)
