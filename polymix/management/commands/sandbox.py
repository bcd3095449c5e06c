"""Both exchanges on this machine, with games, prices, faults on command, and a judge."""

import asyncio
import socket
from argparse import ArgumentParser
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from backtest import happenings
from backtest.formats import UnreadableRecording
from backtest.resolutions import BadResolutions
from sandbox import faults
from sandbox.exchanges import Sandbox
from sandbox.faults import BadScript
from sandbox.recorded import Happening
from sandbox.serving import NotLoopback, check_loopback

PORT = 8700


class Command(BaseCommand):
    help = "Start both sandbox exchanges and print their URLs, wallets and keys."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--seed", type=int, default=1, help="the same seed, the same games")
        parser.add_argument("--faults", type=Path, help="a script of faults (docs/sandbox.md)")
        parser.add_argument(
            "--recording", type=Path, help="recorded trades and books to live again"
        )
        parser.add_argument("--resolutions", type=Path, help="how its markets ended (CSV)")
        parser.add_argument("--start", help="when it begins, like 2026-11-21T18:00:00Z; now")
        parser.add_argument("--speed", type=float, default=1.0, help="times real time")
        parser.add_argument(
            "--memory", type=Path, help="a file for the games that are on when it stops"
        )
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=PORT, help="and the two after it")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            check_loopback(options["host"])
            rules = faults.read(options["faults"]) if options["faults"] else []
            tape = _tape(options)
        except (BadScript, NotLoopback, UnreadableRecording, BadResolutions) as problem:
            raise CommandError(str(problem)) from problem
        if not 0 < options["speed"] <= 1000:
            raise CommandError("--speed is a number over 0 and up to 1000.")
        names = ("polymarket", "kalshi", "oracle")
        ports = {name: options["port"] + offset for offset, name in enumerate(names)}
        for port in ports.values():
            _check_port(options["host"], port)
        made = Sandbox(
            seed=options["seed"],
            start=_start(options["start"]),
            speed=options["speed"],
            rules=rules,
            memory=options["memory"],
            tape=tape,
        )
        self.stdout.write(_screen(made, options["host"], ports))
        with suppress(KeyboardInterrupt):
            asyncio.run(made.serve(host=options["host"], ports=ports))
        kept = (
            "games that are on go on at the next start" if options["memory"] else "nothing is kept"
        )
        self.stdout.write(f"Stopped; {kept}.")


def _start(text: str | None) -> datetime:
    """Return the first moment of the world: the same seed and start give the same log."""
    if text is None:
        return datetime.now(UTC)
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise CommandError(f"--start is a time like 2026-11-21T18:00:00Z, not {text!r}.") from None
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


def _tape(options: dict[str, Any]) -> list[Happening] | None:
    if options["recording"] is None:
        return None
    found = happenings.read([options["recording"]], results=options["resolutions"])
    if not found:
        raise CommandError(f"{options['recording']}: not one readable trade or book.")
    return found


def _check_port(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (OSError, OverflowError) as error:
            raise CommandError(
                f"Port {port} cannot be used ({error}). Name another: --port 9700"
            ) from error


def _screen(made: Sandbox, host: str, ports: dict[str, int]) -> str:
    lines = [
        "",
        "  SANDBOX: no real exchange, no real money; the keys below work nowhere else",
        f"  Polymarket   http://{host}:{ports['polymarket']}",
        f"  Kalshi       http://{host}:{ports['kalshi']}/trade-api/v2",
        f"  Oracle       http://{host}:{ports['oracle']}/oracle",
        "",
    ]
    for user in made.users:
        lines += [
            f"  {user.name}",
            f"    wallet      {user.wallet}",
            f"    wallet key  {user.wallet_key}",
            f"    its Safe    {user.safe}",
            f"    relayer key {user.relayer_key}",
            f"    Kalshi key  {user.kalshi_key_id}",
            *(f"    {line}" for line in user.kalshi_key.strip().splitlines()),
            "",
        ]
    games = [f"{game.starts_at:%H:%M} UTC  {game.polymarket.question}" for game in made.world.games]
    markets = ["  Games", *(f"    {game}" for game in games)] if games else ["  Markets of a tape"]
    return "\n".join([*lines, *markets, ""])
