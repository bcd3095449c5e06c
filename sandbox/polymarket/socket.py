"""Websocket connections to the order book: `/ws/market` for all, `/ws/user` with a key."""

import asyncio
import hmac
import json
from contextlib import suppress

from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from sandbox.polymarket.server import Clob
from sandbox.polymarket.stream import MarketSession, UserSession


def routes(clob: Clob) -> list[WebSocketRoute]:
    async def market(socket: WebSocket) -> None:
        await socket.accept()
        session = MarketSession(clob.exchange)
        news = asyncio.Event()
        teller = asyncio.create_task(_tell(clob, session, socket, news))
        clob.exchange.log.listen(heard := lambda kind, fields: news.set())
        try:
            with suppress(WebSocketDisconnect):
                while True:
                    row = await _next(socket)
                    frames = session.command(row, now=clob.clock.now())
                    if frames:
                        await socket.send_json(frames)
        finally:
            clob.exchange.log.forget(heard)
            teller.cancel()

    async def user(socket: WebSocket) -> None:
        await socket.accept()
        with suppress(WebSocketDisconnect):
            session = _signed_in(clob, await _next(socket))
            if session is None:
                await socket.close()
                return
            news = asyncio.Event()

            def heard(kind: str, fields: dict[str, object]) -> None:
                session.note(kind, fields)
                news.set()

            clob.exchange.log.listen(heard)
            teller = asyncio.create_task(_tell(clob, session, socket, news))
            try:
                while True:
                    await _next(socket)
            finally:
                clob.exchange.log.forget(heard)
                teller.cancel()

    return [WebSocketRoute("/ws/market", market), WebSocketRoute("/ws/user", user)]


async def _next(socket: WebSocket) -> object:
    """Return the next message; pings are answered on the way."""
    while True:
        text = await socket.receive_text()
        if text == "PING":
            await socket.send_text("PONG")
            continue
        try:
            found: object = json.loads(text)
        except ValueError:
            continue
        return found


async def _tell(
    clob: Clob, session: MarketSession | UserSession, socket: WebSocket, news: asyncio.Event
) -> None:
    with suppress(WebSocketDisconnect, RuntimeError):
        while True:
            await news.wait()
            news.clear()
            for frame in session.happened(now=clob.clock.now()):
                await socket.send_json(frame)


def _signed_in(clob: Clob, row: object) -> UserSession | None:
    """Return the session of a key whose secret and passphrase are right."""
    auth = row.get("auth") if isinstance(row, dict) else None
    if not isinstance(row, dict) or not isinstance(auth, dict):
        return None
    key = clob.exchange.keys.get(str(auth.get("apiKey")))
    if key is None:
        return None
    proofs = ((key.secret, "secret"), (key.passphrase, "passphrase"))
    if not all(hmac.compare_digest(own, str(auth.get(name, ""))) for own, name in proofs):
        return None
    markets = row.get("markets")
    named = [str(each) for each in markets] if isinstance(markets, list) else []
    return UserSession(clob.exchange, key.key, named)
