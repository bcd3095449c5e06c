"""Headers that depend on the page."""

import time
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from accounts.factors import ways
from accounts.models import User


def policies(get_response: Callable[[HttpRequest], HttpResponse]) -> Any:
    """Keep balances out of caches, say how long a page took here (the `Server-Timing` header), and
    let the admin's Alpine evaluate its expressions.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        began = time.perf_counter()
        response = get_response(request)
        took = 1000 * (time.perf_counter() - began)
        response.headers["Server-Timing"] = f"app;dur={took:.1f}"
        if request.path.startswith("/admin/"):
            response._csp_update = {  # type: ignore[attr-defined]  # django-csp's own hook
                "script-src": ["'unsafe-eval'"],
                "style-src": ["'unsafe-inline'"],
            }
        if request.path == "/api/docs/":
            response._csp_update = {"style-src": ["'unsafe-inline'"]}  # type: ignore[attr-defined]  # Swagger's own
        if not request.path.startswith("/static/"):
            response.headers.setdefault("Cache-Control", "no-store")
        return response

    return middleware


def staff_factor(get_response: Callable[[HttpRequest], HttpResponse]) -> Any:
    """Let staff into the admin with an enrolled second factor, where the server asks for one."""

    def middleware(request: HttpRequest) -> HttpResponse:
        user = getattr(request, "user", None)
        if (
            settings.ADMIN_NEEDS_FACTOR
            and request.path.startswith("/admin/")
            and isinstance(user, User)
            and user.is_staff
            and not ways(user)
        ):
            messages.warning(request, "The admin asks for a second factor: add one here first.")
            return redirect("mfa_index")
        return get_response(request)

    return middleware
