"""Set up and run everything: servers, web, worker, beat and the feed."""

import fcntl
import logging
import os
import socket
from argparse import ArgumentParser
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from backtest.formats import UnreadableRecording
from backtest.resolutions import BadResolutions
from backtest.setting_up import CannotReplay
from polymix import embedded, feeds
from polymix.feeds import NoPort, Source
from polymix.supervisor import Child, Supervisor, end_orphans, python

log = logging.getLogger("polymix.up")

MINUTES = "10"
PROBLEMS = (embedded.ServerProblem, UnreadableRecording, BadResolutions, CannotReplay, NoPort)


class Command(BaseCommand):
    help = "Start PolyMix at http://127.0.0.1:8000 with a demo user and three paper accounts."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--recording",
            default="",
            help="recorded trades to replay; without it Polymarket live, or else the sandbox",
        )
        parser.add_argument("--resolutions", type=Path)
        parser.add_argument("--minutes", default=MINUTES, help="how long the replay should take")
        parser.add_argument("--port", type=int, default=int(os.environ.get("PORT", "8000")))

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            lock = _only_one()
            orphans = end_orphans()
            if orphans:
                log.info("Ended %s processes that an earlier run left behind", orphans)
            _check_port(options["port"])
            if settings.FEED == feeds.SANDBOX and not options["recording"]:
                feeds.refuse_real_money()  # before servers are started for nothing
            embedded.use()
            call_command("migrate", verbosity=0)
            source = _source(options)
        except PROBLEMS as why:
            raise CommandError(str(why)) from why
        except OSError as why:
            raise CommandError(f"PolyMix cannot start: {why}") from why
        self.stdout.write(_screen(source, options["port"]))
        logs = embedded.home() / "log"
        logs.mkdir(exist_ok=True)
        Supervisor(_children(source, options["port"]), logs=logs).run()
        embedded.leave()
        lock.close()
        self.stdout.write("Stopped. `make up` goes on where this ended.")


def _source(options: dict[str, Any]) -> Source:
    if not options["recording"]:
        wanted = settings.FEED
        if wanted not in ("auto", "live", "sandbox"):
            raise CommandError(f"FEED is auto, live or sandbox, not {wanted!r}.")
        # A folder that began on the sandbox stays there: invented and real prices never mix.
        may_be = wanted == "auto" and not feeds.began_on_sandbox()
        is_live = wanted == "live" or (may_be and feeds.is_reachable())
        return feeds.live() if is_live else feeds.sandbox()
    return feeds.recording(
        Path(options["recording"]),
        resolutions=options["resolutions"],
        minutes=options["minutes"],
    )


def _children(source: Source, port: int) -> list[Child]:
    web = ["-m", "uvicorn", "polymix.asgi:application", "--host", "127.0.0.1"]
    web += ["--port", str(port), "--no-access-log", "--timeout-graceful-shutdown", "3"]
    worker = ["-m", "celery", "-A", "polymix", "worker", "-P", "threads", "-c", "4"]
    return [
        Child(name="web", command=python(*web)),
        Child(name="worker", command=python(*worker, "-l", "INFO", "--without-gossip")),
        Child(name="beat", command=python("manage.py", "beat")),
        Child(name="deliver", command=python("manage.py", "deliver")),
        *source.children,
    ]


def _screen(source: Source, port: int) -> str:
    live = "LIVE_TRADING is on" if settings.LIVE_TRADING else "nothing is sent to an exchange"
    password = feeds.password_file().read_text().strip()
    return "\n".join(
        [
            "",
            f"  PolyMix    http://127.0.0.1:{port}/",
            f"  Login      demo / {password}   (kept in {feeds.password_file()})",
            f"  Mode       PAPER: simulated money, {live}",
            *source.lines,
            f"  Logs       {embedded.home() / 'log'}   Stop with Ctrl-C; the next start resumes.",
            "",
        ]
    )


def _check_port(port: int) -> None:
    if not 0 < port < 65536:
        raise CommandError(f"A port is a number from 1 to 65535, not {port}.")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise CommandError(
                f"Port {port} is in use by another program. Stop it, or choose another port: "
                "make up PORT=8001"
            ) from None


def _only_one() -> IO[str]:
    """Hold this folder's lock for as long as PolyMix runs; a killed run leaves none behind."""
    lock = (embedded.home() / "up.lock").open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise CommandError(
            "PolyMix already runs in this folder. Open its page, or stop it with Ctrl-C there."
        ) from None
    return lock
