"""Pages for Kalshi: the key goes in and never comes out, cash is moved by a person, once."""

import json
import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from allauth.mfa.totp.internal.auth import TOTP
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from accounts import credentials, kalshi_keys
from accounts.factors import ways
from accounts.models import Account, User, VenueCredential
from accounts.venues import kalshi_of
from notifications.models import Event
from risk.models import Purse, RiskState
from sandbox.faults import Kind, Rule
from sandbox.kalshi.exchange import Rules
from tests.kalshi_live import PEM, KalshiLive, kalshi_live
from tests.sandbox.kalshi_world import RSA_KEY
from tests.web.test_factors import SECRET, code
from tests.world import assert_invariants
from trading import onboarding, purses, transfers
from trading.models import Order, Transfer
from trading.onboarding import NotAllowed
from trading.transfers import CannotMove
from venues.errors import NotSent, Refused, Unknown
from venues.kalshi import answers
from venues.kalshi.markets import shards

D = Decimal
TRANSFER = "POST /portfolio/intra_exchange_instance_transfer"
LIST = "GET /portfolio/intra_exchange_instance_transfers"


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def live(transactional_db, now):
    with kalshi_live(now) as made:
        yield made


@pytest.fixture
def ana(live: KalshiLive) -> Client:
    client = Client()
    client.force_login(live.world.owner)
    return client


@pytest.fixture
def second(live: KalshiLive) -> Account:
    return live.world.open("Second", mode="APPROVAL", starting_balance=D(0))


def at(name: str, account: Account) -> str:
    return reverse(name, args=[account.pk])


class TestKeys:
    def enter(self, ana: Client, account: Account, **more):
        if not ways(account.owner):
            TOTP.activate(account.owner, SECRET)
        row = {"environment": "production", "key_id": "key-bob", "pem": PEM, "code": code(), **more}
        return ana.post(at("kalshi-keys", account), row, follow=True)

    @pytest.mark.parametrize("spoil", [lambda pem: pem, lambda pem: pem.replace("\n", "\\n")])
    def test_a_key_is_pasted_checked_sealed_and_never_shown(self, live, ana, second, spoil):
        answer = self.enter(ana, second, pem=spoil(PEM))

        assert "The key is stored" in answer.text
        credential = credentials.of(second, "kalshi")
        assert (credential.signer, credential.tier["name"]) == ("key-bob", "prime")
        assert credential.verified_at is None
        page = ana.get(at("kalshi-keys", second)).text
        body = PEM.splitlines()[1]
        assert body not in page
        assert body.encode() not in bytes(credential.box)
        assert kalshi_keys.keys_of(credential).signing.kind == "RSA"

    def test_a_key_asks_for_a_factor(self, live, ana, second):
        assert "This code is wrong" in self.enter(ana, second, code="000000").text
        assert credentials.of(second, "kalshi") is None

    def test_a_file_does_as_well_as_a_paste(self, live, ana, second):
        file = SimpleUploadedFile("kalshi.key", PEM.encode())

        assert "The key is stored" in self.enter(ana, second, pem="", pem_file=file).text

    @pytest.mark.parametrize(
        ("row", "words"),
        [
            ({"pem": ""}, "Paste the private key"),
            ({"pem": "hello"}, "no private key"),
            ({"key_id": "a b"}, "letters, digits and dashes"),
            ({"key_id": "key-nobody"}, "NOT_FOUND"),
            ({"key_id": "key-alice"}, "used by an account of this server"),
            ({"environment": "moon"}, "not one of the available choices"),
        ],
    )
    def test_what_cannot_be_a_key_is_refused_in_words(self, live, ana, second, row, words):
        answer = self.enter(ana, second, **row)

        assert words in answer.text.replace("&quot;", '"')
        assert credentials.of(second, "kalshi") is None
        assert PEM.splitlines()[1] not in answer.text

    def test_another_key_of_the_same_money_belongs_to_the_same_account(self, live, ana, second):
        live.venue.kalshi.keys.add(
            key_id="key-alice-2", user_id="alice", public_pem=public(RSA_KEY)
        )

        taken = self.enter(ana, second, key_id="key-alice-2")
        cache.clear()  # as 30 seconds do: its code was spent on the other account
        mine = self.enter(ana, live.account, key_id="key-alice-2")

        assert "Money has one owner here" in taken.text
        assert "The key is stored" in mine.text
        assert credentials.of(live.account, "kalshi").address == "key-alice"

    def test_play_money_is_never_added_to_real_money(self, live, ana):
        VenueCredential.objects.filter(account=live.account).update(venue="polymarket")

        answer = self.enter(ana, live.account, environment="demo")

        assert "play money is never added to real" in answer.text

    def test_the_demo_is_shown_as_one(self, live, ana, second):
        self.enter(ana, second, environment="demo")

        page = ana.get(at("kalshi-keys", second)).text
        assert "play money at a venue&#x27;s demo" in page or "play money at a venue's demo" in page
        assert credentials.of(second, "kalshi").environment == "demo"

    def test_a_proof_says_rights_limits_and_cash_by_shard(self, live, ana):
        ana.post(at("kalshi-prove", live.account), {"trial": "yes"})

        page = ana.get(at("kalshi-keys", live.account)).text
        assert "$100.00 on shard 0, $1,000.00 on shard 3" in page
        assert "Enough would be read and write::trade" in page
        assert "360" not in page.split("Tier")[0]
        assert "Tier prime: 400 orders a second" in page

    def test_a_trial_order_rests_and_is_cancelled(self, live):
        live.offer("0.53")
        live.venue.order("alice", "bid", "0.53", "1.00")
        from markets.models import Outcome

        Outcome.objects.update(last_price=D("0.53"), last_at=live.now)

        steps = live.prove(with_trial=True)

        assert steps["trial order"].ok, steps["trial order"]
        assert live.posts() == 1
        assert live.member.resting() == []

    def test_keys_stay_while_anything_is_open(self, live):
        live.place()

        with pytest.raises(NotAllowed, match="1 orders"):
            onboarding.forget(account=live.account, venue="kalshi", by="ana", now=live.now)

    def test_without_the_key_its_cash_is_nobodys(self, live):
        onboarding.forget(account=live.account, venue="kalshi", by="ana", now=live.now)

        assert RiskState.objects.get(account=live.account).cash == 0
        assert set(Purse.objects.values_list("cash", flat=True)) == {0}
        assert_invariants()

    def test_somebody_elses_account_is_not_there(self, live):
        other = Client()
        other.force_login(User.objects.create_user("bo"))

        for name in ("kalshi-keys", "money"):
            assert other.get(at(name, live.account)).status_code == 404
        for name in ("kalshi-prove", "kalshi-forget", "move"):
            assert other.post(at(name, live.account)).status_code == 404


def public(key) -> bytes:
    from tests.sandbox.kalshi_world import public_pem

    return public_pem(key)


class TestMoney:
    def shards(self, live: KalshiLive) -> dict[int, Decimal]:
        return dict(Purse.objects.filter(account=live.account).values_list("shard", "cash"))

    def move(self, live: KalshiLive, amount: str = "40", key: uuid.UUID | None = None) -> Transfer:
        return transfers.move(
            account=live.account,
            key=key or uuid.uuid4(),
            amount=D(amount),
            source=0,
            destination=3,
            by="ana",
            now=live.now,
        )

    def test_a_person_reviews_then_moves_and_the_second_press_moves_nothing(self, live, ana):
        row = {"amount": "40", "source": "0", "destination": "3"}
        over = ana.post(at("money", live.account), {**row, "amount": "500"})
        assert "Shard 0 has $100.00 free" in over.text
        review = ana.post(at("money", live.account), row)
        assert "Move $40.00 from shard 0 to shard 3" in review.text
        assert "$1,040.00" in review.text
        assert not Transfer.objects.exists()
        key = review.text.split('name="key" value="')[1].split('"')[0]

        for _ in range(2):
            done = ana.post(at("move", live.account), {**row, "key": key}, follow=True)

        assert "moved $40.00 from shard 0 to shard 3" in done.text
        assert self.shards(live) == live.member.cash == {0: 60, 3: 1040}
        assert Transfer.objects.count() == 1
        assert_invariants()

    @pytest.mark.parametrize(
        ("amount", "words"), [("100.01", "has $100.00 free"), ("0", "dollars"), ("1.001", "cents")]
    )
    def test_what_cannot_be_moved_is_refused_before_anything_is_sent(self, live, amount, words):
        with pytest.raises(CannotMove, match=words.replace("$", r"\$")):
            self.move(live, amount)

        assert not Transfer.objects.exists()

    def test_what_orders_hold_stays_where_it_is(self, live):
        live.place("0.55", "1500")
        with pytest.raises(CannotMove, match="What orders hold stays"):
            transfers.move(
                account=live.account,
                key=uuid.uuid4(),
                amount=D(900),
                source=3,
                destination=0,
                by="ana",
                now=live.now,
            )

    def test_a_refusal_of_the_exchange_is_told_and_moves_nothing(self, live):
        live.member.cash[0] = D(1)  # spent elsewhere

        row = self.move(live)

        assert row.state == "REFUSED"
        assert "insufficient_balance" in row.says
        assert self.shards(live) == {0: 100, 3: 1000}

    def look(self, live: KalshiLive, now: datetime) -> str:
        client = kalshi_of(live.account.credentials.get())
        transfers.look_after(client, live.account.pk, now=now)
        return Transfer.objects.get().state

    @pytest.mark.parametrize("kind", [Kind.ACCEPT_THEN_CLOSE, Kind.CLOSE_AFTER_BODY])
    def test_a_transfer_without_an_answer_is_decided_by_the_exchanges_list(self, live, kind):
        live.faults._rules.append(Rule(venue="kalshi", endpoint=TRANSFER, kind=kind, nth=1))
        row = self.move(live)
        assert row.state == "UNKNOWN"
        with pytest.raises(CannotMove, match="not over yet"):
            self.move(live)
        arrived = kind is Kind.ACCEPT_THEN_CLOSE

        assert self.look(live, live.now) == ("DONE" if arrived else "UNKNOWN")
        live.venue.clock.move(timedelta(minutes=2))
        assert self.look(live, live.now) == ("DONE" if arrived else "REFUSED")

        assert self.shards(live) == live.member.cash
        assert_invariants()

    def test_cash_that_is_taken_and_not_there_yet_can_be_spent_nowhere(self, live):
        live.venue.exchange.rules = Rules(maintenance=False, transfer_time=timedelta(seconds=40))

        row = self.move(live)

        assert row.state == "UNKNOWN"
        assert "has not done it yet" in row.says
        free = {each.shard: each.free for each in purses.of(live.account.pk)}
        assert free == {0: 60, 3: 1000}
        live.venue.clock.move(timedelta(seconds=41))
        assert self.look(live, live.now) == "DONE"
        assert self.shards(live) == live.member.cash == {0: 60, 3: 1040}
        assert_invariants()

    @pytest.mark.parametrize("code", ["trading_is_paused", "transfer_already_exists"])
    def test_a_409_is_never_taken_for_a_transfer(self, live, code):
        with pytest.raises((Refused, Unknown)):
            answers.moved(409, json.dumps({"error": {"code": code}}).encode())

    def test_a_sender_that_slept_sends_nothing_after_it_was_given_up(self, live):
        client = kalshi_of(live.account.credentials.get())

        with pytest.raises(NotSent, match="time to be sent was over"):
            client.portfolio.transfer(
                key=str(uuid.uuid4()),
                amount=D(40),
                source=0,
                destination=3,
                not_after=live.now - timedelta(seconds=1),
            )

        assert live.member.moves == []

    def test_what_was_given_up_and_moved_after_all_is_booked_and_told(self, live):
        live.faults._rules.append(
            Rule(venue="kalshi", endpoint=TRANSFER, kind=Kind.ACCEPT_THEN_CLOSE, nth=1)
        )
        self.move(live)
        Transfer.objects.update(state="REFUSED", ended_at=live.now)

        assert self.look(live, live.now) == "DONE"

        assert self.shards(live) == live.member.cash
        assert Event.objects.get(kind="transfer_done").level == "ACT"

    def test_a_list_that_cannot_be_read_for_long_blocks_nothing(self, live):
        live.faults._rules += [
            Rule(venue="kalshi", endpoint=TRANSFER, kind=Kind.ACCEPT_THEN_CLOSE, nth=1),
            Rule(venue="kalshi", endpoint=LIST, kind=Kind.STATUS, status=503),
        ]
        self.move(live)

        assert self.look(live, live.now + timedelta(minutes=20)) == "UNDECIDED"

        live.faults._rules.clear()
        live.venue.clock.move(timedelta(minutes=21))
        assert all(step.ok for step in live.prove().values())
        assert self.shards(live) == live.member.cash
        # The list says now that it was moved: the books have that by the balances already.
        assert self.look(live, live.now) == "UNDECIDED"
        Transfer.objects.update(absorbed_at=None)
        Transfer.objects.update(absorbed_at=live.now, state="REFUSED", ended_at=live.now)
        assert self.look(live, live.now) == "DONE"
        assert self.shards(live) == live.member.cash
        assert_invariants()

    def test_a_transfer_that_takes_long_stays_held_and_is_told(self, live):
        live.venue.exchange.rules = Rules(maintenance=False, transfer_time=timedelta(hours=1))
        self.move(live)
        live.venue.clock.move(timedelta(minutes=20))

        assert self.look(live, live.now) == "UNKNOWN"
        assert self.look(live, live.now) == "UNKNOWN"

        assert Event.objects.filter(kind="transfer_slow", level="ACT").count() == 1
        free = {each.shard: each.free for each in purses.of(live.account.pk)}
        assert free == {0: 60, 3: 1000}

    def test_a_shard_that_moves_no_cash_is_told_before_anything_is_sent(self, live):
        status = live.venue.call("", "GET", "/exchange/status").json()
        for row in status["exchange_index_statuses"]:
            row["intra_exchange_transfers_active"] = row["exchange_index"] != 3
        assert not shards(status)[3].takes_transfers

    def test_the_page_shows_every_place_with_what_the_venue_said(self, live, ana):
        live.place("0.55", "100")

        page = ana.get(at("money", live.account)).text

        assert "Kalshi, shard 3 (basketball, baseball, tennis)" in page
        order = Order.objects.get()
        assert f"${order.worst_cost:,.2f}" in page
        assert f"${1000 - order.worst_cost:,.2f}" in page
        assert "$1,100.00" in page

    def test_without_keys_it_says_what_to_do(self, live, ana, second):
        page = ana.get(at("money", second)).text

        assert "No cash anywhere yet" in page
        assert "Move cash" not in page
