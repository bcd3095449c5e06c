"""Tell a websocket what happened: sessions listen to the event log and answer when asked."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Any, Protocol

from starlette.websockets import WebSocket, WebSocketDisconnect

from sandbox.clock import Clock
from sandbox.log import EventLog


class Session(Protocol):
    """One connection's view of what happens."""

    def note(self, kind: str, fields: dict[str, Any]) -> None: ...
    def happened(self, *, now: datetime) -> list[dict[str, Any]]: ...


@asynccontextmanager
async def telling(
    session: Session, socket: WebSocket, *, log: EventLog, clock: Clock
) -> AsyncIterator[None]:
    """Send a session's frames while the block runs, until the other side hangs up."""
    news = asyncio.Event()

    def heard(kind: str, fields: dict[str, Any]) -> None:
        session.note(kind, fields)
        news.set()

    async def tell() -> None:
        with suppress(WebSocketDisconnect, RuntimeError):
            while True:
                await news.wait()
                news.clear()
                for frame in session.happened(now=clock.now()):
                    await socket.send_json(frame)

    log.listen(heard)
    teller = asyncio.create_task(tell())
    try:
        with suppress(WebSocketDisconnect):
            yield
    finally:
        log.forget(heard)
        teller.cancel()
