"""The living market: the same seed, the same events; true arbitrages come and go; games end."""

import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import httpx
import pytest

from sandbox.book import Side
from sandbox.exchanges import Sandbox
from sandbox.games import GAME, Game
from sandbox.world import FIRST_GAME, HOUSE

START = datetime(2026, 11, 21, 18, tzinfo=UTC)
ROOT = Path(__file__).resolve().parent.parent.parent


def lived(*, seed: int, seconds: int, step: int = 1) -> Sandbox:
    made = Sandbox(seed=seed, start=START, speed=0)
    for passed in range(0, seconds + 1, step):
        made.world.advance(START + timedelta(seconds=passed))
    return made


def edge(game: Game) -> Decimal:
    """Return what buying the away team here and selling it there brings, before fees."""
    bids, asks = [], []
    for book in (game.polymarket.book, game.kalshi[0].book):
        bids.append(book.best(Side.BID) or Decimal(0))
        asks.append(book.best(Side.ASK) or Decimal(1))
    return max(bids) - min(asks)


def test_the_same_seed_gives_the_same_log_at_any_pace():
    digests = {lived(seed=4, seconds=120, step=step).log.digest() for step in (1, 30)}

    assert len(digests) == 1
    assert lived(seed=5, seconds=120).log.digest() not in digests


def test_arbitrages_appear_and_vanish():
    made, seen = Sandbox(seed=4, start=START, speed=0), []
    for passed in range(400):
        made.world.advance(START + timedelta(seconds=passed))
        seen.append(max(edge(game) for game in made.world.games))

    there = [found > Decimal("0.02") for found in seen[20:]]
    assert any(there)
    assert not all(there)


def test_no_venue_ever_crosses_itself():
    made = lived(seed=4, seconds=200)
    for game in made.world.games:
        for market in (game.polymarket, *game.kalshi):
            bid, ask = market.book.best(Side.BID), market.book.best(Side.ASK)
            assert bid is None or ask is None or bid < ask


def test_a_game_ends_on_both_venues_alike():
    over = int((FIRST_GAME + GAME).total_seconds()) + 2
    made = Sandbox(seed=4, start=START, speed=0)
    game = made.world.games[0]
    made.world.advance(START + timedelta(seconds=over))

    assert game.over
    assert game.polymarket.payout is not None
    settled = tuple(market.settlement for market in game.kalshi)
    assert settled == game.polymarket.payout
    assert sorted(settled) == [0, 1]


def test_every_user_begins_with_money_on_both_venues():
    made = Sandbox(seed=4, start=START, speed=0)
    again = Sandbox(seed=4, start=START, speed=0)

    assert made.users == again.users
    for user in made.users:
        assert made.polymarket.exchange.wallets[user.wallet].cash == 10_000
        assert sum(made.kalshi.exchange.members[user.name].cash.values()) == 10_000
    assert HOUSE in made.kalshi.exchange.members


@pytest.fixture
def started(tmp_path):
    faults = tmp_path / "faults.yaml"
    faults.write_text("- {venue: kalshi, endpoint: 'GET /events', nth: 1, do: html}\n")
    command = [sys.executable, "manage.py", "sandbox", "--seed", "3", "--port", "18760"]
    process = subprocess.Popen(
        [*command, "--faults", str(faults)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    yield process
    if process.poll() is None:
        process.kill()


def test_the_command_serves_prints_and_misbehaves_as_told(started):
    base = "http://127.0.0.1:1876"
    for _ in range(100):
        try:
            httpx.get(f"{base}0/ok")
            httpx.get(f"{base}2/oracle")
            break
        except httpx.TransportError:
            time.sleep(0.1)
    events = f"{base}1/trade-api/v2/events"

    assert httpx.get(events).status_code == 503  # the first one, as the script says
    assert len(httpx.get(events).json()["events"]) == 6
    assert httpx.get(f"{base}2/oracle").json()["doubled"] == {}
    started.terminate()
    output, _ = started.communicate()
    assert "no real money" in output
    assert "BEGIN PRIVATE KEY" in output
