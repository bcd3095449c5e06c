"""Reset an account's breakers by hand."""

from argparse import ArgumentParser
from getpass import getuser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.models import Account
from markets import clock
from risk.domain.breakers import BreakerKind
from risk.services import NothingToReset, reset_breaker


class Command(BaseCommand):
    help = "Reset open breakers of an account. Who did it, and why, is kept."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("account", help="the account's name")
        parser.add_argument("--why", required=True, help="kept with the reset")
        parser.add_argument("--kind", choices=[kind.value for kind in BreakerKind])

    def handle(self, *args: Any, **options: Any) -> None:
        accounts = list(Account.objects.filter(name=options["account"]))
        if len(accounts) != 1:
            names = ", ".join(Account.objects.values_list("name", flat=True)) or "none"
            raise CommandError(
                f"{len(accounts)} accounts are called {options['account']!r}. Accounts: {names}."
            )
        try:
            rows = reset_breaker(
                account_id=accounts[0].pk,
                kind=BreakerKind(options["kind"]) if options["kind"] else None,
                by=f"command ({getuser()})",
                why=options["why"],
                now=clock.now(),
            )
        except NothingToReset as problem:
            raise CommandError(str(problem)) from problem
        for row in rows:
            self.stdout.write(f"Reset {row.kind} of {accounts[0]}, open since {row.at:%H:%M} UTC.")
