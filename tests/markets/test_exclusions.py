"""Which names exclude something, and in which form they are kept."""

import pytest

from markets.domain.exclusions import canonical


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("NBA:LAL", "NBA:LAL"),
        ("nba:lal", "NBA:LAL"),
        ("NHL:LAK", "NHL:LA"),  # as most people write Kalshi's LA
        ("nfl:jax", "NFL:JAC"),  # as Polymarket writes it
        ("NFL:LA", "NFL:LAR"),  # the Rams, until 2025
        ("NHL:LAS", "NHL:VGK"),  # in Polymarket's slugs; the Raiders in the NFL
        ("LAL@BOS", "LAL@BOS"),
        ("lal@bos", "LAL@BOS"),
        ("LAK@VGK", "LA@VGK"),
        ("nba:LAL@BOS", "NBA:LAL@BOS"),
        ("nba-bos-lal-2026-11-21", "nba-bos-lal-2026-11-21"),
        ("NHL-LAS-UTAH-2026-11-21", "nhl-las-utah-2026-11-21"),
        ("KXNBAGAME-26NOV21BOSLAL", "KXNBAGAME-26NOV21BOSLAL"),
    ],
)
def test_a_name_of_a_team_a_game_or_a_listing_is_kept_as_pairs_have_it(written, kept):
    assert canonical(written) == kept


@pytest.mark.parametrize(
    "written",
    [
        "Lakers",
        "NBA LAL",
        "LAL",
        "NBA:XXX",
        "NBA:VGK",  # of another league
        "XFL:LAL",
        "MLB:NYY",  # never paired
        "LAL@XXX",
        "LAL@LAL",
        "LAL@VGK",  # of no one league
        "LA@SEA",  # the Kings in the NHL, the Rams in the NFL
        "NHL:LAL@BOS",
        "LAL @ BOS",
        "nba-bos-lal-2026-11-31",  # no day
        "nba-bos-xxx-2026-11-21",
        "nba-bos-lal-2026-11-21-1h-moneyline",
        "aec-nba-bos-lal-2026-11-21",  # of another exchange
        "mlb-bos-nyy-2026-11-21",
        "KXNBAGAME-26NOV21BOSLAL-LAL",  # a contract: pairs are known by their event
        "KXNBASERIES-26BOSLALR1",
        "",
        "NBA:" + "L" * 100,
    ],
)
def test_a_name_that_no_pair_can_have_is_none(written):
    assert canonical(written) is None
