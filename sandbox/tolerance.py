"""Input that nobody foresaw is refused like any other, and ends no connection without a word."""

import logging
from collections.abc import Awaitable, Callable
from functools import wraps

from starlette.requests import Request
from starlette.responses import Response

log = logging.getLogger(__name__)

Endpoint = Callable[[Request], Awaitable[Response]]
# What parsing may raise on hostile bytes; anything else is a fault of ours and stays one.
MISTAKES = (
    ArithmeticError,
    AttributeError,
    LookupError,
    OSError,
    RecursionError,
    TypeError,
    ValueError,  # and UnicodeError
)


def tolerant(refuse: Callable[[], Response]) -> Callable[[Endpoint], Endpoint]:
    """Answer what an endpoint chokes on with a refusal."""

    def wrap(endpoint: Endpoint) -> Endpoint:
        @wraps(endpoint)
        async def answer(request: Request) -> Response:
            try:
                return await endpoint(request)
            except MISTAKES as problem:
                log.warning("%s %s: %r", request.method, request.url.path, problem)
                return refuse()

        return answer

    return wrap


def is_text(found: object) -> bool:
    """Tell whether every text in a JSON value can be written again: no half of a pair of units."""
    if isinstance(found, str):
        return not any("\ud800" <= letter <= "\udfff" for letter in found)
    if isinstance(found, dict):
        return all(is_text(name) and is_text(each) for name, each in found.items())
    return not isinstance(found, list) or all(is_text(each) for each in found)
