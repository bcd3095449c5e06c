"""Servers that fail as a script says: lost answers, spoiled answers, and websockets that lie."""

import asyncio
import fnmatch
import json
import random
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.clock import Clock
from sandbox.faults import BENT, FRAMES, Kind, Rule

# What the exchanges say with a status, as far as that was recorded or documented.
BODIES: dict[tuple[str, int], dict[str, Any]] = {
    ("kalshi", 429): {"error": "too many requests"},
    ("polymarket", 425): {
        "error_msg": "matching engine is restarting",
        "retry_after_seconds": 79,
    },
    ("polymarket", 429): {"error": "Too Many Requests"},
    ("polymarket", 503): {
        "error_msg": "Trading is currently cancel-only. New orders are not accepted, but cancels "
        "are allowed."
    },
}
TOO_MANY = 429
OLD_ANSWERS = 500  # kept of each question


class Faults:
    """Wraps a server: most calls pass, the script's fail."""

    def __init__(
        self,
        app: ASGIApp,
        rules: Sequence[Rule],
        *,
        venue: str,
        seed: int = 0,
        clock: Clock | None = None,
    ) -> None:
        self._app = app
        self._rules = [rule for rule in rules if rule.venue == venue and rule.kind not in BENT]
        self._draw = random.Random(seed)
        self._clock = clock or Clock()
        self._began = self._clock.now()
        self._answers = Answers()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            frames = [rule for rule in self._rules if self._is_of(rule, scope, "WS")]
            if frames:
                send = Frames(send, frames, self).send
            await self._app(scope, receive, send)
            return
        rule = self._rule_for(scope) if scope["type"] == "http" else None
        if rule is None:
            await self._app(scope, receive, self._answers.keeping(scope, send))
        else:
            await self._fail(rule, scope, receive, send)

    def strikes(self, rule: Rule) -> bool:
        elapsed = (self._clock.now() - self._began).total_seconds()
        return rule.strikes(self._draw, elapsed=elapsed)

    def _rule_for(self, scope: Scope) -> Rule | None:
        asked = [rule for rule in self._rules if self._is_of(rule, scope, scope["method"])]
        # Every rule counts the call; the first that strikes decides what becomes of it.
        return next(iter([rule for rule in asked if self.strikes(rule)]), None)

    def _is_of(self, rule: Rule, scope: Scope, method: str) -> bool:
        if (rule.kind in FRAMES) != (method == "WS"):
            return False
        asked, _, path = rule.endpoint.partition(" ")
        wanted = f"{asked} *{path}" if path.startswith("/") else rule.endpoint
        return fnmatch.fnmatchcase(f"{method} {scope['path']}", wanted)

    async def _fail(self, rule: Rule, scope: Scope, receive: Receive, send: Send) -> None:
        match rule.kind:
            case Kind.SLOW:
                await asyncio.sleep(rule.seconds)
                await self._app(scope, receive, send)
            case Kind.ACCEPT_THEN_SILENCE:
                await self._app(scope, receive, _nowhere)
                await asyncio.sleep(rule.seconds)
                _hang_up(receive)
            case Kind.ACCEPT_THEN_CLOSE:
                await self._app(scope, receive, _nowhere)
                _hang_up(receive)
            case Kind.CLOSE_AFTER_BODY:
                await _read(receive)
                _hang_up(receive)
            case Kind.STATUS:
                await _read(receive)
                body = json.dumps(BODIES.get((rule.venue, rule.status), {"error": "injected"}))
                await _answer(send, rule.status, body.encode(), b"application/json")
            case Kind.HTML:
                await _read(receive)
                page = b"<html><body>Just a moment...</body></html>"
                await _answer(send, rule.status, page, b"text/html")
            case Kind.TRUNCATED:
                await self._app(scope, receive, _changed(send, lambda body: body[: len(body) // 2]))
            case Kind.MALFORMED:
                await self._app(scope, receive, _changed(send, lambda body: body + b'}{"'))
            case Kind.MISSING_FIELD:
                await self._app(scope, receive, _changed(send, _without(rule.name)))
            case Kind.STALE:
                old = self._answers.older(scope, rule.seconds)
                await self._app(scope, receive, _changed(send, lambda body: old or body))


async def _nowhere(message: Message) -> None:
    """Let an answer go unsent."""


Change = Callable[[bytes], bytes]


def _changed(send: Send, change: Change) -> Send:
    """Return a sender that changes the body."""

    async def spoil(message: Message) -> None:
        if message["type"] == "http.response.start":
            kept = [row for row in message["headers"] if row[0] != b"content-length"]
            await send({**message, "headers": kept})
            return
        await send({**message, "body": change(message.get("body", b""))})

    return spoil


def _without(name: str) -> Change:
    """Return a change that takes a field out of an answer, wherever it is; without a name, one."""

    def leave_out(body: bytes) -> bytes:
        try:
            found = json.loads(body)
        except ValueError:
            return body
        wanted = name or (next(iter(found), "") if isinstance(found, dict) else "")
        return json.dumps(_pruned(found, wanted)).encode()

    return leave_out


def _pruned(found: Any, name: str) -> Any:
    if isinstance(found, dict):
        return {key: _pruned(value, name) for key, value in found.items() if key != name}
    return [_pruned(each, name) for each in found] if isinstance(found, list) else found


class Answers:
    """What each read answered of late, so that an old answer can come again."""

    def __init__(self) -> None:
        self._kept: dict[str, deque[tuple[float, bytes]]] = {}

    def keeping(self, scope: Scope, send: Send) -> Send:
        """Return a sender that remembers what it sends, for a read."""
        if scope["method"] != "GET":
            return send

        async def keep(message: Message) -> None:
            if message["type"] == "http.response.body":
                rows = self._kept.setdefault(_url(scope), deque(maxlen=OLD_ANSWERS))
                rows.append((time.monotonic(), message.get("body", b"")))
            await send(message)

        return keep

    def older(self, scope: Scope, seconds: float) -> bytes | None:
        """Return what was answered at least so long ago, or the oldest that is known."""
        rows = self._kept.get(_url(scope))
        if not rows:
            return None
        limit = time.monotonic() - seconds
        return next((body for at, body in reversed(rows) if at <= limit), rows[0][1])


class Frames:
    """A websocket whose frames are repeated, lost, swapped, old, or no longer sent."""

    def __init__(self, send: Send, rules: Sequence[Rule], faults: "Faults") -> None:
        self._send, self._rules, self._faults = send, rules, faults
        self._held: Message | None = None
        self._first: Message | None = None
        self._silent_until = 0.0

    async def send(self, message: Message) -> None:
        if message["type"] != "websocket.send":
            await self._send(message)
            return
        if time.monotonic() < self._silent_until:
            return
        self._first = self._first or message
        rule = next(iter([each for each in self._rules if self._faults.strikes(each)]), None)
        for each in self._instead(rule, message):
            await self._send(each)

    def _instead(self, rule: Rule | None, message: Message) -> list[Message]:
        """Return what is sent in place of one frame."""
        held, self._held = self._held, None
        kind = rule.kind if rule else None
        if kind is Kind.STALL and rule is not None:
            self._silent_until = time.monotonic() + rule.seconds
            return []
        if kind is Kind.SWAP_FRAMES and held is None:
            self._held = message
            return []
        sent = {
            Kind.DUPLICATE_FRAME: [message, message],
            Kind.DROP_FRAME: [],
            Kind.STALE_FRAME: [message, self._first or message],
        }
        found: list[Message] = sent.get(kind, [message]) if kind else [message]
        return [*found, held] if held is not None else found


def _url(scope: Scope) -> str:
    return f"{scope['path']}?{scope['query_string'].decode()}"


async def _read(receive: Receive) -> None:
    while True:
        message = await receive()
        if message["type"] != "http.request" or not message.get("more_body"):
            return


async def _answer(send: Send, status: int, body: bytes, kind: bytes) -> None:
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
    if status == TOO_MANY:
        headers.append((b"retry-after", b"1"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _hang_up(receive: Receive) -> None:
    """Close the connection without a word: uvicorn's own transport, as ASGI has no way to."""
    cycle = getattr(receive, "__self__", None)
    transport = getattr(cycle, "transport", None)
    if transport is not None:
        transport.abort()
