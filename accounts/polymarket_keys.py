"""Keys to Polymarket as they are sealed, and where Polymarket is."""

from datetime import datetime

from django.conf import settings

from accounts import credentials
from accounts.models import Account, VenueCredential
from venues.polymarket.auth import ApiKey, Keys, Wallet
from venues.polymarket.onboarding import Places
from venues.polymarket.public import Addresses
from venues.secrets import Secret

VENUE = "polymarket"


def keys_of(credential: VenueCredential) -> Keys:
    """Open a credential's keys. Raises VaultClosed."""
    found = credentials.secrets_of(credential)
    return Keys(
        wallet=Wallet(
            owner=found["owner"],
            funder=found["funder"],
            signature_type=credential.signature_type,
        ),
        private_key=Secret(found["private_key"]),
        api=ApiKey(
            key=found["api_key"],
            secret=Secret(found["api_secret"]),
            passphrase=Secret(found["api_passphrase"]),
        ),
        relayer_key=Secret(found["relayer_key"]),
    )


def store(*, account: Account, keys: Keys, now: datetime) -> VenueCredential:
    """Seal keys for Polymarket. Raises KeyTaken or VaultClosed."""
    wallet = keys.wallet
    return credentials.store(
        account=account,
        venue=VENUE,
        address=wallet.funder.lower(),
        signer=wallet.owner.lower(),
        signature_type=wallet.signature_type,
        secrets={
            "owner": Secret(wallet.owner),
            "funder": Secret(wallet.funder),
            "private_key": keys.private_key,
            "api_key": Secret(keys.api.key),
            "api_secret": keys.api.secret,
            "api_passphrase": keys.api.passphrase,
            "relayer_key": keys.relayer_key,
        },
        now=now,
    )


def addresses() -> Addresses:
    """Return where Polymarket, or the sandbox that stands in for it, is."""
    return Addresses(
        clob=settings.POLYMARKET_CLOB_URL,
        gamma=settings.POLYMARKET_GAMMA_URL,
        data=settings.POLYMARKET_DATA_URL,
    )


def places() -> Places:
    return Places(
        addresses=addresses(),
        relayer=settings.POLYMARKET_RELAYER_URL,
        geoblock=settings.POLYMARKET_GEOBLOCK_URL,
    )
