"""What `doctor` asks about Kalshi: cash by shard, positions, strangers' orders, the clock."""

from collections.abc import Iterator
from datetime import UTC, datetime

import httpx
from django.conf import settings

from accounts import kalshi_keys
from accounts.models import Account, VenueCredential
from accounts.vault import VaultClosed
from accounts.venues import kalshi_of
from polymix.findings import Finding
from trading import purses
from trading.models import Order, Position
from venues.errors import VenueError
from venues.kalshi.auth import MOST_SKEW, ServerClock
from venues.kalshi.reports import Held
from venues.money import CENT, ZERO
from venues.words import dollars

VENUE = kalshi_keys.VENUE


def money(account: Account, credential: VenueCredential) -> Iterator[Finding]:
    """Compare the exchange's cash, positions and open orders with our books, shard by shard."""
    try:
        client = kalshi_of(credential)
        told, held = client.portfolio.balance(), client.portfolio.positions()
        resting = {str(row.get("client_order_id")) for row in client.open_orders()}
    except (VenueError, VaultClosed) as problem:
        yield Finding(
            name=f"Kalshi of {account}",
            ok=False,
            says=f"Kalshi does not answer for it: {problem}",
            fix="Try again; orders are in doubt meanwhile.",
        )
        return
    ours = {each.shard: each for each in purses.of(account.pk) if each.venue == VENUE}
    for shard in sorted({*ours, *told.by_shard}):
        if shard in ours and ours[shard].held:
            continue  # whether Kalshi's figure has what orders lock is not documented
        cash = told.by_shard.get(shard, ZERO)
        booked = ours[shard].cash if shard in ours else ZERO
        yield Finding(
            name=f"{purses.name_of(VENUE, shard)} of {account}",
            ok=abs(cash - booked) < CENT,
            says=f"the books say {dollars(booked)}, Kalshi {dollars(cash)}",
            fix="Money came or went by another way: prove the key again, and the books follow it.",
        )
    yield _positions(account, held)
    strangers = resting - set(
        Order.objects.filter(account=account, venue=VENUE).values_list("venue_order_id", flat=True)
    )
    yield Finding(
        name=f"Kalshi orders of {account}",
        ok=not strangers,
        says=f"{len(resting)} rest at Kalshi, {len(strangers)} of them not from here",
        fix="Somebody trades this account elsewhere. Those orders are not counted in its limits.",
    )


def _positions(account: Account, held: list[Held]) -> Finding:
    there = {each.token: each.shares for each in held}
    books = dict(
        Position.objects.filter(
            account=account, outcome__market__venue=VENUE, closed_at__isnull=True
        ).values_list("outcome__token", "shares")
    )
    differ = [
        token for token in {*there, *books} if there.get(token, ZERO) != books.get(token, ZERO)
    ]
    return Finding(
        name=f"Kalshi positions of {account}",
        ok=not differ,
        says=f"{len(there)} there, {len(books)} on the books, {len(differ)} differ"
        + (f": {', '.join(sorted(differ)[:3])}" if differ else ""),
        fix="Compare them on kalshi.com. What was traded elsewhere is not on the books.",
    )


def clock() -> Iterator[Finding]:
    """Compare this machine's clock with Kalshi's: signatures carry the time."""
    used = VenueCredential.objects.filter(venue=VENUE, removed_at__isnull=True)
    environments = set(used.values_list("environment", flat=True))
    for environment in sorted(environments) if settings.LIVE_TRADING else ():
        heard, sent = ServerClock(), datetime.now(UTC)
        url = f"{kalshi_keys.url_of(environment)}/exchange/status"
        answer = httpx.get(url, timeout=5.0)
        heard.hear(answer.headers, sent=sent, received=datetime.now(UTC))
        yield Finding(
            name=f"clock of Kalshi ({environment})",
            ok=heard.skew <= MOST_SKEW,
            says=f"differs from ours by {heard.skew.total_seconds():.1f} s at least",
            fix="Switch time synchronisation on: nothing is signed beyond 2 s.",
        )
