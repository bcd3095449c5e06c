"""Serve the sandbox's applications on loopback, and nowhere else."""

import contextlib
import ipaddress
import socket
import threading
import time
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

START_SECONDS = 10


class NotLoopback(Exception):
    """Somebody asked the sandbox to listen where others could reach it."""


def check_loopback(host: str) -> None:
    """Refuse any address but this machine's own. Raises NotLoopback."""
    try:
        own = ipaddress.ip_address(host).is_loopback
    except ValueError:
        own = host == "localhost"
    if not own:
        raise NotLoopback(
            f"The sandbox listens on this machine only, not on {host}: it has no real users, no "
            "real money and no real safety."
        )


@contextlib.contextmanager
def serving(app: ASGIApp, *, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Serve an application from a thread while the block runs; yields its URL."""
    check_loopback(host)
    # Named as TCP, or asyncio would let small answers wait for an acknowledgement.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind((host, port))
        server = uvicorn.Server(
            # The date is the sandbox's own, where it tells one.
            uvicorn.Config(
                app, log_level="warning", access_log=False, lifespan="off", date_header=False
            )
        )
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        deadline = time.monotonic() + START_SECONDS
        while not server.started and time.monotonic() < deadline:
            time.sleep(0.01)
        try:
            yield f"http://{host}:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(START_SECONDS)
