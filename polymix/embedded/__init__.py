"""The bundled PostgreSQL and Valkey: started when no DATABASE_URL or REDIS_URL is set.

Both listen on private unix sockets only. Several commands may share them: each holds a shared
lock while it runs, and the last one to leave stops the servers.
"""

import atexit
import fcntl
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO

import psutil

from polymix.embedded import postgres, valkey
from polymix.embedded.processes import (
    ROOT,
    SPAWNED,
    ServerProblem,
    give_to_server,
    home,
    running,
    server_uid,
    socket_dir,
)

__all__ = [
    "ROOT",
    "ServerProblem",
    "database_url",
    "home",
    "leave",
    "redis_url",
    "revive",
    "socket_dir",
    "stop",
    "use",
]

NEEDED_BYTES = 200 * 1024 * 1024  # a new cluster takes 40 MB, and writing must not stop at once

_held: list[IO[str]] = []


def database_url() -> str:
    return os.environ.get("DATABASE_URL") or (f"postgresql://postgres@/polymix?host={socket_dir()}")


def redis_url() -> str:
    return os.environ.get("REDIS_URL") or f"unix://{socket_dir()}/valkey.sock"


def use(*, durable: bool = True) -> None:
    """Make sure both servers run for as long as this process does. Safe to call twice.

    Raises ServerProblem with one clear sentence.
    """
    if _held or (os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL")):
        return
    try:
        with _turn():
            users = (home() / "users.lock").open("w")
            fcntl.flock(users, fcntl.LOCK_SH)
            _held.append(users)
            _start(durable=durable)
    except OSError as error:
        raise ServerProblem(
            f"The bundled servers could not start: {error.strerror or error}. "
            f"Check free space and rights of {home()}."
        ) from error
    atexit.register(leave)


def revive() -> list[str]:
    """Start again what died of the servers this process uses; returns their names."""
    for process in SPAWNED:
        process.poll()  # a dead server that nobody reaped looks alive to the next one
    if not _held:
        return []
    wanted = [
        name
        for name, url in (("postgres", "DATABASE_URL"), ("valkey", "REDIS_URL"))
        if not os.environ.get(url)
    ]
    dead = [name for name in wanted if running(name) is None]
    if dead:
        with _turn():
            _start(durable=True)
    return dead


def leave() -> None:
    """Let go of the servers; stop them when nobody else uses them."""
    if not _held:
        return
    with _turn(), _held.pop() as users:
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return  # another command still uses them
        stop()
        shutil.rmtree(socket_dir(), ignore_errors=True)


@contextmanager
def _turn() -> Iterator[None]:
    """Let one process at a time start or stop servers; a killed one gives its turn up."""
    with (home() / "turn.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _start(*, durable: bool) -> None:
    _check_disk()
    _make_socket_dir()
    if not (home() / "postgres" / "PG_VERSION").exists():
        stop()  # servers of a data folder that was deleted under them
    if not os.environ.get("DATABASE_URL"):
        postgres.start(durable=durable)
    if not os.environ.get("REDIS_URL"):
        valkey.start()


def stop() -> None:
    """Stop both servers in order: the queue first, the rows last."""
    for name, how in (("valkey", signal.SIGTERM), ("postgres", signal.SIGINT)):
        process = running(name)
        if process is None:
            continue
        process.send_signal(how)  # SIGINT is PostgreSQL's fast shutdown
        with suppress(psutil.TimeoutExpired):
            process.wait(30)


def _check_disk() -> None:
    free = shutil.disk_usage(home()).free
    if free < NEEDED_BYTES:
        raise ServerProblem(
            f"Only {free // 2**20} MB are free for {home()}; PolyMix needs "
            f"{NEEDED_BYTES // 2**20} MB. Free some space and start again."
        )


def _make_socket_dir() -> None:
    folder = socket_dir()
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.lstat().st_uid not in {os.getuid(), server_uid()} or folder.is_symlink():
        raise ServerProblem(f"{folder} belongs to somebody else. Remove it and start again.")
    give_to_server(folder)
    folder.chmod(0o700)
