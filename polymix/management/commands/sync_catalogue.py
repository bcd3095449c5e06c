"""Read both venues' catalogues now: Polymarket's open markets, page by page, and Kalshi's games."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from accounts.limits import shared_limits
from accounts.polymarket_keys import addresses
from accounts.venues import kalshi_public
from markets import catalogue, clock, kalshi_catalogue
from polymix.progress import bar
from venues.errors import Unreadable
from venues.polymarket.public import Public


class Command(BaseCommand):
    help = "Read the catalogue of open markets. `make up` does it bit by bit while it runs."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--pages", type=int, default=1000, help="of a hundred markets, at most")

    def handle(self, *args: Any, **options: Any) -> None:
        told = 0
        with Public(addresses(), limits=shared_limits()) as public, bar("Markets") as progress:
            for _ in range(options["pages"]):
                try:
                    page = catalogue.sync(public, pages=1, now=clock.database_now())
                except Unreadable as problem:
                    raise CommandError(
                        f"{problem} {told} markets were stored; the next start goes on from there."
                    ) from problem
                told += page
                progress(page)
                if catalogue.is_at_its_end():
                    break
        self.stdout.write(f"Polymarket's catalogue told of {told} open markets.")
        games = kalshi_catalogue.sync(
            kalshi_public(), settings.KALSHI_SERIES, now=clock.database_now()
        )
        self.stdout.write(f"Kalshi told of {games} contracts of games.")
