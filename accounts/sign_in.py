"""What django-allauth asks us: who may sign up, and with which invitation."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.forms import SignupForm
from allauth.core.exceptions import ImmediateHttpResponse
from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest
from django.shortcuts import redirect
from django.utils import timezone

from accounts import invitations
from accounts.models import User

TOKEN = "invitation"


class AccountAdapter(DefaultAccountAdapter):
    """Sign-up needs an invitation, unless the server is open to all."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        if settings.OPEN_SIGNUP:
            return True
        return invitations.is_good(request.session.get(TOKEN, ""), now=timezone.now())


class InvitedSignupForm(SignupForm):
    """A new user and the use of the invitation, both or neither."""

    def save(self, request: HttpRequest) -> Any:
        try:
            with transaction.atomic():
                user = super().save(request)
                self._use_invitation(request, user)
        except invitations.NoInvitation as why:
            messages.error(request, str(why))
            raise ImmediateHttpResponse(redirect("account_login")) from why
        return user

    def _use_invitation(self, request: HttpRequest, user: User) -> None:
        token = request.session.pop(TOKEN, "")
        if token or not settings.OPEN_SIGNUP:
            invitations.accept(token=token, user=user, now=timezone.now())
