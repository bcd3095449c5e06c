"""Pair the raw listings of both venues, without a database: which games they both have."""

import json
from argparse import ArgumentParser
from collections import Counter
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from backtest.listings import UnreadableListing, read
from markets.domain.matching import Match, Matched, match
from venues.kalshi import games as kalshi
from venues.polymarket import games as polymarket


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
            ours = [row for path in options["polymarket"] for row in read(path)]
            theirs = [row for path in options["kalshi"] for row in read(path)]
        except UnreadableListing as problem:
            raise CommandError(str(problem)) from problem
        found = match(polymarket.games_in(ours), kalshi.games_in(theirs))
        if options["json"]:
            rows = _refused(found) if options["refused"] else [_row(each) for each in found.pairs]
            self.stdout.write(json.dumps(rows, indent=2, ensure_ascii=False))
            return
        if options["refused"]:
            for each in _refused(found):
                self.stdout.write(f"{each['listing']}: {each['why']}")
            return
        for pair in found.pairs:
            self.stdout.write(_line(pair))
        kinds = Counter(each.why for each in found.refused)
        self.stdout.write(f"{len(found.pairs)} pairs; {len(found.refused)} listings refused:")
        for why, count in kinds.most_common(10):
            self.stdout.write(f"  {count:5}  {why}")


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
