"""Write the live feeds down, in the format that `replay`, `backtest` and the sandbox read."""

import signal
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from backtest.formats import record_message
from polymix.progress import bar
from venues.polymarket.raw import RawBooks, RawTrades

FLUSH_SECONDS = 1.0


class Command(BaseCommand):
    help = "Record everybody's trades, and books of some tokens, until Ctrl-C. Needs no key."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("path", type=Path, help="a file to write; an existing one goes on")
        parser.add_argument("--wallet", action="append", default=[], help="only trades of it")
        parser.add_argument("--token", action="append", default=[], help="also the book of it")
        parser.add_argument("--minutes", type=float, help="stop by itself after so long")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["minutes"] is not None and not 0 < options["minutes"] <= 1_000_000:
            raise CommandError("--minutes is a number over 0.")
        stopping: list[bool] = []
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopping.append(True))
        sources: list[RawTrades | RawBooks] = [
            RawTrades(settings.POLYMARKET_ACTIVITY_URL, wallets=options["wallet"])
        ]
        if options["token"]:
            sources.append(RawBooks(settings.POLYMARKET_WS_URL, tokens=options["token"]))
        try:
            # Line by line: a recording that is killed is whole up to its last second.
            output = options["path"].open("a", encoding="utf-8")
        except OSError as problem:
            raise CommandError(f"{options['path']} cannot be written: {problem}") from problem
        with output:
            count = _record(sources, output, stopping, minutes=options["minutes"])
        self.stdout.write(f"{count} messages were written to {options['path']}.")


def _record(
    sources: list[RawTrades | RawBooks],
    output: IO[str],
    stopping: list[bool],
    *,
    minutes: float | None,
) -> int:
    ends = time.monotonic() + 60 * minutes if minutes else float("inf")
    written = 0
    for source in sources:
        source.start()
    with bar("Messages") as progress:
        while not stopping and time.monotonic() < ends:
            time.sleep(FLUSH_SECONDS)
            written += _write(sources, output, progress)
    for source in sources:
        source.close()
    return written + _write(sources, output, lambda count: None)


def _write(sources: list[RawTrades | RawBooks], output: IO[str], progress: Any) -> int:
    count = 0
    for source in sources:
        for channel, at, message in source.take():
            line = record_message(message, venue="polymarket", channel=channel, at=at)
            output.write(line + "\n")
            count += 1
    output.flush()
    progress(count)
    return count
