"""What `doctor` asks about real money: keys, wallets, clock, strangers' orders, unproved facts."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from urllib.parse import urlsplit

import httpx
from django.conf import settings

from accounts import credentials, kalshi_keys
from accounts.models import Account, VenueCredential
from accounts.vault import VaultClosed
from accounts.venues import polymarket_of
from markets import clock
from markets.models import Feed
from polymix import kalshi_checks
from polymix.findings import Finding
from trading import purses
from trading.models import Fill, Order, Redemption
from venues.errors import VenueError
from venues.money import CENT
from venues.polymarket.wallets import Kind
from venues.types import Settlement
from venues.words import dollars

SKEW_SECONDS = 2.0  # more, and signatures may be refused


def keys() -> Iterator[Finding]:
    """Tell of each real account whether its keys open, proved themselves, and fit their wallet."""
    for account in Account.objects.exclude(mode=Account.Mode.PAPER).order_by("name"):
        found = [each for (_, _), each in sorted(credentials.of_accounts([account.pk]).items())]
        if not found:
            yield Finding(
                name=f"keys of {account}",
                ok=False,
                says="none: nothing can be sent for it",
                fix="Enter them on the account's Keys page.",
            )
            continue
        for credential in found:
            yield _opens(account, credential)
            if credential.verified_at and settings.LIVE_TRADING:
                yield from _at_venue(account, credential)


def _at_venue(account: Account, credential: VenueCredential) -> Iterator[Finding]:
    if credential.venue == kalshi_keys.VENUE:
        return kalshi_checks.money(account, credential)
    return _wallet(account, credential)


def _opens(account: Account, credential: VenueCredential) -> Finding:
    kind = Kind(credential.signature_type).words if credential.venue == "polymarket" else "Kalshi"
    try:
        credentials.secrets_of(credential)
    except VaultClosed as problem:
        return Finding(name=f"keys of {account}", ok=False, says=str(problem), fix="See above.")
    proved = credential.verified_at is not None
    return Finding(
        name=f"keys of {account}",
        ok=proved,
        says=f"{kind} {credential.address}, {'proved' if proved else 'not proved'}",
        fix="Prove them on the account's Keys page; it says what is missing.",
    )


def _wallet(account: Account, credential: VenueCredential) -> Iterator[Finding]:
    """Ask the venue for money, allowances, and orders that are not ours."""
    try:
        client = polymarket_of(credential)
        cash, allowed = client.balance()
        resting = {str(row.get("id", "")).lower() for row in client.open_orders()}
    except (VenueError, VaultClosed) as problem:
        yield Finding(
            name=f"wallet of {account}",
            ok=False,
            says=f"Polymarket does not answer for it: {problem}",
            fix="Try again; orders are in doubt meanwhile.",
        )
        return
    yield from _books(account, cash)
    short = not allowed or min(allowed.values()) < max(cash, credentials.NOTHING)
    yield Finding(
        name=f"wallet of {account}",
        ok=not short,
        says=f"{dollars(cash)}, allowances {'are missing' if short else 'given'}",
        fix="Give them on the account's Keys page.",
    )
    ours = Order.objects.filter(account=account, venue_order_id__in=resting)
    strangers = resting - set(ours.values_list("venue_order_id", flat=True))
    yield Finding(
        name=f"orders of {account}",
        ok=not strangers,
        says=f"{len(resting)} rest at Polymarket, {len(strangers)} of them not from here",
        fix="Somebody trades this wallet elsewhere. Those orders are not counted in its limits.",
    )


def _books(account: Account, cash: Decimal) -> Iterator[Finding]:
    """Compare wallet and books, when nothing is on its way between them."""
    moving = Fill.objects.filter(account=account, venue="polymarket").exclude(
        settlement__in=[each.value for each in Settlement if each.is_final]
    )
    waiting = Redemption.objects.filter(account=account, done_at__isnull=True)
    if moving.exists() or waiting.exists():
        return
    booked = sum(
        (each.cash for each in purses.of(account.pk) if each.venue == "polymarket"),
        credentials.NOTHING,
    )
    yield Finding(
        name=f"books of {account}",
        ok=abs(booked - cash) < CENT,
        says=f"the books say {dollars(booked)}, the wallet {dollars(cash)}",
        fix="Money came or went by another way: prove the keys again, and the books follow it.",
    )


def venue_clock() -> Iterator[Finding]:
    """Compare this machine's clock with the exchange's: signatures carry the time."""
    feed = clock.current_feed()
    if not settings.LIVE_TRADING and (feed is None or feed.kind != Feed.Kind.LIVE):
        return
    answer = httpx.get(f"{settings.POLYMARKET_CLOB_URL}/time", timeout=5.0)
    skew = abs(datetime.now(UTC).timestamp() - float(answer.text))
    yield Finding(
        name="clock of Polymarket",
        ok=skew < SKEW_SECONDS,
        says=f"differs from ours by {skew:.1f} s",
        fix="Switch time synchronisation on: requests with a wrong time are refused.",
    )


def redemptions() -> Iterator[Finding]:
    waiting = Redemption.objects.filter(done_at__isnull=True)
    stuck = waiting.filter(attempts__gte=3).count()
    if waiting.exists():
        total = sum((row.expected for row in waiting), credentials.NOTHING)
        yield Finding(
            name="money waiting",
            ok=not stuck,
            says=f"{dollars(total)} of resolved markets, {stuck} fail again and again",
            fix="The account's Keys page says why; polymarket.com can redeem too.",
        )


def unverified() -> Iterator[Finding]:
    """Name what nobody could verify for us, and the setting that changes it."""
    if not settings.LIVE_TRADING:
        return
    # Its host alone: the rest of such an address is often a key.
    host = urlsplit(settings.POLYGON_WS_URL).hostname
    chain = host or "no node: the chain is not read"
    yield Finding(
        name="not verified",
        ok=True,
        says=(
            "the activity push (POLYMARKET_ACTIVITY_URL) and OrderFilled of protocol 2 "
            f"(POLYGON_WS_URL: {chain}) are undocumented; the Data API is read beside them. "
            f"Order ids of deposit wallets and protocol 2, the post-only time after a restart, "
            f"and rate limits (tier {settings.POLYMARKET_TIER}, POLYMARKET_TIER) are as published, "
            "not as seen. On Kalshi: frames of own fills and orders, how much the clock may be "
            "off, which shard new games are on (each market says it), and that a used client order "
            "id stays used (nothing relies on it)"
        ),
    )


CHECKS = (keys, venue_clock, kalshi_checks.clock, redemptions, unverified)
