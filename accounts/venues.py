"""Which venue an order may reach: the only place that picks by mode."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache, partial

import httpx
from django.conf import settings

from accounts import credentials, kalshi_keys, polymarket_keys
from accounts.limits import shared_buckets, shared_limits
from accounts.models import Account, VenueCredential
from venues.errors import NotSent
from venues.kalshi.calls import Calls
from venues.kalshi.client import KalshiClient
from venues.kalshi.limits import Tier
from venues.kalshi.public import Public as KalshiPublic
from venues.polymarket.client import PolymarketClient
from venues.protocol import Venue

RealVenue = PolymarketClient | KalshiClient


class LiveTradingOff(NotSent):
    """Nothing can reach a live venue from here; nothing was sent."""


def open_venue(
    *,
    mode: str,
    venue: str,
    account: Account,
    paper: Callable[[], Venue],
    credential: VenueCredential | None = None,
    to_send: bool = True,
) -> Venue:
    """Return the venue for an order born in `mode`. A paper order never reaches a live one.

    `credential` is the account's own, where the caller has read it already. Raises LiveTradingOff
    for every other mode while live trading is off, or while the account has no keys that have
    proved themselves at that venue.
    """
    if mode == Account.Mode.PAPER:
        return paper()
    return open_real_venue(venue=venue, account=account, credential=credential, to_send=to_send)


def open_real_venue(
    *,
    venue: str,
    account: Account,
    credential: VenueCredential | None = None,
    to_send: bool = True,
) -> RealVenue:
    """Return the real venue of an account, with its own keys. Raises LiveTradingOff.

    Without `to_send` the keys need no fresh proof: what rests must be asked after, and taken back.
    """
    if not settings.LIVE_TRADING:
        raise LiveTradingOff("Live trading is off on this server. Nothing was sent.")
    credential = credential or credentials.of(account, venue)
    if credential is None or (credential.account_id, credential.venue) != (account.pk, venue):
        raise LiveTradingOff(f"This account has no keys for {venue.title()}. Nothing was sent.")
    if to_send and credential.verified_at is None:
        raise LiveTradingOff(
            f"This account's keys for {venue.title()} have not proved themselves. Nothing was sent."
        )
    return client_of(credential)


def client_of(credential: VenueCredential) -> RealVenue:
    """Return a client with the credential's keys, decrypted for it alone. Raises VaultClosed."""
    if credential.venue == kalshi_keys.VENUE:
        return kalshi_of(credential)
    return polymarket_of(credential)


def polymarket_of(credential: VenueCredential) -> PolymarketClient:
    """Return Polymarket for a wallet. Raises VaultClosed."""
    return PolymarketClient(
        keys=polymarket_keys.keys_of(credential),
        at=polymarket_keys.addresses(),
        http=http(),
        now=wall_clock,
        limits=shared_limits(),
        timeout=timeout(),
    )


def kalshi_of(credential: VenueCredential) -> KalshiClient:
    """Return Kalshi, or its demo, for one of its accounts. Raises VaultClosed."""
    keys, url = kalshi_keys.keys_of(credential), kalshi_keys.url_of(credential.environment)
    buckets = shared_buckets(url)
    calls = Calls(
        url,
        http=http(),
        now=wall_clock,
        clock=kalshi_keys.clock_of(url),
        keys=keys,
        buckets=buckets,
        tier=Tier.from_stored(credential.tier),
        timeout=timeout(),
        wait=settings.VENUE_RETRY_SECONDS,
    )
    return KalshiClient(
        keys=keys,
        calls=calls,
        now=wall_clock,
        buckets=buckets,
        hours=partial(kalshi_keys.hours, credential.environment),
    )


def kalshi_public(environment: str = kalshi_keys.PRODUCTION) -> KalshiPublic:
    """Return Kalshi's keyless reads."""
    url = kalshi_keys.url_of(environment)
    return KalshiPublic(
        Calls(
            url,
            http=http(),
            now=wall_clock,
            clock=kalshi_keys.clock_of(url),
            buckets=shared_buckets(url),
            timeout=timeout(),
            wait=settings.VENUE_RETRY_SECONDS,
        )
    )


def timeout() -> httpx.Timeout:
    return httpx.Timeout(settings.VENUE_TIMEOUT_SECONDS, connect=5.0)


@lru_cache(maxsize=1)
def http() -> httpx.Client:
    """Return this process's connections. They follow no redirect and repeat no request."""
    return httpx.Client(follow_redirects=False, transport=httpx.HTTPTransport(retries=0))


def wall_clock() -> datetime:
    """Return this machine's time, which signatures carry; `doctor` compares it."""
    return datetime.now(UTC)
