"""Websockets: `/ws/market` for all, `/ws/user` with a key, `/` for what everybody traded."""

import hmac
import json
from contextlib import suppress

from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from sandbox.polymarket.server import Clob
from sandbox.polymarket.stream import ActivitySession, MarketSession, UserSession
from sandbox.telling import telling


def routes(clob: Clob) -> list[WebSocketRoute]:
    log, clock = clob.exchange.log, clob.clock

    async def market(socket: WebSocket) -> None:
        await socket.accept()
        session = MarketSession(clob.exchange)
        async with telling(session, socket, log=log, clock=clock):
            while True:
                frames = session.command(await _next(socket), now=clock.now())
                if frames:
                    await socket.send_json(frames)

    async def user(socket: WebSocket) -> None:
        await socket.accept()
        with suppress(WebSocketDisconnect):
            session = _signed_in(clob, await _next(socket))
            if session is None:
                await socket.close()
                return
            async with telling(session, socket, log=log, clock=clock):
                while True:
                    await _next(socket)

    async def activity(socket: WebSocket) -> None:
        await socket.accept()
        session = ActivitySession(clob.exchange)
        async with telling(session, socket, log=log, clock=clock):
            while True:
                session.command(await _next(socket))

    return [
        WebSocketRoute("/ws/market", market),
        WebSocketRoute("/ws/user", user),
        WebSocketRoute("/", activity),
    ]


async def _next(socket: WebSocket) -> object:
    """Return the next message; pings are answered on the way."""
    while True:
        text = await socket.receive_text()
        if text == "PING":
            await socket.send_text("PONG")
            continue
        try:
            found: object = json.loads(text)
        except (ValueError, RecursionError):
            continue
        return found


def _signed_in(clob: Clob, row: object) -> UserSession | None:
    """Return the session of a key whose secret and passphrase are right."""
    auth = row.get("auth") if isinstance(row, dict) else None
    if not isinstance(row, dict) or not isinstance(auth, dict):
        return None
    key = clob.exchange.keys.get(str(auth.get("apiKey")))
    if key is None:
        return None
    proofs = ((key.secret, "secret"), (key.passphrase, "passphrase"))
    given = {name: str(auth.get(name, "")).encode("utf-8", "replace") for _, name in proofs}
    if not all(hmac.compare_digest(own.encode(), given[name]) for own, name in proofs):
        return None
    markets = row.get("markets")
    named = [str(each) for each in markets] if isinstance(markets, list) else []
    return UserSession(clob.exchange, key.key, named)
