"""Misbehaviour on command: a script says where, when and how the exchanges fail.

- venue: kalshi                      # or polymarket
  endpoint: POST /portfolio/events/orders   # method and path; * matches any part
  nth: 2                             # the second call; or every: 3, or probability: 0.1
  do: accept_then_silence            # one of KINDS
  seconds: 2                         # of `slow`, and how long silence lasts
  status: 503                        # of `status`
"""

import asyncio
import fnmatch
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import yaml
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SILENCE = 30.0  # seconds, when the script names none


class Kind(StrEnum):
    ACCEPT_THEN_SILENCE = "accept_then_silence"  # done, and never told
    CLOSE_AFTER_BODY = "close_after_body"  # read, not done, and hung up
    ACCEPT_THEN_CLOSE = "accept_then_close"  # done, and hung up
    STATUS = "status"
    HTML = "html"
    TRUNCATED = "truncated"
    MALFORMED = "malformed"
    SLOW = "slow"


class BadScript(Exception):
    """A script of faults that cannot be read; the text says where and why."""


@dataclass(slots=True, kw_only=True)
class Rule:
    """One way to fail, and when."""

    venue: str
    endpoint: str
    kind: Kind
    nth: int | None = None
    every: int | None = None
    probability: float | None = None
    seconds: float = SILENCE
    status: int = 503
    calls: int = field(default=0)

    def strikes(self, draw: random.Random) -> bool:
        """Count one call and tell whether this one fails."""
        self.calls += 1
        if self.nth is not None:
            return self.calls == self.nth
        if self.every is not None:
            return self.calls % self.every == 0
        return self.probability is None or draw.random() < self.probability


def read(path: Path) -> list[Rule]:
    """Read a script. Raises BadScript."""
    try:
        rows = yaml.safe_load(path.read_text())
    except OSError as error:
        raise BadScript(f"{path}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadScript(f"{path} is not YAML: {error}") from error
    if not isinstance(rows, list):
        raise BadScript(f"{path} must hold a list of faults")
    return [_rule(row, f"{path}, fault {number}") for number, row in enumerate(rows, start=1)]


def _rule(row: object, where: str) -> Rule:
    if not isinstance(row, dict):
        raise BadScript(f"{where} is not a set of names and values")
    known = {"venue", "endpoint", "do", "nth", "every", "probability", "seconds", "status"}
    unknown = set(row) - known
    if unknown:
        raise BadScript(f"{where}: there is no {sorted(map(str, unknown))[0]!r}")
    if row.get("venue") not in ("kalshi", "polymarket") or not isinstance(row.get("endpoint"), str):
        raise BadScript(f"{where} needs a venue (kalshi or polymarket) and an endpoint")
    try:
        kind = Kind(str(row.get("do")))
    except ValueError:
        raise BadScript(f"{where}: `do` is one of {', '.join(Kind)}") from None
    options: dict[str, Any] = {name: row[name] for name in known & set(row) - {"do"}}
    for name in ("nth", "every", "status"):
        if name in options and (not isinstance(options[name], int) or options[name] < 1):
            raise BadScript(f"{where}: {name} is a whole number over 0")
    for name in ("probability", "seconds"):
        if name in options and not isinstance(options[name], int | float):
            raise BadScript(f"{where}: {name} is a number")
    return Rule(kind=kind, **options)


class Faults:
    """Wraps a server: most calls pass, the script's fail."""

    def __init__(self, app: ASGIApp, rules: Sequence[Rule], *, venue: str, seed: int = 0) -> None:
        self._app = app
        self._rules = [rule for rule in rules if rule.venue == venue]
        self._draw = random.Random(seed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        rule = self._rule_for(scope) if scope["type"] == "http" else None
        if rule is None:
            await self._app(scope, receive, send)
        else:
            await self._fail(rule, scope, receive, send)

    def _rule_for(self, scope: Scope) -> Rule | None:
        called = f"{scope['method']} {scope['path']}"
        for rule in self._rules:
            method, _, path = rule.endpoint.partition(" ")
            wanted = f"{method} *{path}" if path.startswith("/") else rule.endpoint
            if fnmatch.fnmatchcase(called, wanted) and rule.strikes(self._draw):
                return rule
        return None

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
                await _answer(send, rule.status, b'{"error":"injected"}', b"application/json")
            case Kind.HTML:
                await _read(receive)
                page = b"<html><body>Just a moment...</body></html>"
                await _answer(send, rule.status, page, b"text/html")
            case Kind.TRUNCATED | Kind.MALFORMED:
                await self._app(scope, receive, _broken(send, cut=rule.kind is Kind.TRUNCATED))


async def _nowhere(message: Message) -> None:
    """Let an answer go unsent."""


def _broken(send: Send, *, cut: bool) -> Send:
    """Return a sender that spoils the body: cut in the middle, or no JSON."""

    async def spoil(message: Message) -> None:
        if message["type"] == "http.response.start":
            kept = [row for row in message["headers"] if row[0] != b"content-length"]
            await send({**message, "headers": kept})
            return
        body = message.get("body", b"")
        await send({**message, "body": body[: len(body) // 2] if cut else body + b'}{"'})

    return spoil


async def _read(receive: Receive) -> None:
    while True:
        message = await receive()
        if message["type"] != "http.request" or not message.get("more_body"):
            return


async def _answer(send: Send, status: int, body: bytes, kind: bytes) -> None:
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _hang_up(receive: Receive) -> None:
    """Close the connection without a word: uvicorn's own transport, as ASGI has no way to."""
    cycle = getattr(receive, "__self__", None)
    transport = getattr(cycle, "transport", None)
    if transport is not None:
        transport.abort()
