"""Headers that depend on the page."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse


def policies(get_response: Callable[[HttpRequest], HttpResponse]) -> Any:
    """Keep balances out of caches, and let the admin's Alpine evaluate its expressions."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if request.path.startswith("/admin/"):
            response._csp_update = {  # type: ignore[attr-defined]  # django-csp's own hook
                "script-src": ["'unsafe-eval'"],
                "style-src": ["'unsafe-inline'"],
            }
        if not request.path.startswith("/static/"):
            response.headers.setdefault("Cache-Control", "no-store")
        return response

    return middleware
