"""The guide's endpoints in its shapes, and resets that archive and never delete."""

import threading
from datetime import timedelta

import pytest
from django.test import override_settings

from accounts.models import Account
from risk.models import RiskProfile
from tests.api.conftest import App
from tests.flows.test_concurrency import in_parallel
from tests.world import World, assert_invariants, trade
from trading.models import Chapter, Entry, Fill, Order, Position
from whales.models import Follow

PROMISED = {
    "balance",
    "initial_balance",
    "total_profit",
    "estimated_profit",
    "total_trades",
    "daily_loss",
    "daily_trades",
    "mode",
    "bets",
}


def test_the_state_has_the_guides_keys_and_numbers(world: World, app):
    order = world.buy()

    told = app.get("/api/paper/state").json()

    assert set(told) >= PROMISED
    assert told["mode"] == "paper"
    assert told["initial_balance"] == 10000
    assert told["balance"] == float(round(10000 - order.filled_cost - order.fees, 2))
    assert told["daily_trades"] == 1
    (bet,) = told["bets"]
    assert (bet["status"], bet["profit"]) == ("pending", None)
    world.resolve(winner="Yes", at=world.now + timedelta(minutes=1))
    after = app.get("/api/paper/state").json()
    assert after["total_trades"] == 1
    assert after["total_profit"] == after["bets"][0]["profit"] > 0
    assert after["bets"][0]["status"] == "settled"


def test_the_mode_is_real_only_where_both_allow_it(world: World, app):
    assert app.get("/api/trading/mode").json()["mode"] == "paper"
    real = world.open("Real", mode="APPROVAL", starting_balance=world.starting_balance)
    assert app.get("/api/trading/mode").json()["mode"] == "paper"
    with override_settings(LIVE_TRADING=True):
        told = app.get("/api/trading/mode").json()
    assert told == {
        "mode": "real",
        "live_trading": True,
        "account": str(real.pk),
        "account_mode": "APPROVAL",
    }
    assert app.get("/api/trading/state").json()["mode"] == "real"


def test_states_are_of_ones_own_accounts_and_of_the_asked_kind(world: World, app, eve, client):
    assert client.get("/api/paper/state").status_code == 401
    assert eve.get("/api/paper/state").status_code == 404
    assert eve.get(f"/api/paper/state?account={world.account.pk}").status_code == 404
    assert app.get(f"/api/trading/state?account={world.account.pk}").status_code == 404
    assert app.get("/api/trading/state").status_code == 404
    assert app.get("/api/paper/state?account=nonsense").status_code == 404
    assert app.get(f"/api/paper/state?account={world.account.pk}").status_code == 200


def test_a_paper_reset_begins_anew_and_keeps_what_was(world: World, app):
    world.buy()
    RiskProfile.objects.update(kelly_fraction="0.11")
    before = (Order.objects.count(), Fill.objects.count(), Entry.objects.count())

    done = app.keyed("/api/paper/reset").json()

    assert done["success"]
    fresh, old = Account.objects.get(name="Main"), world.account
    old.refresh_from_db()
    assert done["account"] == str(fresh.pk)
    assert fresh.pk != old.pk
    assert old.archived_at is not None
    assert old.name.startswith("Main until 2026-03-02")
    assert Order.objects.count() == before[0]
    assert Fill.objects.count() == before[1]
    assert Entry.objects.count() == before[2] + 1  # the opening of the fresh one
    assert (
        RiskProfile.objects.get(account=fresh).kelly_fraction
        == RiskProfile.objects.get(account=old).kelly_fraction
    )
    state = app.get("/api/paper/state").json()
    assert (state["balance"], state["bets"], state["total_trades"]) == (10000, [], 0)
    # The fresh one copies, the old one does not, and its position is still paid.
    world.copy(world.signal(trade(at=world.now + timedelta(minutes=30))))
    assert Follow.objects.get(account=old).paused
    assert set(Order.objects.values_list("account", flat=True)) == {old.pk, fresh.pk}
    assert Order.objects.filter(account=old).count() == before[0]
    world.resolve(winner="Yes", at=world.now + timedelta(hours=1))
    assert Position.objects.get(account=old).closed_at is not None
    assert_invariants()


def test_ten_resets_at_once_make_one_fresh_account(world: World, app):
    barrier, answers = threading.Barrier(10), []
    at = f"/api/paper/reset?account={world.account.pk}"

    def reset():
        mine = App().of(world.owner)
        barrier.wait(timeout=20)
        answers.append(mine.keyed(at).json()["account"])

    in_parallel([reset] * 10)

    assert len(set(answers)) == 1
    assert Account.objects.count() == 2


@pytest.fixture
def real(world: World) -> Account:
    return world.open("Real", mode="LIVE", starting_balance=world.starting_balance)


def test_a_live_reset_needs_the_servers_key_and_counts_anew(world: World, app, real):
    said = {"confirmation_key": "open sesame"}

    unset = app.keyed("/api/trading/reset", said)
    with override_settings(LIVE_TRADING_RESET_KEY="another"):
        wrong = app.keyed("/api/trading/reset", said)
        none = app.keyed("/api/trading/reset")
    with override_settings(LIVE_TRADING_RESET_KEY="open sesame"):
        done = app.keyed("/api/trading/reset", said)

    assert (unset.status_code, wrong.status_code, none.status_code) == (409, 409, 400)
    assert "open sesame" not in unset.content.decode() + wrong.content.decode()
    assert done.json()["success"]
    chapter = Chapter.objects.get()
    assert (chapter.account, chapter.by) == (real, "ana")
    state = app.get("/api/trading/state").json()
    assert (state["total_profit"], state["bets"]) == (0, [])
    assert Account.objects.get(pk=real.pk).archived_at is None
