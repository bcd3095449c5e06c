"""Size one trade or many, without a database: JSON in, JSON out."""

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from risk.domain.calculator import BadCase, size_cases


class Command(BaseCommand):
    help = "Read one sizing, or a list, as JSON from standard input and answer each."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON document only")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            asked = json.load(sys.stdin)
        except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
            raise CommandError(f"Standard input is not JSON: {error}") from error
        cases = asked if isinstance(asked, list) else [asked]
        try:
            answers = size_cases(cases)
        except BadCase as problem:
            raise CommandError(str(problem)) from problem
        if options["json"]:
            self.stdout.write(json.dumps(answers if isinstance(asked, list) else answers[0]))
            return
        for answer in answers:
            self.stdout.write(answer["words"])
            for reason in answer["reasons"]:
                self.stdout.write(f"  refused: {reason}")
