"""Kalshi's games become markets with grid, shard, fee, rules and, in the end, what they paid."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.core.cache import cache

from markets import kalshi_catalogue
from markets.models import Feed, Market, Outcome
from markets.resolutions import BadPayout
from markets.tasks import read_kalshi
from sandbox.faults import Kind, Rule
from sandbox.kalshi import life
from tests.kalshi_live import KalshiLive, kalshi_live
from tests.sandbox.kalshi_world import AWAY, HOME, SHARD
from venues.errors import Unreadable

D = Decimal


@pytest.fixture
def live(transactional_db):
    with kalshi_live(datetime.now(UTC).replace(microsecond=0)) as made:
        yield made


def sync(live: KalshiLive) -> int:
    from accounts.venues import kalshi_public

    return kalshi_catalogue.sync(kalshi_public(), ["KXNBAGAME"], now=live.now)


def market(ticker: str = HOME) -> Market:
    return Market.objects.get(venue="kalshi", external_id=ticker)


def test_a_game_is_listed_with_all_that_its_orders_and_its_pairs_need(live):
    game = live.venue.exchange.markets[HOME]
    game.rules_primary, game.rules_secondary = "If San Antonio wins", "Postponed games pay fair."

    assert sync(live) == 2

    found = market()
    assert (found.event, found.shard, found.sport) == (game.event.ticker, SHARD, "moneyline")
    assert found.team_id == "00000000-0000-4000-8000-000000000001"
    assert found.starts_at == game.event.starts_at
    assert found.rules == "If San Antonio wins\n\nPostponed games pay fair."
    assert len(found.rules_hash) == 64
    assert found.fee_rate == D("0.07")
    assert found.terms.shard == SHARD
    assert [str(each.step) for each in found.terms.ranges] == ["0.0100"]
    names = dict(Outcome.objects.filter(market=found).values_list("token", "name"))
    assert names == {
        f"{HOME}:yes": "San Antonio wins",
        f"{HOME}:no": "San Antonio does not win",
    }


def test_a_changed_rule_shows_in_its_hash(live):
    before = market().rules_hash
    live.venue.exchange.markets[HOME].rules_secondary = "Ties pay half."

    sync(live)

    assert market().rules_hash != before
    assert market(AWAY).rules_hash == before


@pytest.mark.parametrize(
    ("of_event", "hours", "multiplier", "rate"),
    [
        (False, 1, "2", "0.14"),  # announced, and an order may still rest then
        (False, 48, "2", "0.07"),  # too late to matter
        (True, 1, "3", "0.21"),
        (False, 1, "0.5", "0.07"),  # cheaper later: the dearer one is held for
    ],
)
def test_fees_that_change_are_followed(live, of_event, hours, multiplier, rate):
    event = live.venue.exchange.markets[HOME].event
    life.announce_fees(
        live.venue.exchange,
        event.series,
        at=live.now + timedelta(hours=hours),
        event=event if of_event else None,
        multiplier=D(multiplier),
    )

    sync(live)

    assert market().fee_rate == D(rate)


def test_fees_of_an_event_come_before_those_of_its_series(live):
    live.venue.exchange.markets[HOME].event.fee_multiplier_override = D("0.5")

    sync(live)

    assert market().fee_rate == D("0.035")


def test_a_market_that_ended_is_resolved_by_its_own_value(live):
    life.settle(live.venue.exchange, HOME, value=D("0.455"), now=live.now)

    for _ in range(2):
        sync(live)

    (resolution,) = market().resolutions.all()
    assert {token: D(paid) for token, paid in resolution.payouts.items()} == {
        f"{HOME}:yes": D("0.455"),
        f"{HOME}:no": D("0.545"),
    }
    assert not market(AWAY).resolutions.exists()


def test_a_result_that_changes_after_it_was_settled_needs_a_person(live):
    life.settle(live.venue.exchange, HOME, value=D(1), now=live.now)
    sync(live)
    market().resolutions.update(settled_at=live.now)
    live.venue.exchange.markets[HOME].settlement = D(0)

    from accounts.venues import kalshi_public

    with pytest.raises(BadPayout, match="needs a person"):
        kalshi_catalogue.record_end(market(), kalshi_public().market(HOME), now=live.now)


def test_one_series_that_cannot_be_read_costs_no_other(live, caplog):
    from accounts.venues import kalshi_public

    Market.objects.filter(venue="kalshi").update(title="old")

    told = kalshi_catalogue.sync(kalshi_public(), ["KXNOGAME", "KXNBAGAME"], now=live.now)

    assert told == 2
    assert "KXNOGAME cannot be read" in caplog.text


def test_an_exchange_that_answers_nothing_leaves_what_is_known(live):
    live.faults._rules.append(Rule(venue="kalshi", endpoint="GET /*", kind=Kind.STATUS, status=503))

    assert sync(live) == 0
    assert market().shard == SHARD


@pytest.mark.parametrize(
    ("kind", "listed"), [("LIVE", True), ("SANDBOX", True), ("RECORDING", False)]
)
def test_the_beat_reads_games_unless_a_recording_runs(live, kind, listed):
    Market.objects.filter(venue="kalshi").update(title="old")
    Feed.objects.create(
        key=kind, kind=kind, name=kind, started_at=live.now, seen_at=live.now, clock_at=live.now
    )

    read_kalshi()

    assert (market().title != "old") == listed


def test_a_sandbox_is_never_filled_with_the_real_exchange(live, settings):
    Market.objects.filter(venue="kalshi").update(title="old")
    settings.KALSHI_URL = "https://external-api.kalshi.com/trade-api/v2"
    Feed.objects.create(key="s", kind="SANDBOX", name="s", started_at=live.now, seen_at=live.now)

    read_kalshi()  # a socket that leaves this machine would fail the test

    assert market().title == "old"


def test_a_rulebook_that_cannot_be_read_now_is_the_last_one_that_was():
    class Public:
        def __init__(self) -> None:
            self.answers = ["aa", None, "bb"]

        def rulebook_hash(self, series) -> str:
            found = self.answers.pop(0)
            if found is None:
                raise Unreadable("no answer")
            return found

    class Series:
        ticker, rulebook = "KXTEST", f"terms-{datetime.now(UTC).timestamp()}"

    public = Public()

    def look(*, later: bool) -> str:
        if later:
            cache.delete(f"kalshi-rulebook-{Series.ticker}-{Series.rulebook}-read")
        return kalshi_catalogue._rulebook(public, Series())

    assert [look(later=False), look(later=False)] == ["aa", "aa"]
    assert look(later=True) == "aa"  # not read: nothing is known to have changed
    assert look(later=True) == "bb"
