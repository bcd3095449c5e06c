"""Everybody is told what he should be, once, in order, and after his receiver's own outage."""

import base64
import hashlib
import hmac
import json
import os
import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import http_ece
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.test import override_settings

from accounts.models import Account, User
from notifications import channels, fence, senders
from notifications.channels import CannotChange
from notifications.delivery import CUT_OFF, HANDS_EACH, plan_new, step
from notifications.models import Channel, Delivery, Event, Quiet
from notifications.senders import BadAddress, NotDelivered
from notifications.services import record
from tests.notifications.receivers import Http, Smtp, free_port, running
from tests.venues.test_stream import until
from tests.world import World

NOW = datetime(2026, 3, 2, 15, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def loopback():
    with override_settings(NOTIFY_PRIVATE_ADDRESSES=True, PUBLIC_URL="https://mix.example"):
        yield


@pytest.fixture
def http():
    with running(Http()) as server:
        yield server


@pytest.fixture
def smtp():
    with running(Smtp()) as server:
        yield server


def add(user: User, kind: str, address: str, name: str = "") -> tuple[Channel, str]:
    secrets = {"address": address}
    return channels.add(user=user, kind=kind, name=name or kind, secrets=secrets, now=NOW)


def tell(world: World, sentence: str, *, kind: str = "order_in_doubt", level: str = "WARN", at=NOW):
    return record(kind=kind, sentence=sentence, account_id=world.account.pk, level=level, at=at)


def test_a_webhook_is_told_once_in_order_and_signed(world: World, http):
    _, secret = add(world.owner, "webhook", http.url)
    for number in range(5):
        tell(world, f"thing {number}")

    assert step(now=NOW) == 5
    assert step(now=NOW) == 0

    assert [each["event"]["sentence"] for each in http.told()] == [f"thing {n}" for n in range(5)]
    headers, body, _ = http.got[0]
    signed = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    assert headers["x-polymix-signature"] == f"sha256={signed}"
    assert http.told()[0]["title"].startswith("📄 PAPER")
    assert set(Delivery.objects.values_list("state", flat=True)) == {"SENT"}


def test_after_an_outage_everything_arrives_in_its_order(world: World, http):
    add(world.owner, "webhook", http.url)
    http.down = True
    now = NOW
    for number in range(3):
        tell(world, f"thing {number}", at=now)
        step(now=now)
        now += timedelta(seconds=30)
    channel = Channel.objects.get()
    assert http.got == []
    assert channel.failing_since >= NOW
    assert "503" in channel.last_error

    http.down = False
    tell(world, "after", at=now)
    while step(now=now) or Delivery.objects.filter(state="WAITING").exists():
        now += timedelta(seconds=30)

    told = [each["event"]["sentence"] for each in http.told()]
    assert told == ["thing 0", "thing 1", "thing 2", "after"]
    channel.refresh_from_db()
    assert channel.failing_since is None


def test_a_later_event_does_not_overtake_those_that_wait_for_a_receiver(world: World, http):
    add(world.owner, "webhook", http.url)
    http.down = True
    tell(world, "stopped")
    step(now=NOW)
    http.down = False
    tell(world, "allowed again")

    assert step(now=NOW + timedelta(seconds=1)) == 0  # the channel waits as a whole
    step(now=NOW + timedelta(minutes=1))

    assert [each["event"]["sentence"] for each in http.told()] == ["stopped", "allowed again"]


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:abc/", "http://" + "a" * 70 + ".com/", "http://[::1", "http://"]
)
def test_an_address_that_is_none_is_refused_or_fails_alone(world: World, http, address):
    with suppress(BadAddress):
        add(world.owner, "webhook", address, "odd")
    add(world.owner, "webhook", http.url)
    tell(world, "thing")

    assert step(now=NOW) == 1


def test_one_cannot_lose_the_last_channel_for_what_is_critical(world: World, http):
    one, _ = add(world.owner, "webhook", http.url, "one")
    two, _ = add(world.owner, "webhook", http.url, "two")
    channels.want(user=world.owner, wishes={str(one.pk): {"doubt": "off"}})

    with pytest.raises(CannotChange, match="another channel"):
        channels.remove(user=world.owner, channel_id=two.pk, now=NOW)
    assert channels.remove(user=world.owner, channel_id=one.pk, now=NOW)
    assert channels.remove(user=world.owner, channel_id=two.pk, now=NOW)


def test_a_dead_channel_holds_up_no_other(world: World, http):
    add(world.owner, "webhook", f"http://127.0.0.1:{free_port()}", "dead")
    add(world.owner, "webhook", http.url, "alive")
    tell(world, "thing")

    step(now=NOW)

    assert len(http.got) == 1
    assert Channel.objects.get(name="dead").failing_since >= NOW


def test_two_deliverers_at_once_send_one_message(world: World, http):
    add(world.owner, "webhook", http.url)
    for number in range(6):
        tell(world, f"thing {number}")
    plan_new(now=NOW)
    barrier = threading.Barrier(4)

    def run():
        from django.db import connections

        barrier.wait(timeout=20)
        try:
            step(now=NOW)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(30)
    step(now=NOW)

    assert [each["event"]["sentence"] for each in http.told()] == [f"thing {n}" for n in range(6)]


def test_what_was_cut_off_goes_out_again_with_the_same_name(world: World, http):
    add(world.owner, "webhook", http.url)
    tell(world, "thing")
    step(now=NOW)
    Delivery.objects.update(state="SENDING", claimed_at=NOW)

    assert step(now=NOW + CUT_OFF / 2) == 0
    assert step(now=NOW + CUT_OFF * 2) == 1

    first, second = http.told()
    assert first["id"] == second["id"]


def test_ntfy_gets_title_text_and_link(world: World, http):
    add(world.owner, "ntfy", http.url.replace("http", "ntfy") + "/my-topic")
    tell(world, "It is in doubt.")

    assert step(now=NOW) == 1

    _, body, path = http.got[0]
    told = json.loads(body) if body.startswith(b"{") else {"message": body.decode()}
    assert "my-topic" in path + json.dumps(told)
    assert "It is in doubt." in told["message"]
    assert "https://mix.example/notifications/" in told["message"]


def test_mail_arrives_after_the_servers_outage(world: World, smtp):
    add(
        world.owner,
        "email",
        f"mailto://127.0.0.1:{smtp.port}?from=mix@here.example&to=ana@here.example",
    )
    tell(world, "It is in doubt.")
    smtp.down = True
    assert step(now=NOW) == 0

    smtp.down = False
    assert step(now=NOW + timedelta(minutes=1)) == 1
    assert step(now=NOW + timedelta(minutes=2)) == 0

    (mail,) = smtp.mails
    assert "ana@here.example" in str(mail["To"])
    text = "".join(
        str(part.get_payload(decode=True)) for part in mail.walk() if not part.is_multipart()
    )
    assert "It is in doubt." in text


def device(http: Http) -> tuple[dict[str, str], ec.EllipticCurvePrivateKey, bytes]:
    key, auth = ec.generate_private_key(ec.SECP256R1()), os.urandom(16)
    point = key.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )

    def text(raw: bytes) -> str:
        return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

    return {"endpoint": f"{http.url}/push/1", "p256dh": text(point), "auth": text(auth)}, key, auth


def test_a_phone_gets_what_only_it_can_read_and_a_dead_one_is_buried(world: World, http):
    secrets, key, auth = device(http)
    channels.add(user=world.owner, kind="push", name="phone", secrets=secrets, now=NOW)
    tell(world, "Approve $548.26?", kind="approval_asked")

    assert step(now=NOW) == 1

    headers, body, path = http.got[0]
    assert path == "/push/1"
    assert headers["authorization"].startswith("vapid ")
    told = json.loads(http_ece.decrypt(body, private_key=key, auth_secret=auth))
    assert told["body"] == "Approve $548.26?"
    assert "548" not in body.decode("latin-1")
    http.status = 410
    tell(world, "more", at=NOW + timedelta(seconds=1))
    assert step(now=NOW + timedelta(seconds=1)) == 0
    assert Channel.objects.get().removed_at is not None


def test_the_night_and_the_digest_wait_and_what_is_critical_does_not(world: World, http):
    add(world.owner, "webhook", http.url)
    Quiet.objects.create(user=world.owner, begins="23:00", ends="07:00", zone="UTC")
    night = NOW.replace(hour=23, minute=30)
    tell(world, "a pair", kind="pair_hedged", at=night)
    tell(world, "critical", level="ACT", at=night)
    tell(world, "paid 1", kind="settled", at=night)
    tell(world, "paid 2", kind="settled", at=night)

    assert step(now=night) == 1
    assert http.told()[0]["event"]["sentence"] == "critical"
    morning = night + timedelta(hours=8)
    assert step(now=morning) == 1
    assert http.told()[1]["event"]["sentence"] == "a pair"
    assert step(now=morning + timedelta(hours=1)) == 1
    assert http.told()[2]["title"] == "PolyMix · 2 things since the last digest"
    assert [line[-6:] for line in http.told()[2]["text"].splitlines()] == ["paid 1", "paid 2"]


def test_an_approval_that_nobody_can_answer_any_more_is_not_told(world: World, http):
    add(world.owner, "webhook", http.url)
    http.down = True
    tell(world, "Approve?", kind="approval_asked")
    step(now=NOW)
    http.down = False

    assert step(now=NOW + timedelta(hours=1)) == 0

    assert http.got == []
    assert Delivery.objects.get().state == "FAILED"


def test_each_hears_of_his_own_accounts_and_approvers_of_what_they_may_answer(world: World, http):
    bo, eve = (User.objects.create_user(name) for name in ("bo", "eve"))
    for user in (world.owner, bo, eve):
        add(user, "webhook", f"{http.url}/{user.username}")
    world.account.approvers.add(bo)
    tell(world, "Approve?", kind="approval_asked")
    tell(world, "in doubt")

    step(now=NOW)

    heard = sorted((path, json.loads(body)["event"]["kind"]) for _, body, path in http.got)
    assert heard == [
        ("/ana", "approval_asked"),
        ("/ana", "order_in_doubt"),
        ("/bo", "approval_asked"),
    ]


def test_a_recordings_old_events_are_no_news(world: World, http):
    add(world.owner, "webhook", http.url)
    tell(world, "long ago", at=NOW - timedelta(days=400))

    assert step(now=NOW) == 0

    assert Event.objects.filter(planned_at__isnull=True).count() == 0


def test_wishes_are_kept_and_what_is_critical_has_one_channel_left(world: World, http):
    one, _ = add(world.owner, "webhook", http.url, "one")
    two, _ = add(world.owner, "webhook", http.url, "two")
    off = {"doubt": "off"}
    channels.want(user=world.owner, wishes={str(one.pk): off})
    with pytest.raises(CannotChange, match="every channel at once"):
        channels.want(user=world.owner, wishes={str(two.pk): off})
    tell(world, "critical", level="ACT")

    assert step(now=NOW) == 1


@pytest.mark.parametrize(
    ("kind", "address"),
    [
        ("webhook", "ftp://host/x"),
        ("webhook", "not an address"),
        ("ntfy", "https://ntfy.sh/x"),
        ("ntfy", "ntfy://127.0.0.1"),
        ("webhook", "http://127.0.0.1:99999/"),
        ("email", "mailto://a@127.0.0.1?to=a@x.org%0d%0aBcc:e@x.org"),
        ("telegram", "tgram://"),
        ("email", "mailto://"),
        ("discord", "ntfy://ntfy.sh/topic"),
    ],
)
def test_an_address_of_another_kind_is_refused_with_an_example(world: World, kind, address):
    with pytest.raises(BadAddress):
        add(world.owner, kind, address)


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:1/", "http://localhost/", "http://10.0.0.1/"]
)
def test_nobody_reaches_the_servers_own_network_through_it(world: World, address):
    refused = pytest.raises(BadAddress, match="private network")
    with override_settings(NOTIFY_PRIVATE_ADDRESSES=False), refused:
        add(world.owner, "webhook", address)


@pytest.mark.parametrize(
    ("address", "private"),
    [
        ("93.184.216.34", False),
        ("2606:4700::1111", False),
        ("::ffff:93.184.216.34", False),
        ("127.0.0.1", True),
        ("192.0.0.8", True),
        ("224.0.0.1", True),
        ("::1", True),
        ("::127.0.0.1", True),
        ("::ffff:10.0.0.1", True),
        ("2002:7f00:1::", True),
        ("2001:0:7f00:1::", True),
        ("64:ff9b::7f00:1", True),
        ("64:ff9b:1::1", True),
        ("fec0::1", True),
        ("fe80::1%eth0", True),
    ],
)
def test_what_counts_as_the_open_internet(address, private):
    assert fence.is_private(address) is private


def test_one_persons_dead_receivers_leave_hands_for_others(world: World, http, monkeypatch):
    stuck = threading.Event()
    monkeypatch.setattr(senders, "send", lambda *_: stuck.wait(20))
    for number in range(HANDS_EACH + 3):
        add(world.owner, "webhook", f"{http.url}/{number}", name=f"hook {number}")
    tell(world, "Everybody")
    monkeypatch.setattr("notifications.delivery.PATIENCE", 0.3)
    try:
        step(now=NOW)
        assert Delivery.objects.filter(state="SENDING").count() == HANDS_EACH
    finally:
        stuck.set()
        until(lambda: not Delivery.objects.filter(state="SENDING").exists())


@pytest.mark.parametrize("kind", ["webhook", "ntfy"])
def test_a_name_that_leads_elsewhere_a_moment_later_reaches_nothing(
    world: World, http, monkeypatch, kind
):
    """Where a name points, or a receiver redirects to, after the address was found public."""
    address = f"{http.url}/topic" if kind == "webhook" else http.url.replace("http", "ntfy") + "/t"
    row, _ = add(world.owner, kind, address)
    monkeypatch.setattr(senders, "_check_host", lambda host: None)

    with override_settings(NOTIFY_PRIVATE_ADDRESSES=False), pytest.raises(NotDelivered):
        channels.test(row)

    assert http.got == []
    channels.test(row)  # afterwards this thread reaches what it may again
    assert len(http.got) == 1


def test_addresses_are_sealed_and_another_persons_row_does_not_open_them(world: World, http):
    row, secret = add(world.owner, "webhook", f"{http.url}/token-abc")
    other = User.objects.create_user("eve")

    stored = bytes(Channel.objects.get().box)
    assert b"token-abc" not in stored
    assert secret.encode() not in stored
    assert channels.rotate() == 1
    assert channels.secrets_of(Channel.objects.get())["address"].endswith("token-abc")
    row.user = other
    with pytest.raises(Exception, match="another account"):
        channels.secrets_of(row)
    assert Account.objects.count() == 1
