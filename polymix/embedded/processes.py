"""What both bundled servers need: a folder, an account to run as, a process to watch."""

import hashlib
import os
import pwd
import stat
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parent.parent.parent
START_SECONDS = 60  # a cold disk and a busy machine; the usual start takes one second

SPAWNED: list[subprocess.Popen[bytes]] = []  # kept, as they outlive the call that starts them


class ServerProblem(Exception):
    """A bundled server cannot run; the text says what happened and what to do."""


def home() -> Path:
    """Return the folder of this installation's data, made on first use."""
    folder = Path(os.environ.get("POLYMIX_HOME") or ROOT / ".polymix")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ServerProblem(
            f"Cannot make {folder}: {error.strerror}. Check the folder's rights and free space."
        ) from error
    return folder


def socket_dir() -> Path:
    """Return the folder of both sockets: short, as a socket's path may have 107 bytes at most."""
    digest = hashlib.sha256(str(home().resolve()).encode()).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"polymix-{os.getuid()}-{digest}"


def spawn(name: str, command: list[str], log: Path) -> None:
    """Start a server in a session of its own, so that Ctrl-C reaches only our own processes."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
            start_new_session=True,
            **as_server(),
        )
    SPAWNED.append(process)
    (socket_dir() / f"{name}.pid").write_text(str(process.pid))


def running(name: str) -> psutil.Process | None:
    """Return the server's process; a pid file whose process is another program is stale."""
    try:
        process = psutil.Process(int((socket_dir() / f"{name}.pid").read_text()))
        alive = name in process.name() and process.status() != psutil.STATUS_ZOMBIE
    except (FileNotFoundError, ValueError, psutil.Error):
        return None
    return process if alive else None


def wait_for(name: str, answers: Callable[[], bool], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if answers():
            return
        if running(name) is None:
            break
        time.sleep(0.05)
    lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
    raise ServerProblem(
        f"The bundled {name} did not start. Its last words: {' | '.join(lines[-3:]) or 'none'}. "
        f"The whole log is {log}."
    )


def server_uid() -> int:
    """PostgreSQL refuses to run as root, so root lends it the account `nobody`."""
    return pwd.getpwnam("nobody").pw_uid if os.getuid() == 0 else os.getuid()


def as_server() -> dict[str, Any]:
    """Return how a server process is started: as `nobody` and none of root's groups, if root."""
    if os.getuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def give_to_server(path: Path) -> None:
    if os.getuid() == 0:
        os.chown(path, server_uid(), -1)


def let_server_reach(path: Path) -> None:
    """Add the right to pass through, not to list, to the folders above `path`."""
    if os.getuid() != 0:
        return
    for folder in path.resolve().parents:
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            folder.chmod(mode | stat.S_IXOTH)
