"""The official clients, unmodified, trade on the sandbox."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from polymarket import SecureClient
from polymarket._internal.wallet import (
    derive_proxy_wallet_address,
    derive_safe_wallet_address,
    derive_uups_deposit_wallet_address,
)
from polymarket.auth import RelayerApiKey
from polymarket.environments import PRODUCTION
from py_clob_client_v2 import ClobClient, OrderArgs
from py_clob_client_v2 import Side as ClobSide

from sandbox.exchanges import Sandbox
from sandbox.polymarket.wallets import Wallet
from sandbox.serving import serving
from tests.sandbox.polymarket_world import KEY, NEG, V3, YES, PolymarketWorld, environment

DERIVED = {
    1: derive_proxy_wallet_address,
    2: derive_safe_wallet_address,
    3: derive_uups_deposit_wallet_address,
}


@pytest.fixture
def world() -> PolymarketWorld:
    return PolymarketWorld()


def wallet_of(world: PolymarketWorld, kind: int) -> Wallet:
    """Return a wallet of a signature type that the test key owns."""
    if kind == 0:
        return world.exchange.wallets[world.owner.lower()]
    address = DERIVED[kind](world.owner, PRODUCTION._config.wallet_derivation)
    return world.exchange.open_wallet(
        address, owner=world.owner, signature_type=kind, cash=Decimal(1000)
    )


@pytest.mark.parametrize("kind", [0, 1, 2, 3])
def test_the_official_client_trades_with_every_kind_of_wallet(world, kind):
    wallet = wallet_of(world, kind)
    with serving(world.app) as url:
        client = SecureClient.create(
            private_key=KEY, wallet=wallet.address, environment=environment(url)
        )
        for token in (YES, NEG, V3):  # each is signed for a contract of its own
            world.quote(token, "0.55", "100")
            rests = client.post_order(
                client.create_limit_order(token_id=token, price="0.50", size="10", side="BUY")
            )
            takes = client.post_order(
                client.create_limit_order(token_id=token, price="0.60", size="20", side="BUY")
            )
            spent = client.post_order(
                client.create_market_order(token_id=token, amount="11", side="BUY")
            )
            assert (rests.status, takes.status, spent.status) == ("live", "matched", "matched")
            assert world.exchange.orders[rests.order_id].wallet is wallet
            assert world.exchange.orders[takes.order_id].matched == 20
            assert world.exchange.orders[spent.order_id].matched == 20
        cancelled = client.cancel_order(order_id=rests.order_id)

    assert list(cancelled.canceled) == [rests.order_id]


def test_the_second_official_client_trades_too(world):
    with serving(world.app) as url:
        client = ClobClient(url, 137, key=KEY)
        client.set_api_creds(client.create_or_derive_api_key())
        made = client.create_and_post_order(
            OrderArgs(token_id=YES, price=0.5, size=10, side=ClobSide.BUY)
        )
        found = client.get_open_orders()

    assert made["status"] == "live"
    assert [row["id"] for row in found] == [made["orderID"]]


@pytest.mark.parametrize("kind", [0, 1, 2, 3])
@pytest.mark.parametrize(
    ("token", "payout", "paid"),
    [(YES, "1", 100), (YES, "0.5", 50), (NEG, "1", 100), (V3, "1", 100)],
)
def test_the_official_client_redeems_with_every_kind_of_wallet(kind, token, payout, paid):
    world = PolymarketWorld(speed=50)
    wallet = wallet_of(world, kind)
    wallet.shares[token] = Decimal(100)
    before, first = wallet.cash, Decimal(payout)
    market = world.exchange.by_token[token]
    world.exchange.resolve(market.condition, (first, 1 - first), now=world.clock.now())
    world.exchange.relayer_keys[world.owner.lower()] = "relayer-key"
    with serving(world.app) as url:
        client = SecureClient.create(
            private_key=KEY,
            wallet=wallet.address,
            environment=environment(url),
            api_key=RelayerApiKey(key="relayer-key", address=world.owner),
        )
        done = client.redeem_positions(condition_id=market.condition).wait()

    assert done.transaction_hash.startswith("0x")
    assert wallet.cash - before == paid
    assert not wallet.shares.get(token)


def test_the_printed_wallets_trade_with_the_official_client():
    made = Sandbox(seed=1, start=datetime.now(UTC), speed=1)
    made.world.advance(made.clock.now() + timedelta(seconds=20))
    user, market = made.users[0], made.world.games[0].polymarket
    with serving(made.apps()["polymarket"]) as url:
        for wallet in (user.wallet, user.safe):
            client = SecureClient.create(
                private_key=user.wallet_key,
                wallet=wallet,
                environment=environment(url),
                api_key=RelayerApiKey(key=user.relayer_key, address=user.wallet),
            )
            order = client.post_order(
                client.create_limit_order(
                    token_id=market.tokens[0], price="0.05", size="10", side="BUY"
                )
            )
            assert order.status == "live"
    assert (
        user.safe
        == derive_safe_wallet_address(user.wallet, PRODUCTION._config.wallet_derivation).lower()
    )
