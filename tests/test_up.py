"""`make up` as a person meets it: one screen, one page, Ctrl-C, and clear refusals."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg
import pytest

from backtest import sample
from polymix import embedded

ROOT = Path(__file__).resolve().parent.parent


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def place(tmp_path) -> Path:
    """A folder with spaces in its name and a path of over 150 characters."""
    folder = tmp_path / "a folder with spaces" / ("x" * 120)
    folder.mkdir(parents=True)
    return folder


def up(place: Path, port: int, *, minutes: float = 0.2, sandbox: bool = False) -> subprocess.Popen:
    environment = {
        key: value
        for key, value in os.environ.items()
        if key not in ("DATABASE_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE")
    }
    environment["POLYMIX_HOME"] = str(place / ".polymix")
    environment["FEED"] = "sandbox"  # nothing is asked outside of this machine
    feed = [] if sandbox else ["--recording", str(sample.write(place, trades=300))]
    return subprocess.Popen(
        [
            *(sys.executable, "manage.py", "up", *feed),
            *("--port", str(port), "--minutes", str(minutes)),
        ],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def wait_for_page(port: int, process: subprocess.Popen) -> str:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, process.stdout.read()
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/login/", timeout=2) as page:
                return page.read().decode()
        except OSError:
            time.sleep(0.2)
    raise AssertionError("the page never came")


def children_of(process: subprocess.Popen) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


def listening(process: subprocess.Popen) -> set[str]:
    found = []
    for child in children_of(process):
        with suppress(psutil.NoSuchProcess):  # some of them are done in a moment
            found += child.net_connections(kind="inet")
    return {each.laddr.ip for each in found if each.status == psutil.CONN_LISTEN}


def server(name: str) -> psutil.Process:
    return psutil.Process(int((embedded.socket_dir() / f"{name}.pid").read_text()))


def read_so_far() -> tuple[int, int, int]:
    """Return the feed's position and length, and the trades stored."""
    with psycopg.connect(
        host=str(embedded.socket_dir()), user="postgres", dbname="polymix"
    ) as connection:
        return connection.execute(
            "SELECT position, total, (SELECT count(*) FROM whales_whaletrade) FROM markets_feed"
        ).fetchone()


def test_whatever_is_killed_comes_back_and_the_replay_loses_nothing(place, monkeypatch):
    monkeypatch.setenv("POLYMIX_HOME", str(place / ".polymix"))
    port = free_port()
    process = up(place, port, minutes=0.3)
    wait_for_page(port, process)
    (web,) = [each for each in children_of(process) if "uvicorn" in " ".join(each.cmdline())]
    before, length, _ = read_so_far()
    killed = [server("valkey"), server("postgres")]
    for each in (web, *killed):
        each.kill()
    deadline = time.monotonic() + 90
    position, total, stored = 0, -1, 0
    while position != total and time.monotonic() < deadline:
        time.sleep(0.5)
        with suppress(psycopg.OperationalError, psycopg.errors.UndefinedTable):
            position, total, stored = read_so_far()
    back = [server("valkey"), server("postgres")]
    page = wait_for_page(port, process)
    orphans = [each for each in children_of(process) if "python" in each.name()]
    process.kill()  # the supervisor itself: it can end nobody
    output, _ = process.communicate()

    assert before < length  # they died in the middle
    assert (position, stored) == (total, total), output
    assert all(now.pid != then.pid for now, then in zip(back, killed, strict=True))
    assert "Sign in" in page
    _starts_again_and_stops_in_order(place, port, orphans)


def _starts_again_and_stops_in_order(place: Path, port: int, orphans: list[psutil.Process]) -> None:
    """Run the very command that was killed: one screen, on loopback, alone, and Ctrl-C ends it."""
    process = up(place, port, minutes=0.3)
    try:
        _, left = psutil.wait_procs(orphans, timeout=30)  # or one of them serves the page
        page = wait_for_page(port, process)
        bound = listening(process)
        busy, _ = up(place.parent, port).communicate(timeout=60)
        twice, _ = up(place, free_port()).communicate(timeout=60)
        children = children_of(process)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)
    finally:
        if process.poll() is None:
            process.kill()

    assert not left
    assert "Sign in" in page
    assert bound == {"127.0.0.1"}
    assert f"Port {port} is in use by another program" in busy
    assert "already runs in this folder" in twice
    assert process.returncode == 0, output
    for word in (f"http://127.0.0.1:{port}/", "Login      demo /", "Mode       PAPER", "ASSUMED"):
        assert word in output
    assert "goes on where this ended" in output
    assert not [child for child in children if child.is_running()]


def copied_by_default() -> int:
    with psycopg.connect(
        host=str(embedded.socket_dir()), user="postgres", dbname="polymix"
    ) as connection:
        return connection.execute(
            "SELECT count(*) FROM trading_decision d JOIN accounts_account a ON a.id = d.account_id"
            " WHERE a.name = 'Default' AND d.reason = 'COPIED' AND NOT d.assumed"
        ).fetchone()[0]


def watched_pairs() -> tuple[int, int]:
    """Return how many pairs of games are watched, and how many schedules of ours there are."""
    with psycopg.connect(
        host=str(embedded.socket_dir()), user="postgres", dbname="polymix"
    ) as connection:
        return connection.execute(
            "SELECT (SELECT count(*) FROM markets_pair WHERE is_standard),"
            " (SELECT count(*) FROM django_celery_beat_periodictask WHERE task LIKE 'trading.%')"
        ).fetchone()


def test_without_a_recording_the_sandbox_is_copied_within_two_minutes(place, monkeypatch):
    monkeypatch.setenv("POLYMIX_HOME", str(place / ".polymix"))
    port = free_port()
    process = up(place, port, sandbox=True)
    try:
        deadline, copied = time.monotonic() + 120, 0
        page = wait_for_page(port, process)
        bound = listening(process)
        pairs = schedules = 0
        while not (copied and pairs and schedules) and time.monotonic() < deadline:
            time.sleep(0.5)
            copied, (pairs, schedules) = copied_by_default(), watched_pairs()
    finally:
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)

    assert copied, (place / ".polymix" / "log" / "watch.log").read_text()
    assert pairs, (place / ".polymix" / "log" / "pairs.log").read_text()
    assert schedules
    assert "SANDBOX" in page
    assert "SANDBOX" in output
    assert bound == {"127.0.0.1"}
    assert process.returncode == 0, output


def test_the_sandbox_is_never_traded_where_live_trading_is_on(place, monkeypatch):
    monkeypatch.setenv("LIVE_TRADING", "true")
    process = up(place, free_port(), sandbox=True)
    output, _ = process.communicate(timeout=60)

    assert process.returncode != 0
    assert "never traded with real money" in output
