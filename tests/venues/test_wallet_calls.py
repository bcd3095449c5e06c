"""What a wallet does on chain, for each kind of wallet that is a contract, through the relayer."""

from decimal import Decimal

import httpx
import pytest

from sandbox.serving import serving
from tests.sandbox.polymarket_world import KEY, V3, YES, PolymarketWorld
from venues.errors import Refused, Unknown
from venues.polymarket import onboarding
from venues.polymarket.auth import Keys, address_of
from venues.polymarket.onboarding import Places
from venues.polymarket.public import Addresses
from venues.polymarket.wallet_calls import ChainPlaces, WalletCalls
from venues.polymarket.wallets import Kind, candidates, wallet_of
from venues.secrets import NO_SECRET, Secret

OWNER = address_of(Secret(KEY))


def calls_of(world: PolymarketWorld, url: str, kind: Kind, *, relayer: str = "relayer"):
    funder = next(each.address for each in candidates(OWNER) if each.kind is kind)
    wallet = world.exchange.open_wallet(
        funder, owner=OWNER, signature_type=int(kind), cash=Decimal(5)
    )
    world.exchange.relayer_keys[OWNER.lower()] = "relayer"
    at, http = Addresses(clob=url, gamma=url, data=url), httpx.Client()
    api = onboarding.api_key(
        Secret(KEY),
        at=Places(addresses=at, relayer=url, geoblock=""),
        http=http,
        now=world.clock.wall,
    )
    keys = Keys(
        wallet=wallet_of(OWNER, funder),
        private_key=Secret(KEY),
        api=api,
        relayer_key=Secret(relayer) if relayer else NO_SECRET,
    )
    places = ChainPlaces(clob=url, gamma=url, data=url, relayer=url, rpc=f"{url}/rpc")
    return wallet, WalletCalls(keys=keys, at=places, http=http)


@pytest.mark.parametrize(
    ("kind", "token"), [(Kind.PROXY, YES), (Kind.SAFE, YES), (Kind.DEPOSIT, V3)]
)
def test_a_contract_wallet_redeems_what_it_won(kind, token):
    world = PolymarketWorld(speed=50)
    with serving(world.app) as url:
        wallet, calls = calls_of(world, url, kind)
        wallet.shares[token] = Decimal(100)
        market = world.exchange.by_token[token]
        protocol = market.version
        assert calls.shares(token, protocol=protocol) == 100
        world.exchange.resolve(market.condition, (Decimal(1), Decimal(0)), now=world.clock.now())

        transaction = calls.redeem(market.condition)

        assert transaction.startswith("0x")
        assert calls.shares(token, protocol=protocol) == 0
        assert calls.cash() == 105


def test_a_redemption_that_the_relayer_refuses_says_so_and_changes_nothing():
    world = PolymarketWorld(speed=50)
    with serving(world.app) as url:
        wallet, calls = calls_of(world, url, Kind.SAFE, relayer="wrong")
        wallet.shares[YES] = Decimal(100)
        world.exchange.resolve(
            world.market.condition, (Decimal(1), Decimal(0)), now=world.clock.now()
        )

        with pytest.raises((Refused, Unknown)):
            calls.redeem(world.market.condition)

        assert calls.shares(YES, protocol="v1") == 100
