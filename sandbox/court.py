"""The oracle over HTTP, and the book of every call that was made to change something."""

import hashlib
from collections import deque
from datetime import datetime
from decimal import Decimal
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.clock import Clock, iso
from sandbox.oracle import Oracle, plain
from sandbox.tolerance import tolerant

KEPT = 100_000
READS = ("GET", "HEAD", "OPTIONS")
WHO = (b"kalshi-access-key", b"poly_api_key", b"poly-api-key", b"relayer_api_key_address")


class Calls:
    """Every POST, PUT and DELETE by time, as it arrived: those that were made to fail too."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.rows: deque[dict[str, str]] = deque(maxlen=KEPT)

    def noting(self, app: ASGIApp, *, venue: str) -> ASGIApp:
        """Return the server with a clerk at its door."""

        async def door(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http" or scope["method"] in READS:
                await app(scope, receive, send)
                return
            row = self._row(scope, venue)
            self.rows.append(row)
            digest = hashlib.sha256()

            async def reading() -> Message:
                message = await receive()
                if message["type"] == "http.request":
                    digest.update(message.get("body", b""))
                    row["body"] = digest.hexdigest()
                return message

            await app(scope, _Same(reading, receive), send)

        return door

    def _row(self, scope: Scope, venue: str) -> dict[str, str]:
        who = next((value.decode("latin-1") for name, value in scope["headers"] if name in WHO), "")
        at: datetime = self._clock.now()
        return {
            "at": iso(at),
            "venue": venue,
            "method": scope["method"],
            "path": scope["path"],
            "who": who,
            "body": "",  # SHA-256
        }


class _Same:
    """A receiver that still belongs to its connection, so that faults can hang it up."""

    def __init__(self, call: Any, original: Receive) -> None:
        self._call = call
        self.__self__ = getattr(original, "__self__", None)

    async def __call__(self) -> Message:
        message: Message = await self._call()
        return message


def app(oracle: Oracle, calls: Calls) -> Starlette:
    """Serve the oracle: what was taken, filled, risked and asked, and its judgement."""

    async def report(request: Request) -> Response:
        return JSONResponse(oracle.report())

    async def fills(request: Request) -> Response:
        return JSONResponse([plain(each) for each in oracle.fills()])

    async def exposures(request: Request) -> Response:
        return JSONResponse([plain(each) for each in oracle.exposures])

    async def posts(request: Request) -> Response:
        return JSONResponse(list(calls.rows))

    async def events(request: Request) -> Response:
        after = request.query_params.get("after", "0")
        known = after.isascii() and after.isdecimal() and len(after) < 16
        lines = oracle.log.lines(after=int(after) if known else 0)
        return Response("".join(f"{line}\n" for line in lines), media_type="application/jsonl")

    @tolerant(lambda: JSONResponse({"error": "the question cannot be read"}, 400))
    async def judge(request: Request) -> Response:
        wrong = oracle.judge(**_asked(await request.json()))
        return JSONResponse({"holds": not any(wrong.values()), **wrong})

    return Starlette(
        routes=[
            Route("/oracle", report),
            Route("/oracle/fills", fills),
            Route("/oracle/exposures", exposures),
            Route("/oracle/posts", posts),
            Route("/oracle/events", events),
            Route("/oracle/judge", judge, methods=["POST"]),
        ]
    )


def _asked(row: dict[str, Any]) -> dict[str, Any]:
    """Read `{"fills": [{order_id, trade_id, shares}], "intents": {}, "limits": {owner: USD}}`."""
    return {
        "fills": [
            (str(each["order_id"]), str(each["trade_id"]), _number(each["shares"]))
            for each in row.get("fills", [])
        ],
        "intents": {
            name: [str(each) for each in identities]
            for name, identities in row.get("intents", {}).items()
        },
        "limits": {name: _number(value) for name, value in row.get("limits", {}).items()},
    }


def _number(value: object) -> Decimal:
    found = Decimal(str(value))
    if not found.is_finite():
        raise ValueError(f"{found} is no number")
    return found
