"""A critical alert that nobody has seen closes the entry gate of real money, and only that."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import override_settings

from accounts.models import User
from notifications.models import Event
from notifications.services import record, see
from tests.live_world import LiveWorld, live_world
from tests.sandbox.polymarket_world import YES
from tests.world import World, assert_invariants, trade
from trading import copying, sending
from trading.models import Decision, Order
from venues.types import Side


def database_now():
    with connection.cursor() as cursor:
        cursor.execute("SELECT now()")
        return cursor.fetchone()[0]


def alert(account, *, minutes: int) -> Event:
    return record(
        kind="order_in_doubt",
        level="ACT",
        sentence="Only you can settle this.",
        account_id=account.pk,
        at=database_now() - timedelta(minutes=minutes),
    )


@pytest.fixture
def live(transactional_db, now):
    with live_world(now) as made:
        yield made


def test_real_buying_stops_after_ten_minutes_and_goes_on_once_it_was_seen(live: LiveWorld):
    event = alert(live.accounts[0], minutes=11)

    live.copy()

    decision = Decision.objects.get()
    assert not decision.accepted
    assert "Only you can settle this" in decision.sentence
    assert live.posts() == 0
    assert see(event_ids=[event.pk], user=live.world.owner, now=live.now) == 1
    live.pass_time(120)
    live.copy()
    assert live.posts() == 1
    assert_invariants()


def test_the_gate_is_asked_again_at_the_last_moment(live: LiveWorld):
    (made,) = copying.copy_signal(signal_id=live.whale_trades().pk, now=live.now)
    alert(live.accounts[0], minutes=11)

    sending.submit(order_ids=[made], now=live.now)

    order = Order.objects.get()
    assert order.state == "DENIED"
    assert live.posts() == 0


def test_sales_go_on(live: LiveWorld):
    live.venue.quote(YES, "0.53", "5000")
    live.copy()
    for _ in range(4):
        live.pass_time(15)
        live.reconcile()
    alert(live.accounts[0], minutes=60)

    live.copy(side=Side.SELL)

    assert Decision.objects.get(side="SELL").accepted


def test_a_fresh_alert_and_paper_money_close_nothing(live: LiveWorld, now):
    alert(live.accounts[0], minutes=5)
    alert(live.world.account, minutes=60)

    live.copy()

    assert Decision.objects.filter(account=live.accounts[0], accepted=True).exists()


def test_only_whoever_answers_for_an_account_has_seen_its_alerts(world: World, client):
    event = alert(world.account, minutes=1)
    eve = User.objects.create_user("eve")

    assert see(event_ids=[event.pk], user=eve, now=world.now) == 0
    client.force_login(world.owner)
    page = client.get("/notifications/").content.decode()
    assert "Only you can settle this" in page
    client.post("/notifications/seen/", {"event": [event.pk, "x", "9" * 30]})

    event.refresh_from_db()
    assert event.seen_by == "ana"
    assert "Only you can settle this" not in client.get("/notifications/").content.decode()


def test_an_order_that_asks_is_told_in_the_words_of_a_phone(world: World):
    world.account.rehearsal = True
    world.account.save()
    world.copy(world.signal(trade(at=world.now)))

    order, event = Order.objects.get(), Event.objects.get(kind="approval_asked")
    assert event.sentence.startswith("Approve $548.26? ")
    assert "until 15:35 UTC" in event.sentence
    assert event.payload == {"order": str(order.pk), "mode": "PAPER"}


def test_the_page_adds_tries_and_removes_channels(world: World, client):
    client.force_login(world.owner)

    bad = client.post("/notifications/add/", {"kind": "webhook", "name": "x", "address": "nowhere"})
    assert bad.status_code == 422
    assert "https://your-server/path" in bad.content.decode()
    with override_settings(NOTIFY_PRIVATE_ADDRESSES=True):
        made = client.post(
            "/notifications/add/",
            {"kind": "webhook", "name": "desk", "address": "http://127.0.0.1:9/"},
            follow=True,
        ).content.decode()
        assert "shown this once" in made
        assert "shown this once" not in client.get("/notifications/").content.decode()
        row = world.owner.channels.get()
        tried = client.post(f"/notifications/{row.pk}/", {"test": "1"}, follow=True)
        assert "did not take it" in tried.content.decode()
    refused = client.post(
        "/notifications/save/",
        {f"{row.pk}.doubt": "off", "digest_at": "08:00", "zone": "UTC"},
        follow=True,
    )
    assert "every channel at once" in refused.content.decode()
    form = {f"{row.pk}.money": "off", "digest_at": "09:00", "zone": "Europe/Berlin"}
    client.post("/notifications/save/", form | {"begins": "23:00", "ends": "07:00"})
    row.refresh_from_db()
    assert row.wants["money"] == "off"
    assert world.owner.quiet.zone == "Europe/Berlin"
    client.post(f"/notifications/{row.pk}/", {"remove": "1"})
    assert not world.owner.channels.filter(removed_at=None).exists()


def test_a_device_is_one_channel_however_often_it_asks(world: World, client):
    client.force_login(world.owner)
    keys = {"p256dh": "B" * 87, "auth": "b" * 22}
    given = {"endpoint": "https://127.0.0.1/push/1", "keys": keys}

    def post(body):
        return client.post("/notifications/subscribe/", body, content_type="application/json")

    assert post(given).status_code == 409  # a private address
    with override_settings(NOTIFY_PRIVATE_ADDRESSES=True):
        assert post(given).status_code == 200
        assert post(given).status_code == 200
        for bad in (
            given | {"keys": keys | {"p256dh": "zz"}, "endpoint": "https://127.0.0.1/push/2"},
            given | {"name": "a\u0000b", "endpoint": "https://127.0.0.1/push/3"},
            given | {"name": "pay\u202eme", "endpoint": "https://127.0.0.1/push/4"},
        ):
            assert post(bad).status_code == 409, bad
    assert post({"keys": 1}).status_code == 400
    assert world.owner.channels.count() == 1


def test_numbers_that_are_none_see_nothing(world: World, client):
    client.force_login(world.owner)
    given = {"event": ["9" * 5000, "-1", "x", "٣"]}

    assert "Seen: 0." in client.post("/notifications/seen/", given, follow=True).content.decode()


def test_the_phone_gets_a_manifest_a_worker_and_an_offline_page(client, db):
    manifest = client.get("/manifest.webmanifest")
    worker = client.get("/worker.js")

    assert manifest.json()["start_url"] == "/approvals/"
    assert worker["Content-Type"].startswith("text/javascript")
    assert "Nothing can be seen" in client.get("/offline/").content.decode()
