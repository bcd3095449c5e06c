#!/usr/bin/env python
"""The command line of PolyMix: `python manage.py help` lists the commands."""

import os
import sys

NEEDS_NO_DATABASE = {"check", "collectstatic", "help", "sandbox", "size", "up", "version"}
NEEDS_NO_DATABASE |= {"--version"}


def main() -> None:
    """Start the bundled servers when the command needs them, then run the command."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "polymix.settings")
    from django.core.management import execute_from_command_line
    from django.db.utils import OperationalError, ProgrammingError

    from polymix import embedded

    if len(sys.argv) > 1 and sys.argv[1] not in NEEDS_NO_DATABASE and "--help" not in sys.argv:
        try:
            embedded.use()
        except embedded.ServerProblem as problem:
            sys.exit(str(problem))
    try:
        execute_from_command_line(sys.argv)
    except ProgrammingError as error:
        if "does not exist" not in str(error):
            raise
        sys.exit("The database is not set up for this version. Run: make up, or manage.py migrate.")
    except OperationalError as error:
        reason = str(error).strip().splitlines()[0]
        sys.exit(f"The database does not answer: {reason}. Check DATABASE_URL, or unset it.")


if __name__ == "__main__":
    main()
