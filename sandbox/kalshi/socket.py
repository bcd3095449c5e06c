"""Websocket connections: who may open one, and the frames that go to and fro."""

import json

from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket

from sandbox.kalshi.refusals import Refusal
from sandbox.kalshi.server import Kalshi
from sandbox.kalshi.stream import Session
from sandbox.telling import telling
from sandbox.tolerance import MISTAKES

PATH = "/trade-api/ws/v2"


def route(kalshi: Kalshi) -> WebSocketRoute:
    async def endpoint(socket: WebSocket) -> None:
        now = kalshi.clock.now()
        try:
            times = (now, kalshi.clock.wall())
            user_id = kalshi.keys.user_of(socket.headers, method="GET", path=PATH, times=times)
        except Refusal:
            await socket.close(code=4401)
            return
        await socket.accept()
        await _talk(kalshi, Session(kalshi.exchange, user_id), socket)

    return WebSocketRoute(PATH, endpoint)


async def _talk(kalshi: Kalshi, session: Session, socket: WebSocket) -> None:
    """Answer commands and tell news until the other side hangs up."""
    async with telling(session, socket, log=kalshi.exchange.log, clock=kalshi.clock):
        while True:
            text = await socket.receive_text()
            try:
                row = json.loads(text)
            except (ValueError, RecursionError):
                row = None
            try:
                frames = session.command(row, now=kalshi.clock.now())
            except MISTAKES:
                frames = session.command(None, now=kalshi.clock.now())  # an unknown command
            for frame in frames:
                await socket.send_json(frame)
