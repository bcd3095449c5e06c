"""The REST server: routes, who may call them, pages and limits."""

import base64
import binascii
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.clock import Clock
from sandbox.kalshi import life, refusals, requests
from sandbox.kalshi.auth import Keys
from sandbox.kalshi.exchange import Exchange
from sandbox.kalshi.limits import COST, COSTS, Buckets
from sandbox.kalshi.refusals import Refusal
from sandbox.tolerance import tolerant

ROOT = "/trade-api/v2"
BAD_REQUEST = {"code": "bad_request", "message": "invalid request", "details": ""}


@dataclass(kw_only=True)
class Kalshi:
    """Everything the server's answers come from."""

    exchange: Exchange
    clock: Clock
    keys: Keys = field(default_factory=Keys)
    buckets: Buckets = field(default_factory=Buckets)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request of one member (or of nobody) at one time."""

    kalshi: Kalshi
    user_id: str
    now: datetime
    path: Mapping[str, Any]
    query: Mapping[str, str]
    many: Mapping[str, list[str]]
    body: bytes

    @property
    def exchange(self) -> Exchange:
        return self.kalshi.exchange

    def json(self) -> dict[str, Any]:
        return requests.body_of(self.body)


Answer = dict[str, Any] | tuple[int, dict[str, Any] | None]
Handler = Callable[[Call], Answer]


def route(
    kalshi: Kalshi, method: str, path: str, handler: Handler, *, signed: bool, free: bool = False
) -> Route:
    """Make one endpoint: signature, limits, the handler, its refusal or answer."""

    @tolerant(lambda: JSONResponse(BAD_REQUEST, 400))
    async def endpoint(request: Request) -> Response:
        body = await request.body()
        now = kalshi.clock.now()
        try:
            user_id = ""
            if signed:
                user_id = kalshi.keys.user_of(
                    request.headers,
                    method=method,
                    path=request.url.path,
                    times=(now, kalshi.clock.wall()),
                )
            cost = COSTS.get((method, path), COST)
            write = method != "GET"
            if user_id and not free:
                taken = kalshi.buckets.take(user_id, write=write, tokens=cost, now=now)
                if not taken:
                    raise refusals.too_many()
            many: dict[str, list[str]] = {}
            for name, value in request.query_params.multi_items():
                many.setdefault(name, []).append(value)
            life.expire(kalshi.exchange, now=now)
            answer = handler(
                Call(
                    kalshi=kalshi,
                    user_id=user_id,
                    now=now,
                    path=request.path_params,
                    query=request.query_params,
                    many=many,
                    body=body,
                )
            )
        except Refusal as refusal:
            return dated(JSONResponse(refusal.body, refusal.status))
        status, content = answer if isinstance(answer, tuple) else (200, answer)
        if content is None:
            return dated(Response(status_code=status))
        return dated(JSONResponse(content, status))

    def dated(answer: Response) -> Response:
        """Tell the exchange's time, as every web server does."""
        answer.headers["date"] = format_datetime(kalshi.clock.wall(), usegmt=True)
        return answer

    return Route(ROOT + path, endpoint, methods=[method])


def page(rows: Sequence[dict[str, Any]], call: Call, *, name: str, limit: int) -> dict[str, Any]:
    """Return one page and the cursor of the next; a cursor that is none means the first page."""
    start = _offset(call.query.get("cursor", ""))
    end = start + limit
    cursor = base64.urlsafe_b64encode(f"at:{end}".encode()).decode() if end < len(rows) else ""
    return {name: list(rows[start:end]), "cursor": cursor}


def _offset(cursor: str) -> int:
    try:
        kind, _, at = base64.urlsafe_b64decode(cursor.encode()).decode().partition(":")
        return int(at) if kind == "at" and at.isdecimal() else 0
    except (binascii.Error, ValueError):
        return 0


def app(kalshi: Kalshi) -> Starlette:
    from sandbox.kalshi import markets, milestones, orders, portfolio, socket

    async def unknown(request: Request, error: Exception) -> Response:
        return JSONResponse({"code": "not_found", "message": "not found", "details": ""}, 404)

    handlers: dict[int | type[Exception], Callable[[Request, Exception], Awaitable[Response]]]
    handlers = {404: unknown, 405: unknown}
    # Milestones first: `/series/fee_changes` is no series.
    parts = (milestones, markets, orders, portfolio)
    routes = [each for part in parts for each in part.routes(kalshi)]

    async def terms(request: Request) -> Response:
        found = kalshi.exchange.series.get(request.path_params["series"])
        if found is None or not found.rulebook:
            return Response(status_code=404)
        return Response(found.rulebook, media_type="application/pdf")

    routes.append(Route("/contract_terms/{series}.pdf", terms, methods=["GET"]))
    return Starlette(routes=[*routes, socket.route(kalshi)], exception_handlers=handlers)
