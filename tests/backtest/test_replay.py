"""A replay's books depend on the tape alone: not on kills, restarts, or who does the work."""

import json
import os
import signal
import subprocess
import sys
import time
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import override_settings

from backtest import answers, demo, sample, setting_up
from backtest.replay import Replay
from markets.models import Feed
from polymix import embedded
from tests.conftest import empty
from tests.world import assert_invariants
from trading.hands import OwnHands
from trading.models import Decision, Order
from whales.models import QuarantinedRow

ROOT = Path(__file__).resolve().parent.parent.parent
TRADES = 500


@pytest.fixture
def tape(tmp_path) -> Path:
    return sample.write(tmp_path, trades=TRADES)


def plan_for(path: Path) -> setting_up.Plan:
    return setting_up.set_up(
        paths=[path],
        resolutions_path=None,
        account_name=None,
        assumed=demo.ASSUMED,
        password_file=path.with_name("password"),
        progress=lambda rows: None,
    )


def run(path: Path, **options) -> setting_up.Plan:
    plan = plan_for(path)
    Replay(
        feed=plan.feed, paths=plan.paths, in_order=plan.in_order, winners=plan.winners, **options
    ).run()
    return plan


def books(plan: setting_up.Plan) -> str:
    assert_invariants()
    return answers.books_digest([account.pk for account in plan.accounts])


@pytest.fixture
def reference(transactional_db, tape) -> str:
    """The books of a run that nobody disturbed."""
    found = books(run(tape))
    assert empty() or call_command("flush", verbosity=0, interactive=False) is None
    return found


def test_a_replay_copies_settles_and_balances(transactional_db, tape):
    plan = run(tape)

    answer = answers.answer(plan, seconds=1)
    assert answer["trades"] == TRADES
    assert answer["decisions_by_reason"]["COPIED"] > 10
    assert answer["fills"] > 5
    assert answer["open_positions"] == 0
    assert answer["ledger_sum"] == "0.00"
    assert [account["name"] for account in answer["accounts"]] == [
        "Default",
        "Conservative",
        "Aggressive",
    ]
    assert_invariants()


def test_replaying_twice_changes_nothing(transactional_db, tape):
    first = books(run(tape))
    decisions = Decision.objects.count()

    second = books(run(tape))

    assert first == second
    assert Decision.objects.count() == decisions


def test_the_same_tape_gives_the_same_books(reference, tape):
    assert books(run(tape)) == reference


def test_stopping_and_going_on_many_times_gives_the_same_books(reference, tape):
    stops = iter(range(37, TRADES, 61))
    limit = next(stops)
    for _ in range(20):
        seen = []
        run(tape, progress=seen.append, stop=lambda seen=seen: len(seen) > 60)
    plan = run(tape)

    assert plan.feed.position >= limit
    assert books(plan) == reference


@override_settings(LIVE_TRADING=True)
def test_a_recording_never_runs_where_real_money_may_be_traded(db, tape):
    with pytest.raises(setting_up.CannotReplay, match="LIVE_TRADING is true"):
        plan_for(tape)

    assert not Feed.objects.exists()


def test_a_trade_that_the_tape_brings_twice_counts_once(reference, tape):
    rows = tape.read_text().splitlines()
    again = tape.with_name("twice.jsonl")
    again.write_text("\n".join(row for row in rows for _ in range(2)) + "\n")
    (tape.parent / "twice_resolutions.csv").write_text(
        (tape.parent / "sample_resolutions.csv").read_text()
    )

    plan = run(again)

    assert Feed.objects.get(pk=plan.feed.pk).duplicates == TRADES
    assert books(plan) == reference


def test_a_recording_that_overlaps_another_is_refused(transactional_db, tape):
    run(tape)
    part = tape.with_name("part.jsonl")
    part.write_text("\n".join(tape.read_text().splitlines()[:100]) + "\n")

    with pytest.raises(setting_up.CannotReplay, match=r"overlaps sample_trades\.jsonl"):
        run(part)


class Crash(Exception):
    pass


class DyingHands(OwnHands):
    """Hands that die at every n-th piece of work, before, between and after its steps."""

    def __init__(self) -> None:
        self.count = 0

    def copy(self, signal_id, *, now):
        self.count += 1
        if self.count % 7 == 3:
            raise Crash  # the signal is stored, nothing decided
        if self.count % 7 == 5:
            from trading import copying

            copying.copy_signal(signal_id=signal_id, now=now)
            raise Crash  # decided and reserved, nothing sent
        return super().copy(signal_id, now=now)

    def settle(self, *, now):
        self.count += 1
        if self.count % 2:
            raise Crash
        super().settle(now=now)


def test_crashes_between_any_two_steps_give_the_same_books(reference, tape):
    hands, crashes = DyingHands(), 0
    while crashes < 200:
        try:
            plan = run(tape, hands=hands)
        except Crash:
            crashes += 1
            continue
        break

    assert crashes > 5
    assert books(plan) == reference


def environment() -> dict[str, str]:
    """Return what a child needs to work on this test's database, with a queue of its own."""
    name = connection.settings_dict["NAME"]
    url = os.environ.get("DATABASE_URL") or embedded.database_url()
    start, question, end = url.partition("?")
    url = start.rsplit("/", 1)[0] + f"/{name}" + question + end
    return {**os.environ, "DATABASE_URL": url, "CELERY_QUEUE": name}


def command(path: Path, *options: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "manage.py", "replay", str(path), *options, "--json"],
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


ASSUME = ("--assume", "q=85,s=2.5,w=66,c=50,r=0")


def test_kill_9_in_mid_replay_then_a_restart_gives_the_same_books(reference, tape):
    for _ in range(3):
        process = command(tape, *ASSUME)
        before = Feed.objects.values_list("position", flat=True).first() or 0
        deadline = time.monotonic() + 40
        while time.monotonic() < deadline and process.poll() is None:
            position = Feed.objects.values_list("position", flat=True).first() or 0
            if position > before + 100:
                break
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.communicate()

    output, _ = command(tape, *ASSUME).communicate(timeout=120)

    answer = json.loads(output)
    assert answer["trades"] == TRADES
    assert answer["books_sha256"] == reference
    assert_invariants()


def test_celery_workers_give_the_same_books_even_when_killed(reference, tape):
    process = command(tape, *ASSUME, "--hands", "celery")
    worker_command = [sys.executable, "-m", "celery", "-A", "polymix", "worker", "-P", "threads"]
    worker_command += ["-c", "4", "--without-gossip", "--without-mingle", "-l", "ERROR"]

    def worker():
        return subprocess.Popen(
            worker_command,
            cwd=ROOT,
            env=environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    running = worker()
    try:
        while (Feed.objects.values_list("position", flat=True).first() or 0) < 150:
            time.sleep(0.05)
            assert process.poll() is None
        running.kill()
        running.wait()
        running = worker()
        output, errors = process.communicate(timeout=150)
    finally:
        running.kill()
        running.wait()

    assert process.returncode == 0, errors.decode()
    assert json.loads(output)["books_sha256"] == reference
    assert_invariants()


def test_bad_rows_are_kept_with_file_line_and_reason(transactional_db, tape):
    with tape.open("ab") as file:
        file.write(b"{broken\n\xff\xfe\n")

    output = StringIO()
    call_command("replay", str(tape), "--assume", "q=85", "--json", stdout=output)

    answer = json.loads(output.getvalue())
    assert answer["quarantined"] == 2
    kept = QuarantinedRow.objects.order_by("line").values_list("file", "line", "reason")
    assert [(file, line) for file, line, _ in kept] == [
        ("sample_trades.jsonl", TRADES + 1),
        ("sample_trades.jsonl", TRADES + 2),
    ]


def test_a_row_that_stands_twice_counts_once(transactional_db, tape):
    whole = tape.read_text().splitlines(keepends=True)
    tape.write_text("".join([*whole[:50], *whole[40:]]))

    output = StringIO()
    call_command("replay", str(tape), "--assume", "q=85", "--json", stdout=output)

    answer = json.loads(output.getvalue())
    assert (answer["trades"], answer["duplicates"]) == (TRADES, 10)


def test_without_an_assumption_nobody_is_copied_before_a_score(transactional_db, tape):
    output = StringIO()
    call_command("replay", str(tape), "--json", stdout=output)

    answer = json.loads(output.getvalue())
    assert answer["assumed"] == {}
    assert answer["decisions_by_reason"]["WHALE_UNPROVEN"] > 10
    assert not Order.objects.filter(decision__assumed=True).exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["nothing.csv"],
        ["TAPE", "--assume", "x=1"],
        ["TAPE", "--assume", "q=200"],
        ["TAPE", "--account", "Nobody"],
        ["TAPE", "--resolutions", "nothing.csv"],
        ["TAPE", "--speed", "warp"],
    ],
)
def test_bad_arguments_get_one_clear_sentence(transactional_db, tape, arguments):
    given = [str(tape) if each == "TAPE" else each for each in arguments]

    with pytest.raises(CommandError) as problem:
        call_command("replay", *given)

    assert str(problem.value).rstrip().endswith(".")


def test_the_shared_tape_is_copied_whole(transactional_db, shared):
    output = StringIO()
    path = shared / "data" / "a_midterms2022_trades.csv.gz"
    call_command("replay", str(path), *ASSUME, "--json", stdout=output)

    answer = json.loads(output.getvalue())
    assert answer["trades"] + answer["duplicates"] + answer["quarantined"] == 16_253
    assert answer["decisions_by_reason"]["COPIED"] > 100
    assert answer["fills"] > 100
    assert answer["open_positions"] == 0
    assert_invariants()
