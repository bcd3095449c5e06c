"""What outlives the sandbox: games that were on still end, and a broken file harms nobody."""

from datetime import UTC, datetime, timedelta

import pytest

from sandbox import memory
from sandbox.exchanges import Sandbox

START = datetime(2026, 11, 21, 18, tzinfo=UTC)


def test_games_that_were_on_are_decided_at_the_next_start(tmp_path):
    path = tmp_path / "games.json"
    first = Sandbox(seed=1, start=START, speed=0)
    first.world.advance(START + timedelta(minutes=1))
    memory.keep(path, first.world.games, [])
    again = Sandbox(seed=1, start=START + timedelta(hours=1), speed=0, memory=path)

    for game in first.world.games:
        market = again.polymarket.exchange.markets[game.polymarket.condition]
        assert market.payout == ((1, 0) if game.winner == 0 else (0, 1))
        assert market.tokens == game.polymarket.tokens
        assert market.resolved_at == START + timedelta(hours=1)


@pytest.mark.parametrize("text", ["", "{", "[]", "[1]", '[{"condition": "0x1"}]', "\x00"])
def test_a_file_that_cannot_be_read_recalls_nothing(tmp_path, text):
    path = tmp_path / "games.json"
    path.write_text(text)

    assert (
        memory.recall(path, Sandbox(seed=1, start=START, speed=0).polymarket.exchange, now=START)
        == []
    )


def test_a_kept_file_is_whole_or_the_old_one(tmp_path):
    path = tmp_path / "games.json"
    world = Sandbox(seed=1, start=START, speed=0).world
    memory.keep(path, world.games, [])
    before = path.read_text()
    with pytest.raises(TypeError):
        memory.keep(path, world.games, [{"not": object()}])

    assert path.read_text() == before
