"""What is answered where no view does: pages to people, problem details to clients of the API."""

import sys
from collections.abc import Callable
from typing import Any

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views import defaults

from api.problems import MEDIA_TYPE, body

UNSAID = {
    400: ("bad_request", "The request cannot be read."),
    404: ("not_found", "There is nothing at this address. /api/docs/ lists what there is."),
    500: (
        "error",
        "Something failed here, and is in the server's log. What you sent may or may not have "
        "been done: read it back, or repeat it with the same Idempotency-Key.",
    ),
    503: (
        "unavailable",
        "The database does not answer at this moment. Repeat it in some seconds, with the same "
        "Idempotency-Key.",
    ),
}


def _either(status: int, page: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    def answer(request: HttpRequest, *args: Any, **options: Any) -> HttpResponse:
        if not request.path.startswith("/api/"):
            return page(request, *args, **options)
        code, detail = UNSAID[status]
        return JsonResponse(
            body(status, code=code, detail=detail), status=status, content_type=MEDIA_TYPE
        )

    return answer


def server_error(request: HttpRequest, *args: Any, **options: Any) -> HttpResponse:
    """Tell an error of this server from a database that comes back by itself."""
    away = isinstance(sys.exc_info()[1], OperationalError | InterfaceError)
    answer = _failed[503 if away else 500](request, *args, **options)
    if away:
        answer.status_code = 503
        answer.headers["Retry-After"] = "5"
    return answer


bad_request = _either(400, defaults.bad_request)
not_found = _either(404, defaults.page_not_found)
_failed = {status: _either(status, defaults.server_error) for status in (500, 503)}
