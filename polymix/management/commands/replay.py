"""Replay recorded trades through the platform, on the real database."""

import contextlib
import json
import math
import signal
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from backtest import answers, demo, setting_up
from backtest.formats import UnreadableRecording
from backtest.replay import Replay
from backtest.resolutions import BadResolutions
from backtest.setting_up import CannotReplay
from markets.models import Feed
from polymix import embedded
from polymix.progress import Bar, bar
from trading.hands import Hands, OwnHands


class Command(BaseCommand):
    help = "Replay recorded trades through copying, with paper fills, exact books and settlement."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("paths", nargs="+", type=Path, metavar="PATH")
        parser.add_argument("--account", help="an account by name; default: three demo accounts")
        parser.add_argument("--resolutions", type=Path, help="CSV of market,winner[,resolved_at]")
        parser.add_argument(
            "--assume", help="a whale profile for every follow: q=85,s=2.5,w=66,c=50,r=0"
        )
        parser.add_argument(
            "--speed", default="max", help="max, or the minutes that the whole tape should take"
        )
        parser.add_argument("--hands", choices=["own", "celery"], default="own")
        parser.add_argument("--json", action="store_true", help="print one JSON document only")

    def handle(self, *args: Any, **options: Any) -> None:
        stopping = _listen_for_stop()
        started = time.monotonic()
        if Feed._meta.db_table not in connection.introspection.table_names():
            call_command("migrate", verbosity=0)  # a fresh clone
        try:
            with bar("Reading", quiet=options["json"]) as reading:
                plan = setting_up.set_up(
                    paths=options["paths"],
                    resolutions_path=options["resolutions"],
                    account_name=options["account"],
                    assumed=_assumed(options["assume"]),
                    password_file=embedded.home() / "demo_password",
                    progress=reading,
                )
            with (
                _only_one(),
                bar("Replaying", quiet=options["json"], total=plan.feed.total) as done,
            ):
                done(plan.feed.position)
                self._run(plan, options, done, stopping)
        except (UnreadableRecording, BadResolutions, CannotReplay) as problem:
            raise CommandError(str(problem)) from problem
        answer = answers.answer(plan, seconds=time.monotonic() - started)
        text = json.dumps(answer, indent=None if options["json"] else 2)
        self.stdout.write(text if options["json"] else answers.in_words(answer))

    def _run(
        self, plan: setting_up.Plan, options: dict[str, Any], progress: Bar, stopping: list[bool]
    ) -> None:
        if plan.feed.state == Feed.State.DONE:
            return
        Replay(
            feed=plan.feed,
            paths=plan.paths,
            in_order=plan.in_order,
            winners=plan.winners,
            hands=_hands(options["hands"]),
            rows_per_second=_pace(options["speed"], plan.feed.total),
            progress=progress,
            stop=lambda: bool(stopping),
        ).run()


def _listen_for_stop() -> list[bool]:
    """Let SIGTERM and SIGINT end the replay between two trades."""
    stopping: list[bool] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.append(True))
    return stopping


@contextlib.contextmanager
def _only_one() -> Iterator[None]:
    """Hold the lock that keeps a second replay from moving the same clock."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtext('polymix replay'))")
        if not cursor.fetchone()[0]:
            raise CannotReplay(
                "Another replay is running on this database. Wait for it, or stop it first."
            )
        try:
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock(hashtext('polymix replay'))")


def _hands(name: str) -> Hands:
    if name == "own":
        return OwnHands()
    from polymix.hands import CeleryHands

    return CeleryHands()


def _pace(speed: str, rows: int) -> float | None:
    if speed == "max":
        return None
    try:
        minutes = float(speed)
    except ValueError:
        raise CommandError(f"--speed is `max` or a number of minutes, not {speed!r}.") from None
    if not 0 < minutes < 10_000:
        raise CommandError(f"--speed is a number of minutes over 0, not {speed}.")
    return max(rows / (minutes * 60), 0.1)


def _assumed(text: str | None) -> dict[str, float] | None:
    if text is None:
        return None
    profile = dict(demo.ASSUMED)
    for part in text.split(","):
        name, _, value = part.partition("=")
        if name.strip() not in profile:
            raise CommandError(f"--assume knows q, s, w, c and r, not {name.strip()!r}.")
        try:
            profile[name.strip()] = float(value)
        except ValueError:
            raise CommandError(f"--assume {part!r}: {value!r} is not a number.") from None
    if not all(math.isfinite(value) for value in profile.values()):
        raise CommandError("--assume takes finite numbers only.")
    if not all(0 <= profile[name] <= 100 for name in "qwc"):
        raise CommandError("--assume: q, w and c lie between 0 and 100.")
    return profile
