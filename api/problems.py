"""Errors as problem details (RFC 9457): what happened, and what to do, in one shape."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404
from rest_framework import exceptions, status
from rest_framework.response import Response
from rest_framework.views import exception_handler

MEDIA_TYPE = "application/problem+json"
TITLES = {
    400: "The request cannot be read",
    401: "Sign in first",
    403: "Not allowed",
    404: "There is no such thing, or it is not yours",
    405: "This address does not take this method",
    409: "It cannot be done now",
    412: "It has changed since you read it",
    415: "Send JSON",
    422: "The values do not fit",
    429: "Too many calls",
    500: "An error of this server",
    503: "Not at this moment",
}


class Refused(exceptions.APIException):
    """The call was understood and not done; the text says why."""

    status_code = status.HTTP_409_CONFLICT
    default_code = "refused"


class Changed(exceptions.APIException):
    """The thing is not what the caller read: read it again."""

    status_code = status.HTTP_412_PRECONDITION_FAILED
    default_detail = "It has changed since you read it. Read it again; nothing was done."
    default_code = "changed"


class FactorNeeded(exceptions.APIException):
    """Real money asks for a fresh factor with this call: `code`, or a `passkey` that signs what is
    told here.
    """

    status_code = status.HTTP_403_FORBIDDEN
    default_code = "factor_needed"

    def __init__(self, detail: str, *, passkey: dict[str, Any] | None = None) -> None:
        super().__init__(detail)
        self.passkey = passkey


def handle(problem: Exception, context: dict[str, Any]) -> Response | None:
    """Answer an error as problem details; an unexpected one stays a 500 that is logged."""
    if isinstance(problem, RecursionError):  # of a body that is nested without end
        problem = exceptions.ParseError("It is nested too deep.")
    answer = exception_handler(problem, context)
    if answer is None:
        return None
    told = body(answer.status_code, code=_code(problem), detail=_detail(answer.data))
    if isinstance(problem, exceptions.ValidationError):
        told["errors"] = answer.data if isinstance(answer.data, dict) else {"": answer.data}
    if isinstance(problem, FactorNeeded) and problem.passkey is not None:
        told["passkey"] = problem.passkey
    answer.data = told
    answer.content_type = MEDIA_TYPE
    return answer


def body(status: int, *, code: str, detail: str) -> dict[str, Any]:
    """Return a problem in the one shape that all of them have."""
    title = TITLES.get(status, "It was not done")
    return {"type": "about:blank", "title": title, "status": status, "code": code, "detail": detail}


def _code(problem: Exception) -> str:
    if isinstance(problem, Http404):
        return "not_found"
    if isinstance(problem, PermissionDenied):
        return "permission_denied"
    return str(getattr(problem, "default_code", "error"))


def _detail(told: Any) -> str:
    if isinstance(told, dict) and "detail" in told:
        return str(told["detail"])
    if isinstance(told, dict):
        parts = [f"{name}: {' '.join(map(str, _flat(each)))}" for name, each in told.items()]
        return " ".join(parts)
    return " ".join(str(each) for each in _flat(told))


def _flat(told: Any) -> list[Any]:
    if isinstance(told, dict):
        return [part for each in told.values() for part in _flat(each)]
    if isinstance(told, (list, tuple)):
        return [part for each in told for part in _flat(each)]
    return [told]
