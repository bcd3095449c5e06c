"""What earns something across both venues now. Never trades."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from markets import clock, opportunities
from markets.models import Opportunity, Pair
from polymix.management.commands.watch_arbitrage import check_addresses
from trading import pair_scan
from venues.errors import Unreadable
from venues.words import dollars, percent, price


class Command(BaseCommand):
    help = "Show what earns something across both venues now: as watched, or else by one look."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON list, nothing else")

    def handle(self, *args: Any, **options: Any) -> None:
        now = clock.database_now()
        if not pair_scan.is_watched(now=now):
            check_addresses()
            try:
                pair_scan.scan_once(trades=False)
            except Unreadable as problem:
                raise CommandError(
                    f"Nobody watches pairs now, and a venue does not answer: {problem}. Start "
                    "PolyMix with make up, or try again."
                ) from problem
        found = opportunities.current(now=clock.database_now())
        if options["json"]:
            self.stdout.write(json.dumps([as_json(each) for each in found], ensure_ascii=False))
            return
        for each in found:
            self.stdout.write(_line(each))
        pairs = Pair.objects.exclude(state=Pair.State.OVER).count()
        self.stdout.write(f"{len(found)} opportunities now; {pairs} pairs of games are watched.")


def as_json(row: Opportunity) -> dict[str, Any]:
    """Return an opportunity with money as text, as it is in every JSON of PolyMix."""
    game = row.pair.game
    return {
        "id": row.pk,
        "game": game.key,
        "league": game.league,
        "date": game.day.isoformat(),
        "route": row.route,
        "polymarket_slug": row.pair.polymarket.slug,
        "kalshi_event_ticker": row.pair.event,
        "polymarket_price": str(row.first_price),
        "kalshi_price": str(row.second_price),
        "sum": str(row.sum),
        "fees": str(row.fees),
        "gross": str(row.gross),
        "net": str(row.net),
        "roi": str(row.roi),
        "shares": str(row.shares),
        "capital": str(row.capital),
        "worst": str(-row.worst),
        "worst_branch": row.worst_branch,
        "pair_state": row.pair.state,
        "is_standard": row.pair.is_standard,
        "first_seen": row.first_seen.isoformat(),
        "last_seen": row.last_seen.isoformat(),
        "seconds": round((row.last_seen - row.first_seen).total_seconds(), 3),
    }


def _line(row: Opportunity) -> str:
    return (
        f"{row.pair.game.league} {row.pair.game}  P {price(row.first_price)} + "
        f"K {price(row.second_price)} = {price(row.sum)}  {row.shares.normalize():f} shares for "
        f"{dollars(row.capital)} earn {dollars(row.net, signed=True)} net, {percent(row.roi)}; "
        f"worst {dollars(-row.worst, signed=True)} if {row.worst_branch}"
    )
