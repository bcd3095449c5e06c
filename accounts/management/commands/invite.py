"""Make an invitation: a link with which one person may join."""

from argparse import ArgumentParser
from datetime import timedelta
from getpass import getuser
from typing import Any

from django.core.management.base import BaseCommand
from django.urls import reverse
from django.utils import timezone

from accounts.invitations import LASTS, invite


class Command(BaseCommand):
    help = "Print a link with which one person may join. It is shown this once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--note", default="", help="for whom it is; only you see it")
        parser.add_argument("--days", type=int, default=LASTS.days)
        parser.add_argument("--server", default="http://127.0.0.1:8000", help="how people reach it")

    def handle(self, *args: Any, **options: Any) -> None:
        _, token = invite(
            by=f"command ({getuser()})",
            note=options["note"],
            now=timezone.now(),
            lasts=timedelta(days=options["days"]),
        )
        path = reverse("invitation", args=[token])
        self.stdout.write(f"{options['server'].rstrip('/')}{path}")
        self.stdout.write(f"For one person, {options['days']} days from now.")
