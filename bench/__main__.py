"""Run every benchmark on a throw-away database and print one line each: `make bench`."""

import os
import shutil
import sys
import tempfile


def main() -> int:
    folder = tempfile.mkdtemp(prefix="polymix-bench-")
    os.environ["POLYMIX_HOME"] = folder
    os.environ.setdefault("LOG_LEVEL", "ERROR")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "polymix.settings")
    from polymix import embedded

    embedded.use()
    try:
        return _run(folder)
    finally:
        embedded.leave()
        shutil.rmtree(folder, ignore_errors=True)


def _run(folder: str) -> int:
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    from bench import copying, kalshi, live, pairs, replay, sandbox, sizing, state

    missed = 0
    for measure in (
        sizing.measure,
        copying.measure_set,
        copying.measure_history,
        replay.measure,
        sandbox.measure,
        live.measure_signing,
        kalshi.measure_signing,
        live.measure_event,
        pairs.measure_scan,
        pairs.measure_wire,
        pairs.measure_one,
        state.measure,
    ):
        call_command("flush", verbosity=0, interactive=False)  # each begins with nothing
        result = measure(folder)
        print(result.line(), flush=True)
        missed += not result.reached
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
