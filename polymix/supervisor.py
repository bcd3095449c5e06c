"""Run the platform's processes side by side: start, restart with back-off, stop in order."""

import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from polymix import embedded

log = logging.getLogger("polymix.up")

FIRST_WAIT = 1.0  # seconds before the first restart; doubled each time up to the longest
LONGEST_WAIT = 30.0
HEALTHY_AFTER = 60.0  # a child that ran this long starts again without waiting long
STOP_SECONDS = 20.0
TICK = 0.2
LOOK_AT_SERVERS = 3.0  # seconds between two looks at the bundled servers


@dataclass(kw_only=True)
class Child:
    """One process of ours; `once` marks work that ends by itself."""

    name: str
    command: Sequence[str]
    once: bool = False
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    wait: float = FIRST_WAIT
    due: float = 0.0
    done: bool = False
    stopping: bool = field(default=False)


class Supervisor:
    """Children in the order in which they start; they stop in the opposite one."""

    def __init__(self, children: Sequence[Child], *, logs: Path) -> None:
        self._children = list(children)
        self._logs = logs
        self._pids = embedded.home() / "children.json"
        self._stop = False
        self._look_again = 0.0

    def run(self) -> None:
        """Keep every child running until SIGINT or SIGTERM, then stop all in order."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._asked_to_stop)
        try:
            while not self._stop:
                self._look_after_servers()
                for child in self._children:
                    self._look_after(child)
                time.sleep(TICK)
        finally:
            for child in reversed(self._children):
                self._end(child)
            self._pids.unlink(missing_ok=True)

    def _asked_to_stop(self, *_: object) -> None:
        self._stop = True

    def _look_after_servers(self) -> None:
        if time.monotonic() < self._look_again:
            return
        self._look_again = time.monotonic() + LOOK_AT_SERVERS
        try:
            for name in embedded.revive():
                log.warning("The bundled %s had died; it runs again", name)
        except embedded.ServerProblem as problem:
            log.error("%s Trying again.", problem)

    def _look_after(self, child: Child) -> None:
        if child.done or self._stop:
            return
        if child.process is None:
            if time.monotonic() >= child.due:
                self._start(child)
            return
        code = child.process.poll()
        if code is None:
            return
        child.process = None
        if child.once and code == 0:
            child.done = True
            log.info("%s has finished", child.name)
            return
        ran = time.monotonic() - child.started
        child.wait = FIRST_WAIT if ran > HEALTHY_AFTER else child.wait
        child.due = time.monotonic() + child.wait
        log.warning(
            "%s ended with code %s; starting it again in %.0f s (%s)",
            child.name,
            code,
            child.wait,
            self._logs / f"{child.name}.log",
        )
        child.wait = min(child.wait * 2, LONGEST_WAIT)

    def _start(self, child: Child) -> None:
        with (self._logs / f"{child.name}.log").open("ab") as output:
            # A session of its own: Ctrl-C is ours to pass on, in order.
            child.process = subprocess.Popen(
                child.command,
                cwd=embedded.ROOT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                env={**os.environ, "POLYMIX_CHILD": child.name},
            )
        child.started = time.monotonic()
        self._remember()

    def _end(self, child: Child) -> None:
        process = child.process
        if process is None or process.poll() is not None:
            return
        log.info("Stopping %s", child.name)
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            log.warning("%s does not stop; killing it", child.name)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def _remember(self) -> None:
        """Keep pids with their start times, so that the next start finds orphans."""
        rows = []
        for child in self._children:
            if child.process is not None:
                with suppress(psutil.NoSuchProcess):
                    made = psutil.Process(child.process.pid).create_time()
                    rows.append([child.process.pid, made])
        self._pids.write_text(json.dumps(rows))


def end_orphans() -> int:
    """End children of an earlier run whose supervisor was killed; returns how many."""
    path = embedded.home() / "children.json"
    try:
        rows = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return 0
    ended = 0
    for pid, made in rows:
        with suppress(psutil.Error):
            process = psutil.Process(pid)
            if process.create_time() != made:
                continue  # the pid belongs to another program by now
            for each in [*process.children(recursive=True), process]:
                with suppress(psutil.Error):
                    each.kill()
                    each.wait(5)  # its port is free only then
            ended += 1
    path.unlink(missing_ok=True)
    return ended


def python(*arguments: str) -> list[str]:
    return [sys.executable, *arguments]
