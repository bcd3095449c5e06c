"""Set up and run everything: servers, web, worker, beat and the replay."""

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

from backtest import demo, sample, setting_up
from backtest.formats import UnreadableRecording
from backtest.resolutions import BadResolutions
from backtest.setting_up import CannotReplay, Plan
from markets.models import Feed
from polymix import embedded
from polymix.progress import bar
from polymix.supervisor import Child, Supervisor, end_orphans, python

log = logging.getLogger("polymix.up")

SAMPLE_TRADES = 12_000
MINUTES = "10"


class Command(BaseCommand):
    help = "Start PolyMix at http://127.0.0.1:8000 with a demo user and three paper accounts."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--recording", default="", help="recorded trades to replay")
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
            embedded.use()
            call_command("migrate", verbosity=0)
            plan = _plan(options)
        except (embedded.ServerProblem, UnreadableRecording, BadResolutions, CannotReplay) as why:
            raise CommandError(str(why)) from why
        except OSError as why:
            raise CommandError(f"PolyMix cannot start: {why}") from why
        self.stdout.write(_screen(plan, options["port"]))
        logs = embedded.home() / "log"
        logs.mkdir(exist_ok=True)
        Supervisor(_children(plan, options), logs=logs).run()
        embedded.leave()
        lock.close()
        self.stdout.write("Stopped. `make up` goes on where this ended.")


def _children(plan: Plan, options: dict[str, Any]) -> list[Child]:
    replay = ["manage.py", "replay", *(str(path) for path in plan.paths)]
    replay += ["--speed", options["minutes"], "--hands", "celery"]
    if plan.resolutions:
        replay += ["--resolutions", str(plan.resolutions)]
    web = ["-m", "uvicorn", "polymix.asgi:application", "--host", "127.0.0.1"]
    web += ["--port", str(options["port"]), "--no-access-log", "--timeout-graceful-shutdown", "3"]
    worker = ["-m", "celery", "-A", "polymix", "worker", "-P", "threads", "-c", "4"]
    return [
        Child(name="web", command=python(*web)),
        Child(name="worker", command=python(*worker, "-l", "INFO", "--without-gossip")),
        Child(name="beat", command=python("manage.py", "beat")),
        Child(name="replay", command=python(*replay), once=True),
    ]


def _plan(options: dict[str, Any]) -> Plan:
    if options["recording"]:
        recording = Path(options["recording"])
    else:
        recording = embedded.home() / "sample_trades.jsonl"
        if not recording.exists():
            sample.write(embedded.home(), trades=SAMPLE_TRADES)
    with bar("Reading the recording") as progress:
        return setting_up.set_up(
            paths=[recording.resolve()],
            resolutions_path=options["resolutions"],
            account_name=None,
            assumed=demo.ASSUMED,
            password_file=embedded.home() / "demo_password",
            progress=progress,
        )


def _screen(plan: Plan, port: int) -> str:
    feed = plan.feed
    live = "LIVE_TRADING is on" if settings.LIVE_TRADING else "nothing is sent to an exchange"
    state = "replayed" if feed.state == Feed.State.DONE else f"row {feed.position:,} of"
    results = plan.resolutions.name if plan.resolutions else "none, so nothing settles"
    password = (embedded.home() / "demo_password").read_text().strip()
    return "\n".join(
        [
            "",
            f"  PolyMix    http://127.0.0.1:{port}/",
            f"  Login      demo / {password}   (kept in {embedded.home() / 'demo_password'})",
            f"  Mode       PAPER: simulated money, {live}",
            f"  Feed       recording {feed.name}, {state} {feed.total:,} trades, "
            f"{plan.quarantined} bad rows set aside",
            "  ASSUMED    whale figures are set by hand for this replay, not earned",
            f"  Results    {results}",
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
