"""Signed orders: the same bytes as the official client's, and always the same ones."""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polymarket import SecureClient
from polymarket._internal.actions.orders import orders as official_orders
from polymarket._internal.actions.orders import post as official_post
from polymarket._internal.wallet import (
    derive_beacon_deposit_wallet_address,
    derive_proxy_wallet_address,
    derive_safe_wallet_address,
    derive_uups_deposit_wallet_address,
)
from polymarket.environments import PRODUCTION

from sandbox.serving import serving
from tests.sandbox.polymarket_world import KEY, NEG, V3, YES, PolymarketWorld, environment
from venues.polymarket import signing, wallets
from venues.polymarket.amounts import BadOrder, limit_amounts, market_amounts
from venues.polymarket.auth import ApiKey, BadKey, Keys, Wallet, address_of
from venues.secrets import Secret
from venues.types import OrderKind, OrderRequest, Shares, Side, Terms, Usd

OWNER = address_of(Secret(KEY))
DERIVED = {
    0: lambda owner, config: owner,
    1: derive_proxy_wallet_address,
    2: derive_safe_wallet_address,
    3: derive_uups_deposit_wallet_address,
}
TERMS = Terms(tick=Decimal("0.01"), min_shares=Decimal(5), neg_risk=False, protocol="v1")
TICKS = [Decimal(tick) for tick in ("0.1", "0.01", "0.005", "0.0025", "0.001", "0.0001")]
ORDERS = 1000


def keys_of(kind: int, *, api: str = "key") -> Keys:
    funder = DERIVED[kind](OWNER, PRODUCTION._config.wallet_derivation)
    return Keys(
        wallet=Wallet(owner=OWNER, funder=funder, signature_type=kind),
        private_key=Secret(KEY),
        api=ApiKey(key=api, secret=Secret("c2VjcmV0"), passphrase=Secret("phrase")),
    )


def request(number: int, **changes) -> OrderRequest:
    at = datetime(2027, 1, 1, tzinfo=UTC) + timedelta(milliseconds=7919 * number)
    fields = {
        "client_order_id": f"intent-{number}",
        "token": YES,
        "side": Side.BUY,
        "limit_price": Decimal("0.55"),
        "shares": Decimal(20),
        "sent_at": at,
        "expires_at": at + timedelta(hours=1),
    }
    return OrderRequest(**{**fields, **changes})


def drawn(number: int) -> tuple[int, OrderRequest, Terms]:
    """Return a random wallet type, order and market."""
    draw = random.Random(number)
    token, neg_risk, protocol = draw.choice(
        [(YES, False, "v1"), (NEG, True, "v1"), (V3, False, "v2")]
    )
    kind = draw.choice(list(OrderKind))
    asked = request(
        number,
        token=token,
        side=draw.choice(list(Side)),
        limit_price=Decimal(draw.randint(1, 99)).scaleb(-2),
        shares=Decimal(draw.randint(500, 100_000_00)).scaleb(-2),
        kind=kind,
        post_only=kind in (OrderKind.GTC, OrderKind.GTD) and draw.random() < 0.3,
    )
    terms = Terms(tick=TERMS.tick, min_shares=Decimal(5), neg_risk=neg_risk, protocol=protocol)
    return draw.randint(0, 3), asked, terms


def official(client: SecureClient, asked: OrderRequest) -> object:
    """Let the official client sign the same order."""
    side = asked.side.value
    if asked.kind in (OrderKind.GTC, OrderKind.GTD):
        expires = int(asked.expires_at.timestamp()) if asked.kind is OrderKind.GTD else None
        return client.create_limit_order(
            token_id=asked.token,
            price=asked.limit_price,
            size=asked.shares,
            side=side,
            expiration=expires,
            post_only=asked.post_only,
        )
    if asked.side is Side.SELL:
        return client.create_market_order(
            token_id=asked.token,
            side=side,
            shares=asked.shares,
            min_price=asked.limit_price,
            order_type=asked.kind.value,
        )
    found = market_amounts(
        side=asked.side,
        limit=asked.limit_price,
        amount=Shares(count=asked.shares),
        terms=TERMS,
    )
    return client.create_market_order(
        token_id=asked.token,
        side=side,
        amount=Decimal(found.give).scaleb(-6),
        max_price=asked.limit_price,
        order_type=asked.kind.value,
    )


def test_a_thousand_random_orders_are_the_official_clients_byte_for_byte(monkeypatch):
    world = PolymarketWorld()
    with serving(world.app) as url:
        clients = {}
        for kind in range(4):
            wallet = keys_of(kind).wallet.funder
            if kind:
                world.exchange.open_wallet(
                    wallet, owner=OWNER, signature_type=kind, cash=Decimal(0)
                )
            clients[kind] = SecureClient.create(
                private_key=KEY, wallet=wallet, environment=environment(url)
            )
        for number in range(ORDERS):
            kind, asked, terms = drawn(number)
            salt, stamp = signing.salt_of(asked.client_order_id), asked.sent_at
            monkeypatch.setattr(official_orders, "_generate_salt", salt.__int__)
            monkeypatch.setattr(
                official_orders, "_current_timestamp_ms", signing.milliseconds(stamp).__int__
            )
            theirs = official(clients[kind], asked)
            row = official_post._build_send_order_payload(theirs, owner_api_key="key")
            ours = signing.signed_order(asked, keys=keys_of(kind), terms=terms)

            assert orjson.loads(ours.body) == row, asked
            assert list(orjson.loads(ours.body)["order"]) == list(row["order"])


def test_signing_again_after_a_crash_gives_the_same_id_and_bytes():
    for number in range(ORDERS):
        kind, asked, terms = drawn(number)
        before = signing.signed_order(asked, keys=keys_of(kind), terms=terms)
        after = signing.signed_order(asked, keys=keys_of(kind), terms=terms)

        assert before == after


def test_two_intents_never_share_an_id():
    ids = {
        signing.signed_order(
            request(0, client_order_id=f"intent-{number}"), keys=keys_of(0), terms=TERMS
        ).order_id
        for number in range(100)
    }

    assert len(ids) == 100


@given(
    tick=st.sampled_from(TICKS),
    limit=st.decimals("0.0001", "0.9999", places=4),
    side=st.sampled_from(list(Side)),
    amount=st.decimals("0.01", "100000", places=2),
    at_once=st.booleans(),
    in_dollars=st.booleans(),
)
def test_what_is_signed_implies_exactly_a_price_that_is_quoted_and_not_worse(
    tick, limit, side, amount, at_once, in_dollars
):
    terms = Terms(tick=tick, min_shares=Decimal(5), neg_risk=False, protocol="v1")
    size = Usd(amount=amount) if in_dollars else Shares(count=amount)
    try:
        if at_once:
            made = market_amounts(side=side, limit=limit, amount=size, terms=terms)
        else:
            made = limit_amounts(side=side, limit=limit, shares=amount, terms=terms)
    except BadOrder:
        return

    dollars, shares = (made.give, made.get) if side is Side.BUY else (made.get, made.give)
    assert Decimal(dollars) == made.price * shares
    assert made.price % tick == 0
    assert made.price <= limit if side is Side.BUY else made.price >= limit
    asked = amount * limit if at_once and not in_dollars else amount
    if side is Side.BUY and at_once:
        assert dollars <= asked * 1_000_000
        assert dollars % 10_000 == 0  # whole cents, or the venue refuses it
    else:
        assert shares <= amount * 1_000_000


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"shares": Decimal("4.99")}, "takes 5 shares or more"),
        ({"limit_price": Decimal("0.001")}, "not between 0.01 and 0.99"),
        ({"kind": OrderKind.FAK, "shares": Decimal(1)}, r"takes \$1 or more"),
    ],
)
def test_what_the_venue_would_refuse_is_not_signed(changes, says):
    with pytest.raises(BadOrder, match=says):
        signing.signed_order(request(1, **changes), keys=keys_of(0), terms=TERMS)


def test_a_sale_is_never_of_dollars():
    with pytest.raises(BadOrder, match="of shares, not of dollars"):
        market_amounts(
            side=Side.SELL, limit=Decimal("0.5"), amount=Usd(amount=Decimal(10)), terms=TERMS
        )


def test_a_secret_is_never_shown():
    keys = keys_of(0)

    assert KEY[2:] not in f"{keys!r} {keys} {keys.private_key!s} {keys.api}"
    assert "c2VjcmV0" not in repr(keys.api)


@pytest.mark.parametrize("text", ["", "0x12", "not hex", "0x" + "zz" * 32])
def test_what_is_no_private_key_is_told_without_quoting_it(text):
    with pytest.raises(BadKey) as told:
        address_of(Secret(text))

    assert not text or text not in str(told.value)


@given(key=st.binary(min_size=32, max_size=32).filter(any))
def test_the_wallets_of_a_key_are_where_the_official_client_finds_them(key):
    try:
        owner = address_of(Secret(key.hex()))
    except BadKey:  # over the curve's order
        return
    config = PRODUCTION._config.wallet_derivation

    found = {each.address for each in wallets.candidates(owner)}

    assert found == {
        owner,
        derive_proxy_wallet_address(owner, config),
        derive_safe_wallet_address(owner, config),
        derive_uups_deposit_wallet_address(owner, config),
        derive_beacon_deposit_wallet_address(owner, config),
    }
    for kind in range(4):
        address = DERIVED[kind](owner, config)
        assert wallets.wallet_of(owner, address.lower()).signature_type == kind


def test_a_wallet_of_somebody_else_is_told_with_the_ones_that_fit():
    with pytest.raises(wallets.NotYourWallet, match="deposit wallet"):
        wallets.wallet_of(OWNER, "0x" + "99" * 20)
