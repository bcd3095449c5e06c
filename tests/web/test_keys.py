"""Keys by the pages: entered once, never shown, proved before anything is sent."""

from decimal import Decimal

import pytest
from allauth.mfa.totp.internal.auth import TOTP
from django.core.management import CommandError, call_command
from django.test import override_settings
from django.urls import reverse

from accounts import credentials, polymarket_keys, vault
from accounts.factors import ways
from accounts.models import Account, User, VenueCredential
from accounts.vault import VaultClosed
from risk.models import RiskState
from tests.live_world import LiveWorld, live_world
from tests.sandbox.polymarket_world import KEY, OTHER
from tests.web.test_factors import SECRET, code
from trading import onboarding_polymarket
from trading.onboarding import NotAllowed
from venues.polymarket import wallets
from venues.polymarket.auth import address_of
from venues.secrets import Secret
from whales.models import Whale


@pytest.fixture
def live(transactional_db, now):
    with live_world(now) as made:
        yield made


@pytest.fixture
def account(live: LiveWorld) -> Account:
    """A second account for real money, without keys."""
    live.venue.exchange.open_wallet(address(OTHER), cash=live.world.starting_balance)
    return live.world.open("Second", mode="APPROVAL", starting_balance=credentials.NOTHING)


def address(key: str) -> str:
    return address_of(Secret(key))


def enter(client, account: Account, **fields):
    url = reverse("keys", args=[account.pk])
    if not ways(account.owner):
        TOTP.activate(account.owner, SECRET)
    return client.post(url, {"private_key": OTHER, "code": code(), **fields}, follow=True)


def test_keys_ask_for_a_factor(client, live, account):
    client.force_login(live.world.owner)

    wrong = enter(client, account, code="000000")
    missing = enter(client, account, code="")

    assert b"This code is wrong" in wrong.content
    assert b"passkey, or for the code" in missing.content
    assert credentials.of(account, "polymarket") is None


def test_keys_are_entered_proved_and_never_shown(client, live, account):
    client.force_login(live.world.owner)

    entered = enter(client, account)
    assert b"Now prove them" in entered.content
    assert b"nothing is sent" in entered.content
    proved = client.post(reverse("keys-prove", args=[account.pk]), follow=True)

    assert b"All of it passed" in proved.content
    for page in (entered, proved):
        assert OTHER[2:].encode() not in page.content
    credential = credentials.of(account, "polymarket")
    assert credential.verified_at is not None
    assert RiskState.objects.get(account=account).cash == 10_000
    assert Whale.objects.get(address=credential.address).own


def test_a_trial_order_is_placed_and_cancelled(client, live, account):
    client.force_login(live.world.owner)
    live.whale_trades()  # a market becomes known
    enter(client, account)

    told = client.post(reverse("keys-prove", args=[account.pk]), {"trial": "yes"}, follow=True)

    assert b"It rested, and was cancelled" in told.content
    assert live.posts() == 1
    assert {order.status for order in live.venue.exchange.orders.values()} == {"CANCELED"}


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"private_key": "0x12"}, b"64 hexadecimal digits"),
        ({"private_key": KEY}, b"is used by an account of this server already"),
        ({"funder": "0x" + "99" * 20}, b"no wallet of this key"),
        ({"private_key": ""}, b"This field is required"),
    ],
)
def test_bad_keys_are_told_and_nothing_is_stored(client, live, account, fields, says):
    client.force_login(live.world.owner)

    told = enter(client, account, **fields)

    assert says in told.content
    assert credentials.of(account, "polymarket") is None


def test_with_live_trading_off_nothing_is_asked_of_the_exchange(client, live, account):
    client.force_login(live.world.owner)
    before = len(live.calls.rows)

    with override_settings(LIVE_TRADING=False):
        told = enter(client, account)

    assert b"Set LIVE_TRADING=true" in told.content
    assert len(live.calls.rows) == before


def test_a_paper_account_takes_no_keys(live: LiveWorld):
    with pytest.raises(NotAllowed, match="paper money"):
        onboarding_polymarket.enter(
            account=live.world.account, private_key=Secret(OTHER), now=live.now
        )


def test_somebody_elses_keys_are_not_found(client, live, account):
    client.force_login(User.objects.create_user("eve", password="not-a-secret-2026"))

    for name in ("keys", "keys-prove", "keys-allow", "keys-forget"):
        url = reverse(name, args=[account.pk])
        answer = client.get(url) if name == "keys" else client.post(url)
        assert answer.status_code == 404


def test_removed_keys_leave_nothing_behind(client, live, account):
    client.force_login(live.world.owner)
    enter(client, account)

    client.post(reverse("keys-forget", args=[account.pk]))

    row = VenueCredential.objects.get(account=account)
    assert (bytes(row.box), bytes(row.data_key)) == (b"", b"")
    assert credentials.of(account, "polymarket") is None


def test_allowances_are_given_only_when_somebody_asks(client, live, account):
    client.force_login(live.world.owner)
    owner, exchange = address(OTHER), live.venue.exchange
    safe = wallets.safe_of(owner)
    wallet = exchange.open_wallet(safe, owner=owner, signature_type=2, cash=Decimal(5))
    exchange.relayer_keys[owner.lower()] = "relayer"
    enter(client, account, funder=safe, relayer_key="relayer")
    wallet.approved = False
    client.post(reverse("keys-prove", args=[account.pk]))
    assert credentials.of(account, "polymarket").verified_at is None

    told = client.post(reverse("keys-allow", args=[account.pk]), follow=True)

    assert b"may take what this wallet trades" in told.content
    assert wallet.approved


def test_an_account_for_real_money_is_opened_empty(client, live):
    client.force_login(live.world.owner)

    told = client.post(reverse("open-real"), {"name": "Mine", "mode": "APPROVAL"}, follow=True)

    account = Account.objects.get(name="Mine")
    assert (account.mode, account.starting_balance) == ("APPROVAL", 0)
    assert b"Check and save" in told.content


def test_the_admin_enters_keys_by_the_same_way_and_shows_no_secret(client, live, account):
    User.objects.filter(pk=live.world.owner.pk).update(is_staff=True, is_superuser=True)
    client.force_login(User.objects.get(pk=live.world.owner.pk))
    url = reverse("admin:accounts_venuecredential_add")

    TOTP.activate(live.world.owner, SECRET)
    given = {"account": account.pk, "private_key": OTHER}
    wrong = client.post(url, given | {"code": "000000"})
    assert b"This code is wrong" in wrong.content
    assert credentials.of(account, "polymarket") is None
    given |= {"code": code()}
    bad = client.post(url, given | {"private_key": "0x12"})
    assert b"64 hexadecimal digits" in bad.content
    client.post(url, given)

    row = credentials.of(account, "polymarket")
    page = client.get(reverse("admin:accounts_venuecredential_change", args=[row.pk]))
    assert page.status_code == 200
    assert OTHER[2:].encode() not in page.content


def test_a_box_of_another_account_does_not_open(live: LiveWorld, account):
    taken = credentials.of(live.accounts[0], "polymarket")
    taken.account = account

    with pytest.raises(VaultClosed, match="sealed for another account"):
        polymarket_keys.keys_of(taken)


def test_keys_are_rotated_without_entering_anything_again(live: LiveWorld, settings, capsys):
    credential = credentials.of(live.accounts[0], "polymarket")
    old = settings.CREDENTIAL_KEYS
    call_command("rotate_credentials", "--new-key")
    new = [capsys.readouterr().out.strip()]
    settings.CREDENTIAL_KEYS = new + old
    call_command("rotate_credentials")
    settings.CREDENTIAL_KEYS = new

    credential.refresh_from_db()
    assert polymarket_keys.keys_of(credential).private_key.reveal() == KEY
    call_command("rotate_credentials", "--check")
    assert "1 of 1 credentials open" in capsys.readouterr().out
    settings.CREDENTIAL_KEYS = old
    with pytest.raises(CommandError, match="do not open"):
        call_command("rotate_credentials", "--check")


@pytest.mark.parametrize("keys", [[], ["not a key"]])
def test_without_a_right_key_the_vault_stays_shut(settings, keys):
    settings.CREDENTIAL_KEYS = keys

    with pytest.raises(VaultClosed, match="rotate_credentials --new-key"):
        vault.seal({"a": Secret("b")}, bound_to="x")
