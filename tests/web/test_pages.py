"""The pages: whose they are, what they say, that they add up and read without scripts."""

import asyncio
import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.urls import reverse

from accounts.models import Account, User
from markets.models import Feed
from tests.world import NOBODY, World, trade
from trading import equity
from trading.models import Decision, Order
from trading.summary import summary
from web import queries
from web.live import _changes

PAGES = ["dashboard", "decisions", "positions", "orders", "ledger", "breakers", "equity-points"]


@pytest.fixture
def shown(world: World, client) -> World:
    """A world with one copy, one skip and a recording as its feed, and its owner signed in."""
    world.see(trade(at=world.now - timedelta(days=1), outcome="No", wallet=NOBODY))
    world.buy()
    world.copy(world.signal(trade(at=world.now + timedelta(seconds=20), shares="7")))
    Feed.objects.create(
        key="k",
        kind="RECORDING",
        name="tape.csv",
        clock_at=world.now + timedelta(minutes=5),
        first_at=world.now,
        last_at=world.now + timedelta(days=1),
        position=30,
        total=120,
        assumed={"q": 95},
        started_at=world.now,
        seen_at=world.now,
    )
    client.force_login(world.owner)
    return world


def get(client, name, world: World, **more):
    return client.get(reverse(name, args=[world.account.pk, *more.pop("ids", [])]), **more)


@pytest.mark.parametrize("name", PAGES)
def test_every_page_answers_its_owner_and_nobody_else(shown: World, client, name):
    assert get(client, name, shown).status_code == 200

    client.force_login(User.objects.create_user("eve", password="not-a-secret-2026"))
    assert get(client, name, shown).status_code == 404
    client.logout()
    assert get(client, name, shown).status_code == 302


def test_a_foreign_receipt_and_order_are_not_found(shown: World, client):
    decision, order = Decision.objects.first(), Order.objects.get()
    client.force_login(User.objects.create_user("eve", password="not-a-secret-2026"))

    for name, pk in (
        ("decision", decision.pk),
        ("decision-json", decision.pk),
        ("order", order.pk),
    ):
        assert get(client, name, shown, ids=[pk]).status_code == 404


def test_the_band_says_mode_feed_progress_and_assumption(shown: World, client):
    page = get(client, "dashboard", shown).content.decode()

    assert "<strong>PAPER</strong> · simulated money, real prices" in page
    assert "not today's market" in page or "not today&#x27;s market" in page
    assert "30 of 120 trades, 25%" in page
    assert "ASSUMED" in page
    assert "The replay has said nothing for" in page  # its stream is not running


def test_sums_on_the_page_add_up_to_the_cent(shown: World):
    found = queries.money_strip(summary(account=shown.account, now=shown.now))

    assert found["equity"] == found["cash"] + found["worth"]
    assert found["unrealised"] == found["worth"] - found["open_cost"]
    assert found["total"] == found["realised"] + found["unrealised"]
    assert found["equity"] == Decimal(10000) + found["total"]


def test_the_receipt_shows_the_waterfall_and_the_failed_check(shown: World, client):
    copied = Decision.objects.get(reason="COPIED")
    skipped = Decision.objects.get(reason="DUPLICATE")

    page = get(client, "decision", shown, ids=[copied.pk]).content.decode()
    other = get(client, "decision", shown, ids=[skipped.pk]).content.decode()

    assert "Base Kelly $250.00 x whale 1.83 x market 1.20 = $548.26" in page
    assert page.count("✓") == 17
    assert "✗" not in page
    assert other.count("✗") == 1
    assert "What would change it" in other


def test_one_fragment_is_sent_when_one_is_asked_for(shown: World, client):
    headers = {"HX-Request": "true", "HX-Target": "money"}

    part = get(client, "dashboard", shown, headers=headers)

    assert part.content.decode().lstrip().startswith('<section id="money"')
    assert "HX-Target" in part.headers["Vary"]


def test_pages_forbid_inline_scripts_and_caches(shown: World, client):
    answer = get(client, "dashboard", shown)

    policy = answer.headers["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert answer.headers["Cache-Control"] == "no-store"
    page = answer.content.decode()
    assert not re.search(r"<script(?![^>]*\bsrc=)", page)
    assert " style=" not in page
    assert " onclick=" not in page
    admin = client.get("/admin/login/")
    assert "'unsafe-eval'" in admin.headers["Content-Security-Policy"]


def test_the_chart_has_a_picture_and_a_sentence_without_scripts(shown: World, client):
    shown.resolve(winner="Yes", at=shown.now + timedelta(minutes=4))

    page = get(client, "dashboard", shown).content.decode()

    assert "<polyline points=" in page
    assert "Equity rose from" in page


def test_the_dashboard_asks_the_same_number_of_questions_for_any_history(
    shown: World, client, django_assert_max_num_queries
):
    for number in range(12):
        at = shown.now + timedelta(minutes=10 + number)
        shown.copy(shown.signal(trade(at=at, market=f"m{number}")))

    with django_assert_max_num_queries(32):
        get(client, "dashboard", shown)


def test_the_stream_tells_what_changed(shown: World):
    async def listen() -> bytes:
        events = _changes(shown.account.pk)
        first = await anext(events)
        await events.aclose()
        return first

    assert asyncio.run(listen()) == b"event: alive\ndata: -\n\n"
    before = queries.fingerprint(shown.account.pk)
    shown.copy(shown.signal(trade(at=shown.now + timedelta(minutes=9), market="new")))
    after = queries.fingerprint(shown.account.pk)
    assert before["decisions"] != after["decisions"]
    assert before["breakers"] == after["breakers"]


def test_thinning_keeps_the_peaks():
    points = [(number, Decimal(100), Decimal(100)) for number in range(50_000)]
    points[31_313] = (31_313, Decimal(7), Decimal(100))
    points[41_414] = (41_414, Decimal(900), Decimal(900))

    kept = equity.thinned(points)

    assert len(kept) <= equity.MOST_POINTS + 2
    assert {7, 900} <= {point[1] for point in kept}


@pytest.mark.parametrize("path", ["/help/cash/", "/login/"])
def test_public_pages_need_no_account(db, client, path):
    assert client.get(path).status_code == 200


def test_an_unknown_word_is_not_found(db, client):
    assert client.get("/help/moon/").status_code == 404


def test_a_fresh_server_leads_to_the_start_page(db, client):
    client.force_login(User.objects.create_user("ana", password="not-a-secret-2026"))

    page = client.get("/", follow=True)

    assert page.redirect_chain[-1][0] == "/start/"
    assert "<code>make up</code>" in page.content.decode()


@pytest.mark.parametrize("page", ["decisions/?reason=%00&whale=%00x", "orders/?state=%00"])
def test_an_address_that_no_database_can_look_for_finds_nothing(world: World, client, page):
    client.force_login(world.owner)

    assert client.get(f"/a/{world.account.pk}/{page}").status_code == 200


def test_a_newcomer_opens_a_paper_account(db, client):
    client.force_login(User.objects.create_user("bo", password="not-a-secret-2026"))
    assert "Open a paper account" in client.get("/start/").content.decode()

    given = {"name": "Mine", "preset": "conservative", "rehearsal": "on"}
    client.post("/start/paper/", given)
    twice = client.post("/start/paper/", given)
    wrong = client.post("/start/paper/", given | {"name": "B", "preset": "none"})

    made = Account.objects.get(owner__username="bo")
    assert (made.mode, made.preset, made.rehearsal) == ("PAPER", "conservative", True)
    assert twice.status_code == wrong.status_code == 422
