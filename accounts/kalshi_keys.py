"""Keys to Kalshi as they are sealed, and where Kalshi and its demo are."""

import hashlib
import logging
from collections import OrderedDict
from datetime import datetime
from functools import lru_cache
from threading import Lock

from django.conf import settings
from django.core.cache import cache
from redis import RedisError

from accounts import credentials
from accounts.models import Account, VenueCredential
from venues.kalshi.auth import Keys, ServerClock, SigningKey
from venues.kalshi.hours import THURSDAY, Hours
from venues.kalshi.limits import Tier
from venues.secrets import Secret

log = logging.getLogger(__name__)

VENUE = "kalshi"
PRODUCTION, DEMO = VenueCredential.Environment.PRODUCTION, VenueCredential.Environment.DEMO
KEPT = 500  # parsed keys of one process
HOURS = "kalshi-hours"  # in the cache; losing it leaves the published weekly pause

_parsed: OrderedDict[str, SigningKey] = OrderedDict()
_lock = Lock()


def keys_of(credential: VenueCredential) -> Keys:
    """Open a credential's keys; the parsed one is kept, as parsing costs far more than signing.

    Raises VaultClosed, or BadKey for what was sealed and is no key.
    """
    name = hashlib.sha256(bytes(credential.box) + bytes(credential.data_key)).hexdigest()
    with _lock:
        signing = _parsed.get(name)
    if signing is None:
        signing = SigningKey(Secret(credentials.secrets_of(credential)["private_key"]))
        with _lock:
            _parsed[name] = signing
            while len(_parsed) > KEPT:
                _parsed.popitem(last=False)
    return Keys(key_id=credential.signer, account=credential.address, signing=signing)


def store(
    *,
    account: Account,
    key_id: str,
    pem: Secret,
    address: str,
    environment: str,
    tier: Tier,
    now: datetime,
) -> VenueCredential:
    """Seal a key for Kalshi; `address` is what tells this Kalshi account from others.

    Raises KeyTaken or VaultClosed.
    """
    return credentials.store(
        account=account,
        venue=VENUE,
        address=address,
        signer=key_id,
        environment=environment,
        tier=tier.stored(),
        secrets={"private_key": pem},
        now=now,
    )


def url_of(environment: str) -> str:
    """Return where REST is, path included."""
    return str(settings.KALSHI_DEMO_URL if environment == DEMO else settings.KALSHI_URL)


def ws_url_of(environment: str) -> str:
    return str(settings.KALSHI_DEMO_WS_URL if environment == DEMO else settings.KALSHI_WS_URL)


@lru_cache(maxsize=8)
def clock_of(url: str) -> ServerClock:
    """Return what this process knows of the clock of a place."""
    return ServerClock()


def hours(environment: str) -> Hours:
    """Return when a Kalshi is closed, as its schedule said when it was read last."""
    try:
        found = cache.get(f"{HOURS}-{environment}")
    except RedisError as problem:
        log.warning("Kalshi's hours are not at hand: %s", type(problem).__name__)
        found = None
    return found if isinstance(found, Hours) else THURSDAY


def keep_hours(found: Hours, environment: str) -> None:
    try:
        cache.set(f"{HOURS}-{environment}", found, None)
    except RedisError as problem:
        log.warning("Kalshi's hours cannot be kept: %s", type(problem).__name__)
