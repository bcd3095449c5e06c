"""Websocket connections: who may open one, and the frames that go to and fro."""

import asyncio
import json
from contextlib import suppress

from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from sandbox.kalshi.refusals import Refusal
from sandbox.kalshi.server import Kalshi
from sandbox.kalshi.stream import Session

PATH = "/trade-api/ws/v2"


def route(kalshi: Kalshi) -> WebSocketRoute:
    async def endpoint(socket: WebSocket) -> None:
        now = kalshi.clock.now()
        try:
            user_id = kalshi.keys.user_of(socket.headers, method="GET", path=PATH, now=now)
        except Refusal:
            await socket.close(code=4401)
            return
        await socket.accept()
        await _talk(kalshi, Session(kalshi.exchange, user_id), socket)

    return WebSocketRoute(PATH, endpoint)


async def _talk(kalshi: Kalshi, session: Session, socket: WebSocket) -> None:
    """Answer commands and tell news until the other side hangs up."""
    news = asyncio.Event()

    def heard(kind: str, fields: dict[str, object]) -> None:
        session.note(kind, fields)
        news.set()

    kalshi.exchange.log.listen(heard)
    teller = asyncio.create_task(_tell(kalshi, session, socket, news))
    try:
        with suppress(WebSocketDisconnect):
            while True:
                text = await socket.receive_text()
                try:
                    row = json.loads(text)
                except ValueError:
                    row = None
                for frame in session.command(row, now=kalshi.clock.now()):
                    await socket.send_json(frame)
    finally:
        kalshi.exchange.log.forget(heard)
        teller.cancel()


async def _tell(kalshi: Kalshi, session: Session, socket: WebSocket, news: asyncio.Event) -> None:
    with suppress(WebSocketDisconnect, RuntimeError):
        while True:
            await news.wait()
            news.clear()
            for frame in session.happened(now=kalshi.clock.now()):
                await socket.send_json(frame)
