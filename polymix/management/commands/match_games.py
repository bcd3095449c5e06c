"""Pair the raw listings of both venues, without a database: which games they both have."""

import json
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, OutputWrapper

from backtest.listings import Unreadable, UnreadableListing, read
from markets.domain.matching import Match, Matched, match
from venues.kalshi import games as kalshi
from venues.polymarket import games as polymarket

SHOWN = 10  # reasons, and rows that could not be read


class Command(BaseCommand):
    help = "Find the games that both venues list; everything that is refused says why."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        for venue in ("polymarket", "kalshi"):
            parser.add_argument(
                f"--{venue}",
                type=Path,
                required=True,
                action="append",
                help="raw events or markets: JSON, JSON lines or CSV, also gzipped; repeatable",
            )
        parser.add_argument("--json", action="store_true", help="one JSON list, nothing else")
        parser.add_argument("--refused", action="store_true", help="list what was refused instead")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            ours = [read(path, polymarket.is_named) for path in options["polymarket"]]
            theirs = [read(path, kalshi.is_named) for path in options["kalshi"]]
        except UnreadableListing as problem:
            raise CommandError(str(problem)) from problem
        found = match(
            polymarket.games_in(row for file in ours for row in file.rows),
            kalshi.games_in(row for file in theirs for row in file.rows),
        )
        unreadable = [each for file in (*ours, *theirs) for each in file.unreadable]
        if options["json"]:
            rows = _refused(found) if options["refused"] else [_row(each) for each in found.pairs]
            self.stdout.write(json.dumps(rows, indent=2, ensure_ascii=False))
            self._name(self.stderr, unreadable, most=len(unreadable))
        elif options["refused"]:
            for each in _refused(found):
                self.stdout.write(f"{each['listing']}: {each['why']}")
            self._name(self.stdout, unreadable, most=len(unreadable))
        else:
            self._report(found)
            self._name(self.stdout, unreadable, most=SHOWN)

    def _report(self, found: Matched) -> None:
        for pair in found.pairs:
            self.stdout.write(_line(pair))
        kinds = Counter(each.why for each in found.refused)
        self.stdout.write(f"{len(found.pairs)} pairs; {len(found.refused)} listings refused:")
        for why, count in kinds.most_common(SHOWN):
            self.stdout.write(f"  {count:5}  {why}")

    def _name(self, out: OutputWrapper, unreadable: Sequence[Unreadable], *, most: int) -> None:
        """Count what could not be read, and name it: it may be a game."""
        if not unreadable:
            return
        out.write(f"{len(unreadable)} rows could not be read:")
        for each in unreadable[:most]:
            out.write(f"  {each}")
        if len(unreadable) > most:
            out.write(f"  and {len(unreadable) - most} more: --refused names them all.")


def _row(each: Match) -> dict[str, Any]:
    return {
        "polymarket_slug": each.market.slug,
        "kalshi_event_ticker": each.event.event,
        "league": each.identity.league,
        "away": each.away.usual,
        "home": each.home.usual,
        "date": each.identity.day.isoformat(),
        "outcome_index_away": each.away_index,
        "kalshi_away_ticker": each.away_ticker,
        "kalshi_home_ticker": each.home_ticker,
        "warnings": list(each.warnings),
    }


def _refused(found: Matched) -> list[dict[str, str]]:
    return [{"listing": each.listing, "why": each.why} for each in found.refused]


def _line(each: Match) -> str:
    warned = f"  ({' '.join(each.warnings)})" if each.warnings else ""
    return (
        f"{each.identity.day} {each.identity.league} {each.away.code} @ {each.home.code}  "
        f"{each.market.slug} = {each.event.event}{warned}"
    )
