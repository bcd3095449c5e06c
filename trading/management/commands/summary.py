"""Print how accounts stand."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.models import Account
from markets import clock
from trading.summary import as_json, summary
from venues.words import dollars


class Command(BaseCommand):
    help = "Balance, total value, P&L, win rate, drawdown and breakers of one account or all."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--account", help="an account by name; default: all")
        parser.add_argument("--json", action="store_true", help="print one JSON document only")

    def handle(self, *args: Any, **options: Any) -> None:
        accounts = Account.objects.order_by("created_at", "name")
        if options["account"]:
            accounts = accounts.filter(name=options["account"])
        found = [as_json(summary(account=each, now=clock.now())) for each in accounts]
        if options["account"] and not found:
            names = ", ".join(Account.objects.values_list("name", flat=True)) or "none"
            raise CommandError(f"There is no account {options['account']!r}. Accounts: {names}.")
        if options["json"]:
            self.stdout.write(json.dumps(found[0] if options["account"] else found))
            return
        if not found:
            self.stdout.write("No accounts yet. `make up RECORDING=path` makes three.")
        for each in found:
            self.stdout.write(_words(each))


def _words(each: dict[str, Any]) -> str:
    def percent(name: str) -> str:
        return "none yet" if each[name] is None else f"{each[name]:.1f}%"

    def pnl(name: str) -> str:
        return dollars(float(each[name]), signed=True)

    kind = "paper" if each["mode"] == "PAPER" else each["mode"].lower()
    return "\n".join(
        [
            f"{each['account']} ({kind}, {each['preset']})",
            f"  balance {dollars(float(each['balance']))} {kind}, total value "
            f"{dollars(float(each['total_value']))}, exposure {dollars(float(each['exposure']))}",
            f"  P&L {pnl('pnl')} (ROI {percent('roi')} of the starting balance), "
            f"today {pnl('daily_pnl')}, unrealised {pnl('unrealised')}",
            f"  {each['trades']} closed: {each['wins']} won, {each['losses']} lost, "
            f"win rate {percent('win_rate')}, average ROI {percent('average_roi')}",
            f"  max drawdown {each['max_drawdown']:.1f}%, {each['open_positions']} open, "
            f"breaker {each['breaker']}",
        ]
    )
