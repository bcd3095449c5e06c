"""The door of an invitation: it remembers the link and leads to the sign-up form."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET

from accounts import invitations
from accounts.sign_in import TOKEN
from markets import clock


@require_GET
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Keep the token in the session; using it up is left to the form that makes the user."""
    if not invitations.is_good(token, now=clock.now()):
        return render(request, "account/signup_closed.html", {"refused": True}, status=410)
    request.session[TOKEN] = token
    return redirect("account_signup")
