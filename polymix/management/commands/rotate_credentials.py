"""Make, check and change the keys that wrap every stored credential."""

from argparse import ArgumentParser
from typing import Any

from cryptography.fernet import Fernet
from django.core.management.base import BaseCommand, CommandError

from accounts import credentials
from accounts.models import VenueCredential
from accounts.vault import VaultClosed
from notifications import channels


class Command(BaseCommand):
    help = (
        "Wrap all credentials and channels by the first of CREDENTIAL_KEYS. To rotate: put a new "
        "key first in the list, restart, run this, and take the old key out of the list."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--check", action="store_true", help="only try to open each of them")
        what.add_argument("--new-key", action="store_true", help="only print a new key")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["new_key"]:
            self.stdout.write(Fernet.generate_key().decode())
        elif options["check"]:
            self._check()
        else:
            try:
                count, told = credentials.rotate(), channels.rotate()
            except VaultClosed as problem:
                raise CommandError(str(problem)) from problem
            self.stdout.write(f"{count} credentials are wrapped by the first key.")
            self.stdout.write(f"{told} channels of notifications are, too.")

    def _check(self) -> None:
        """Open each one and forget it again; exits with an error when one stays shut."""
        shut = 0
        rows = VenueCredential.objects.select_related("account").filter(removed_at__isnull=True)
        for credential in rows:
            try:
                credentials.secrets_of(credential)
            except VaultClosed as problem:
                shut += 1
                self.stdout.write(f"!! {credential.account}, {credential}: {problem}")
        self.stdout.write(f"{len(rows) - shut} of {len(rows)} credentials open.")
        if shut:
            raise CommandError(f"{shut} credentials do not open; nothing is sent for them.")
