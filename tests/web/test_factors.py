"""Real money asks for a fresh factor, bound to what was shown, wherever it is answered."""

import re
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value
from django.core.cache import cache
from django.test import override_settings
from django.urls import reverse

from accounts.factors import FRESH, Proof
from accounts.models import Account, User
from tests.api.conftest import App
from tests.live_world import LiveWorld, live_world
from tests.sandbox.polymarket_world import YES
from tests.venues.test_stream import until
from tests.world import assert_invariants
from tests.yes import yes_to
from trading import approvals
from trading.models import Approval, Order, Position

D = Decimal
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


@pytest.fixture
def live(transactional_db, client):
    with live_world(datetime.now(UTC).replace(microsecond=0)) as made:
        cache.clear()
        Account.objects.filter(pk=made.accounts[0].pk).update(mode="APPROVAL")
        made.copy()
        client.force_login(made.world.owner)
        yield made


@pytest.fixture
def order(live: LiveWorld) -> Order:
    return Order.objects.get()


def code() -> str:
    """Return the authenticator's code; the suite takes the one before it too."""
    return format_hotp_value(hotp_value(SECRET, int(time.time()) // 30))


def answer(client, order: Order, **form) -> str:
    form = {"shown": approvals.digest_of(order), "approve": "1"} | form
    page = client.post(reverse("approval", args=[order.pk]), form, follow=True)
    return page.content.decode()


def test_without_a_factor_nothing_is_sent_and_it_keeps_waiting(live, order, client):
    said = answer(client, order)
    assert "you have none yet" in said

    TOTP.activate(live.world.owner, SECRET)
    said = answer(client, order)

    assert "asks for your passkey" in said
    order.refresh_from_db()
    assert order.state == "AWAITING_APPROVAL"
    assert live.posts() == 0


def test_a_code_approves_what_was_shown_once(live, order, client):
    TOTP.activate(live.world.owner, SECRET)
    given = code()

    first = answer(client, order, code=given)
    second = answer(client, order, code=given)

    assert "Approved: at most" in first
    assert "approved this" in second
    assert live.posts() == 1
    assert Approval.objects.get().way == "code"
    assert_invariants()


@pytest.mark.parametrize("wrong", ["000000", "12", "abcdef", "0" * 50])
def test_a_wrong_code_approves_nothing(live, order, client, wrong):
    TOTP.activate(live.world.owner, SECRET)

    assert "wrong" in answer(client, order, code=wrong)
    assert live.posts() == 0


def test_codes_are_not_guessed(live, order, client):
    TOTP.activate(live.world.owner, SECRET)
    for _ in range(10):
        answer(client, order, code="000000")

    assert "Too many codes" in answer(client, order, code=code())
    assert live.posts() == 0


def test_a_code_of_one_page_is_of_no_use_on_another(live, order, client):
    TOTP.activate(live.world.owner, SECRET)
    given = code()
    answer(client, order, code=given, shown="another page")

    said = answer(client, order, code=given)

    assert "used for something else" in said
    assert live.posts() == 0


def test_a_code_that_opened_the_door_approves_nothing(live, order, client):
    TOTP.activate(live.world.owner, SECRET)
    client.logout()
    client.post("/login/", {"login": "ana", "password": "not-a-secret-2026"})
    given = code()
    client.post("/security/authenticate/", {"code": given})

    assert "used for something else" in answer(client, order, code=given)
    assert live.posts() == 0


def test_the_service_itself_takes_no_other_proof(live, order):
    owner, now = live.world.owner, live.now
    eve = User.objects.create_user("eve")
    digest = approvals.digest_of(order)
    fresh = Proof(user_id=owner.pk, digests=frozenset([digest]), at=now, way="code")
    bad = {
        "none": None,
        "of another page": Proof(user_id=owner.pk, digests=frozenset(["x"]), at=now, way="code"),
        "of another person": Proof(user_id=eve.pk, digests=fresh.digests, at=now, way="code"),
        "old": Proof(user_id=owner.pk, digests=fresh.digests, at=now - FRESH, way="code"),
        "from later": Proof(
            user_id=owner.pk, digests=fresh.digests, at=now + timedelta(seconds=1), way="code"
        ),
    }

    for why, proof in bad.items():
        yes = yes_to(order, by=owner, now=now, proof=proof)
        assert not approvals.approve(order_id=order.pk, yes=yes, now=now).counted, why
    stranger = yes_to(order, by=eve, now=now)
    assert "may not answer" in approvals.approve(order_id=order.pk, yes=stranger, now=now).sentence
    yes = yes_to(order, by=owner, now=now)
    assert approvals.approve(order_id=order.pk, yes=yes, now=now).counted


def test_a_second_person_is_asked_above_an_amount(live, order):
    owner, now = live.world.owner, live.now
    bo = User.objects.create_user("bo")
    account = live.accounts[0]
    Account.objects.filter(pk=account.pk).update(second_above=order.worst_cost / 2)
    account.approvers.add(bo)

    once = approvals.approve(order_id=order.pk, yes=yes_to(order, by=owner, now=now), now=now)
    twice = approvals.approve(order_id=order.pk, yes=yes_to(order, by=owner, now=now), now=now)
    assert "needs a second person" in once.sentence
    assert "needs a second person" in twice.sentence
    order.refresh_from_db()
    assert (order.state, Approval.objects.get().answer) == ("AWAITING_APPROVAL", "ONCE")

    both = approvals.approve_and_send(order_id=order.pk, yes=yes_to(order, by=bo, now=now), now=now)

    assert both.counted
    kept = Approval.objects.get()
    assert (kept.answer, kept.first, kept.by) == ("APPROVED", owner, bo)
    assert live.posts() == 1
    assert_invariants()


def test_a_cut_of_the_first_person_is_what_the_second_one_says_yes_to(live, order):
    owner, now = live.world.owner, live.now
    bo, proposed = User.objects.create_user("bo"), order.worst_cost
    Account.objects.filter(pk=live.accounts[0].pk).update(second_above=1)
    live.accounts[0].approvers.add(bo)
    before = yes_to(order, by=bo, now=now)

    yes = yes_to(order, by=owner, now=now)
    approvals.approve(order_id=order.pk, yes=yes, now=now, most=D(20))
    blind = approvals.approve(order_id=order.pk, yes=before, now=now)

    order.refresh_from_db()
    assert order.worst_cost <= 20 < proposed
    assert "not what would be sent" in blind.sentence
    assert approvals.approve(order_id=order.pk, yes=yes_to(order, by=bo, now=now), now=now).counted
    order.refresh_from_db()
    assert order.worst_cost <= 20


def test_one_yes_of_two_is_no_yes_when_time_is_up(live, order):
    owner, now = live.world.owner, live.now
    Account.objects.update(second_above=0)
    approvals.approve(order_id=order.pk, yes=yes_to(order, by=owner, now=now), now=now)

    assert approvals.expire_approvals(now=order.expires_at) == 1

    order.refresh_from_db()
    assert order.state == "DENIED"
    assert live.posts() == 0


def test_a_price_that_left_the_band_asks_again(live, order):
    owner, now = live.world.owner, live.now
    live.venue.quote(YES, "0.53", "5000")
    cache.clear()
    near = yes_to(order, by=owner, now=now, seen=D("0.52"))
    yes = yes_to(order, by=owner, now=now, seen=D("0.40"))

    said = approvals.approve(order_id=order.pk, yes=yes, now=now)

    assert "The ask went from 40.0¢ to 53.0¢ while you were reading" in said.sentence
    order.refresh_from_db()
    assert order.state == "AWAITING_APPROVAL"
    assert approvals.approve(order_id=order.pk, yes=near, now=now).counted


def test_a_yes_that_names_no_price_counts_only_where_there_is_none(live, order):
    owner, now = live.world.owner, live.now
    yes = yes_to(order, by=owner, now=now)
    live.venue.quote(YES, "0.53", "5000")
    cache.clear()

    blind = approvals.approve(order_id=order.pk, yes=yes, now=now)

    assert "names none that you saw" in blind.sentence
    order.refresh_from_db()
    assert order.state == "AWAITING_APPROVAL"


def test_several_are_approved_with_one_factor_and_counted(live, order, client):
    TOTP.activate(live.world.owner, SECRET)
    at = reverse("approvals-several")
    page = client.get(at, {"order": [order.pk]}).content.decode()
    shown = re.search(r'name="shown-[^"]+" value="([^"]+)"', page).group(1)
    form = {"order": [order.pk], f"shown-{order.pk}": shown}

    without = client.post(at, form, follow=True).content.decode()
    done = client.post(at, form | {"code": code()}, follow=True).content.decode()
    again = client.post(at, form | {"code": code()}, follow=True).content.decode()

    assert "asks for your passkey" in without
    assert "Approved 1 of 1" in done
    assert "Approved 0 of 1" in again
    assert "no longer waiting" in again
    assert live.posts() == 1


def rules(client, account, **form) -> str:
    form = {"auto_below": "0", "second_above": "", "drift": "2", "approvers": ""} | form
    return client.post(
        reverse("approval-rules", args=[account.pk]), form, follow=True
    ).content.decode()


def test_a_standing_answer_is_given_with_a_factor_and_then_sends(live, client):
    TOTP.activate(live.world.owner, SECRET)
    account, most = live.accounts[0], "100000"
    assert "Let orders go out more easily" in rules(client, account, auto_below=most)
    refused = rules(client, account, auto_below=most, reviewed="1")
    assert "asks for your passkey" in refused
    account.refresh_from_db()
    assert account.auto_below == 0

    assert "Saved" in rules(client, account, auto_below=most, reviewed="1", code=code())
    live.venue.clock.move(timedelta(seconds=120))
    live.copy()

    kept = Approval.objects.get(way="standing")
    assert kept.by == live.world.owner
    assert "as ana set" in kept.note
    assert live.posts() == 1
    assert "Saved" in rules(client, account)  # safer again: no factor


@pytest.mark.parametrize(
    "form",
    [
        {"auto_below": "-1"},
        {"auto_below": "NaN"},
        {"drift": "99"},
        {"approvers": "nobody-here"},
        {"second_above": "10"},
        {"auto_below": "20", "second_above": "10", "approvers": "bo"},
    ],
)
def test_rules_that_cannot_be_are_refused(live, client, form):
    User.objects.create_user("bo")
    before = Account.objects.get(pk=live.accounts[0].pk)

    rules(client, before, **form)
    rules(client, before, **form, reviewed="1")

    after = Account.objects.get(pk=before.pk)
    assert (after.auto_below, after.second_above) == (before.auto_below, before.second_above)


@pytest.fixture
def held(transactional_db):
    """A real position that is money already."""
    cache.clear()
    with live_world(datetime.now(UTC).replace(microsecond=0)) as live:
        live.venue.quote(YES, "0.53", "5000")
        live.copy()
        for _ in range(4):
            live.pass_time(15)
            live.reconcile()
        TOTP.activate(live.world.owner, SECRET)
        yield live


def test_selling_real_money_asks_for_a_factor(held, client):
    position, before = Position.objects.get(account=held.accounts[0]), held.posts()
    client.force_login(held.world.owner)
    at = reverse("close", args=[position.account_id, position.pk])
    page = client.get(at).content.decode()
    form = dict(re.findall(r'name="(key|shown|least)" value="([^"]+)"', page))

    assert "asks for your passkey" in client.post(at, form).content.decode()
    assert held.posts() == before
    client.post(at, form | {"code": code()})
    assert held.posts() == before + 1
    assert Order.objects.get(side="SELL").mode == "LIVE"


def test_an_app_sells_real_money_with_a_factor(held):
    Account.objects.filter(pk=held.accounts[0].pk).update(mode="APPROVAL")
    position, before = Position.objects.get(account=held.accounts[0]), held.posts()
    app, path = App().of(held.world.owner), f"/api/v1/positions/{position.pk}/close/"

    assert app.keyed(path, {"least": "0.01"}).json()["code"] == "factor_needed"
    assert held.posts() == before
    done = app.keyed(path, {"least": "0.01", "code": code()})

    assert done.json()["side"] == "SELL", done.json()
    assert held.posts() == before + 1
    assert Approval.objects.get().way == "code"


def test_an_app_approves_real_money_with_a_code(live, order):
    TOTP.activate(live.world.owner, SECRET)
    app, path = App().of(live.world.owner), f"/api/v1/approvals/{order.pk}/approve/"
    asked = {"digest": approvals.digest_of(order), "seen": None}

    first = app.keyed(path, asked, key="mine")
    second = app.keyed(path, asked | {"code": code()}, key="mine")  # nothing came of the first

    assert first.json()["code"] == "factor_needed"
    assert second.json()["counted"], second.json()
    assert live.posts() == 1


@pytest.fixture
def phone(live, client, server, browser):
    """A phone-sized page of the owner, whose device has just enrolled a passkey."""
    address = server.replace("127.0.0.1", "localhost")  # browsers take passkeys of names alone
    context = browser.new_context(viewport={"width": 390, "height": 844})
    context.add_cookies(
        [{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": address}]
    )
    page = context.new_page()
    keys = context.new_cdp_session(page)
    keys.send("WebAuthn.enable")
    options = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True}
    options |= {"hasUserVerification": True, "isUserVerified": True}
    keys.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    page.goto(f"{address}/security/webauthn/add/")
    if "reauthenticate" in page.url:
        page.fill("input[type=password]", "not-a-secret-2026")
        page.click("main button.primary")
    page.fill("#id_name", "phone")
    page.click("#mfa_webauthn_add")
    until(Authenticator.objects.filter(type="webauthn").exists)
    yield page, address
    context.close()


def test_a_passkey_approves_exactly_what_the_page_shows(live, order, phone):
    page, address = phone
    page.goto(f"{address}{reverse('approval', args=[order.pk])}")
    page.click("button[name=approve]")
    page.wait_for_selector("text=APPROVED")

    assert Approval.objects.get().way == "passkey"
    assert live.posts() == 1


CALL = """async ([path, body, token, key]) => {
  const headers = {"Content-Type": "application/json"};
  if (token) Object.assign(headers, {Authorization: "Bearer " + token, "Idempotency-Key": key});
  const post = (given) => fetch(path, {
    method: "POST", headers, credentials: "omit", body: JSON.stringify(given),
  }).then((answer) => answer.json());
  const asked = await post(body);
  if (asked.code !== "factor_needed") return asked;
  return post({...body, passkey: await webauthnJSON.get(asked.passkey)});
}"""


def test_an_app_signs_in_and_approves_with_a_passkey(live, order, phone):
    """Each refusal tells what to sign; the same call with the same key goes on with it."""
    page, address = phone
    page.goto(f"{address}{reverse('approval', args=[order.pk])}")  # for webauthn-json
    ana = {"username": "ana", "password": "not-a-secret-2026"}
    wrong = page.evaluate(CALL, ["/api/v1/token/", ana | {"password": "no"}, "", ""])
    token = page.evaluate(CALL, ["/api/v1/token/", ana, "", ""])["access"]
    path = f"/api/v1/approvals/{order.pk}/approve/"
    other = {"digest": "0" * 64, "seen": None}
    mine = {"digest": approvals.digest_of(order), "seen": None}

    changed = page.evaluate(CALL, [path, other, token, "one"])
    done = page.evaluate(CALL, [path, mine, token, "two"])

    assert "passkey" not in wrong
    assert not changed["counted"]
    assert done["counted"], done
    assert Approval.objects.get().way == "passkey"
    assert live.posts() == 1


def test_a_passkeys_answer_opens_the_door_once(live, phone, monkeypatch):
    monkeypatch.setattr("accounts.factors.TAP_SECONDS", 0)
    page, address = phone
    page.goto(f"{address}/approvals/{Order.objects.get().pk}/")
    asked = """async (body) => {
      const post = (given) => fetch("/api/v1/token/", {
        method: "POST", credentials: "omit", body: JSON.stringify(given),
        headers: {"Content-Type": "application/json"},
      });
      const told = await (await post(body)).json();
      const signed = {...body, passkey: await webauthnJSON.get(told.passkey)};
      return [(await post(signed)).status, (await post(signed)).status];
    }"""

    statuses = page.evaluate(asked, {"username": "ana", "password": "not-a-secret-2026"})

    assert statuses == [200, 403]


def test_a_passkeys_answer_counts_once(live, order, phone, monkeypatch):
    monkeypatch.setattr("accounts.factors.TAP_SECONDS", 0)
    page, address = phone
    account = live.accounts[0]
    where = f"{address}{reverse('mode', args=[account.pk])}"
    page.goto(where)
    page.fill("#name", account.name)
    with page.expect_request(lambda request: request.method == "POST") as posted:
        page.click("button[data-factor]")
    page.wait_for_selector("text=is in LIVE mode")
    Account.objects.filter(pk=account.pk).update(mode="APPROVAL")

    form = {"Content-Type": "application/x-www-form-urlencoded", "Origin": address}
    again = page.request.post(where, headers=form, data=posted.value.post_data)

    assert "was used already" in again.text()
    account.refresh_from_db()
    assert account.mode == "APPROVAL"


def test_real_money_does_not_go_out_unseen(live, order):
    owner, now = live.world.owner, live.now
    yes = yes_to(order, by=owner, now=now)
    cache.clear()
    with override_settings(POLYMARKET_CLOB_URL="http://127.0.0.1:9"):
        said = approvals.approve(order_id=order.pk, yes=yes, now=now)
        cache.clear()

    assert "could not be read" in said.sentence
    order.refresh_from_db()
    assert order.state == "AWAITING_APPROVAL"
