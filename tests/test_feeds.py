"""Which feed `make up` reads: live where it answers, else the sandbox, never both in a folder."""

import pytest
from django.test import override_settings

from backtest.setting_up import CannotReplay
from markets.models import Feed
from polymix import feeds
from polymix.management.commands.up import _source
from sandbox.serving import serving
from tests.sandbox.polymarket_world import PolymarketWorld

NOTHING = {"recording": "", "resolutions": None, "minutes": "10"}
NOBODY = "http://127.0.0.1:9"


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setattr(feeds, "password_file", lambda: tmp_path / "demo_password")


def kind_of(source: feeds.Source) -> str:
    return "live" if "live" in " ".join(source.lines) else "sandbox"


@pytest.mark.parametrize(
    ("wanted", "answers", "found"),
    [
        ("auto", True, "live"),
        ("auto", False, "sandbox"),
        ("sandbox", True, "sandbox"),
        ("live", False, "live"),
    ],
)
def test_live_data_is_read_where_it_answers(db, home, monkeypatch, wanted, answers, found):
    monkeypatch.setattr("os.environ", {})
    with serving(PolymarketWorld().app) as url:
        clob = url if answers else NOBODY
        with override_settings(FEED=wanted, POLYMARKET_CLOB_URL=clob):
            source = _source(NOTHING)

    assert kind_of(source) == found


def test_a_folder_that_began_on_the_sandbox_stays_there(db, home, monkeypatch):
    monkeypatch.setattr("os.environ", {})
    with serving(PolymarketWorld().app) as url, override_settings(POLYMARKET_CLOB_URL=url):
        with override_settings(FEED="sandbox"):
            _source(NOTHING)
        with override_settings(FEED="auto"):
            assert kind_of(_source(NOTHING)) == "sandbox"


def test_the_sandbox_is_refused_beside_real_money(db, home):
    with override_settings(FEED="sandbox", LIVE_TRADING=True), pytest.raises(CannotReplay):
        _source(NOTHING)

    assert not Feed.objects.exists()
