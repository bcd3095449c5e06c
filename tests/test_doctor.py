"""What `doctor` says of the books of a server that trades."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import call_command

from notifications.services import record
from risk.models import RiskState
from tests.chaos_pairs import fresh_game
from tests.pair_live import pair_live


@pytest.fixture
def live(transactional_db):
    with pair_live(mode="PAPER") as made:
        yield made


def asked(capsys):
    """Ask the doctor; nothing listens to the queue here, so it always finds something to fix."""
    with pytest.raises(SystemExit):
        call_command("doctor", "--json")
    return {each["name"]: each for each in json.loads(capsys.readouterr().out)}


def books(capsys):
    return asked(capsys)["books"]


def test_events_that_nobody_is_told_of_are_found(world, capsys):
    assert asked(capsys)["notifications"]["ok"]
    record(kind="order_in_doubt", sentence="x", at=datetime.now(UTC) - timedelta(minutes=5))

    assert not asked(capsys)["notifications"]["ok"]


def test_the_books_of_an_account_that_trades_pairs_agree(live, capsys):
    game = fresh_game(live)
    live.match()
    live.make_gap(game)
    live.look()
    live.drive(until=lambda: live.trade().state == "HEDGED")
    bought = live.account.decisions.filter(accepted=True, side="BUY")
    assert bought.count() == 2
    state = RiskState.objects.get(account=live.account)
    assert state.day is not None

    assert books(capsys)["ok"], "two legs were bought, and no whale was copied"

    RiskState.objects.filter(account=live.account).update(day_copies=2)
    assert books(capsys)["says"] == "1 differences between ledger and accounts"
