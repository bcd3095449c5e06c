"""What outlives the sandbox: games that were on go on, and a broken file harms nobody."""

from datetime import UTC, datetime, timedelta

import pytest

from sandbox import memory
from sandbox.exchanges import Sandbox

START = datetime(2026, 11, 21, 18, tzinfo=UTC)


def stopped(path, *, minutes: int) -> Sandbox:
    """Run a world for some minutes, and keep its games."""
    made = Sandbox(seed=1, start=START, speed=0)
    made.world.advance(START + timedelta(minutes=minutes))
    memory.keep(path, [*made.world.ended, *made.world.games], [])
    return made


def test_games_that_were_on_go_on_and_end_at_their_time(tmp_path):
    path = tmp_path / "games.json"
    first = stopped(path, minutes=1)
    later = START + timedelta(minutes=5)
    again = Sandbox(seed=1, start=later, speed=0, memory=path)
    before = {game.polymarket.condition: game for game in first.world.games}
    after = {game.polymarket.condition: game for game in again.world.games}

    assert set(before) == set(after)
    for condition, game in after.items():
        assert game.polymarket.payout is None
        assert game.polymarket.tokens == before[condition].polymarket.tokens
        assert game.starts_at == before[condition].starts_at
        assert game.fair == before[condition].fair  # at the price at which it was left
        assert [each.ticker for each in game.kalshi] == [
            each.ticker for each in before[condition].kalshi
        ]
    one = again.world.games[0]
    again.world.advance(one.ends_at + timedelta(seconds=2))
    assert one.polymarket.payout is not None
    slugs = [each.slug for each in again.polymarket.exchange.markets.values() if not each.payout]
    assert len(set(slugs)) == len(slugs)


def test_games_whose_time_is_over_are_decided_as_they_stood(tmp_path):
    path = tmp_path / "games.json"
    first = stopped(path, minutes=1)
    late = START + timedelta(hours=3)
    again = Sandbox(seed=1, start=late, speed=0, memory=path)

    for game in first.world.games:
        market = again.polymarket.exchange.markets[game.polymarket.condition]
        assert market.payout == ((1, 0) if game.winner == 0 else (0, 1))
        assert market.resolved_at == late
    assert len(again.world.games) == 6
    memory.keep(path, again.world.games, again._recalled.over)
    assert len(memory.recall(path, now=late).over) == 6  # they are not forgotten


@pytest.mark.parametrize("text", ["", "{", "[1]", '[{"condition": "0x1"}]', "\x00", "5"])
def test_a_file_that_cannot_be_read_is_put_aside(tmp_path, text):
    path = tmp_path / "games.json"
    path.write_text(text)

    assert memory.recall(path, now=START) == memory.Recalled()
    assert path.with_suffix(".broken").read_text() == text


def test_a_kept_file_is_whole_or_the_old_one(tmp_path):
    path = tmp_path / "games.json"
    world = Sandbox(seed=1, start=START, speed=0).world
    memory.keep(path, world.games, [])
    before = path.read_text()
    with pytest.raises(AttributeError):
        memory.keep(path, world.games, [object()])

    assert path.read_text() == before
