"""Turn won shares into money: a queue of rows, retried until the chain holds nothing more.

What the wallet still holds is asked before every try, so a redemption that was done - by us before
a crash, or by the venue itself - is never done twice, and money is booked only once the shares are
gone.
"""

import logging
from datetime import datetime, timedelta
from decimal import Decimal

from django.conf import settings
from django.db import transaction
from django.db.models import Sum

from accounts import credentials, polymarket_keys
from accounts.limits import shared_limits
from accounts.models import Account, VenueCredential
from accounts.vault import VaultClosed
from accounts.venues import http
from markets.models import Outcome, Resolution
from notifications.services import record
from risk import stops
from trading import settlement
from trading.models import Redemption
from venues.errors import Unreadable, VenueError
from venues.money import ZERO
from venues.polymarket.public import Public
from venues.polymarket.wallet_calls import ChainPlaces, WalletCalls
from venues.words import dollars

log = logging.getLogger(__name__)

WAITS = (30, 60, 300, 900, 3600)  # seconds after the first failure, the second, ...
TELL_AFTER = 3  # failures
SETTLES = timedelta(seconds=20)  # for which a sent transaction is left alone
DUST = Decimal("0.01")  # shares that are not worth a transaction
CRUMB = Decimal("0.01")  # USD that is not: what lost, and less than a cent


def redeem_due(*, now: datetime) -> list[int]:
    """Try every redemption whose time has come; returns those that are done. Safe to repeat.

    Nothing is tried while live trading is off: what was won waits.
    """
    if not settings.LIVE_TRADING:
        return []
    due = Redemption.objects.filter(done_at__isnull=True, next_at__lte=now)
    done = []
    for row in due.select_related("account", "market").order_by("next_at"):
        # Stopped means everything is: the shares are worth the same tomorrow.
        stopped = stops.read_stops().words(
            account_id=row.account_id, whale="", venue="polymarket", entries=False
        )
        if not stopped and _redeem(row, now=now):
            done.append(row.pk)
    return done


def money_waiting(account: Account) -> Decimal:
    """Return what redemptions on their way will bring, USD."""
    rows = Redemption.objects.filter(account=account, done_at__isnull=True)
    found: Decimal = rows.aggregate(total=Sum("expected"))["total"] or ZERO
    return found


def _redeem(row: Redemption, *, now: datetime) -> bool:
    credential = credentials.of(row.account, "polymarket")
    if credential is None:
        _failed(row, "The account has no keys: nothing can be redeemed for it.", now=now)
        return False
    try:
        _check_ruling(row)
        if row.expected < CRUMB:
            settlement.pay_redeemed(row.account_id, row.market_id, now=now, is_written_off=True)
            _done(row, now=now)
            return True
        calls = calls_of(credential)
        held = [
            calls.shares(outcome.token, protocol=row.market.protocol)
            for outcome in Outcome.objects.filter(market=row.market)
        ]
        if max(held, default=ZERO) < DUST:
            if not row.transaction and not _was_redeemed(row, credential):
                # Shares that left another way, or a node that lags: no money is booked for that.
                raise Unreadable("the wallet holds no shares, and nothing says they were redeemed")
            settlement.pay_redeemed(row.account_id, row.market_id, now=now)
            _done(row, now=now)
            return True
        if row.sent_at is not None and now - row.sent_at < SETTLES:
            return False
        # From here on a crash costs another look: the chain says whether it was done.
        Redemption.objects.filter(pk=row.pk).update(sent_at=now, next_at=now + SETTLES)
        row.transaction = calls.redeem(row.market.external_id)[:80]
        row.save(update_fields=["transaction"])
        Redemption.objects.filter(pk=row.pk).update(next_at=now)
    except (VenueError, VaultClosed) as problem:
        _failed(row, str(problem), now=now)
    return False


def _check_ruling(row: Redemption) -> None:
    """Compare what we believe a market pays with the oracle's public record. Raises Unreadable
    while the two differ, or the result is still open to dispute.
    """
    public = Public(polymarket_keys.addresses(), client=http(), limits=shared_limits())
    ruling = public.ruling(row.market.external_id)
    if ruling is None:
        return  # not every market has a record there: the catalogue's word stands
    resolution = Resolution.objects.filter(market=row.market).order_by("-version")[0]
    listed = public.listings([row.market.external_id])
    if not listed:
        raise Unreadable("the catalogue does not list the market, so its outcomes have no order")
    ours = tuple(Decimal(resolution.payouts.get(token, "0")) for token in listed[0].tokens)
    if ruling != ours:
        raise Unreadable(f"the oracle's record pays {ruling}, the catalogue {ours}")


def _was_redeemed(row: Redemption, credential: VenueCredential) -> bool:
    """Ask the public record for a redemption that we have no transaction of."""
    public = Public(polymarket_keys.addresses(), client=http(), limits=shared_limits())
    return public.was_redeemed(credential.address, row.market.external_id)


def _done(row: Redemption, *, now: datetime) -> None:
    with transaction.atomic():
        Redemption.objects.filter(pk=row.pk, done_at__isnull=True).update(done_at=now, problem="")
        record(
            kind="redeemed",
            account_id=row.account_id,
            sentence=f"{row.market} is settled: {dollars(row.expected)} came of it.",
            payload={"transaction": row.transaction},
            at=now,
        )


def _failed(row: Redemption, why: str, *, now: datetime) -> None:
    attempts = row.attempts + 1
    wait = WAITS[min(attempts, len(WAITS)) - 1]
    log.warning("The redemption of %s for %s failed: %s", row.market, row.account, why)
    with transaction.atomic():
        Redemption.objects.filter(pk=row.pk).update(
            attempts=attempts, problem=why[:500], next_at=now + timedelta(seconds=wait)
        )
        if attempts == TELL_AFTER:
            record(
                kind="redemption_fails",
                account_id=row.account_id,
                level="ACT",
                sentence=(
                    f"{dollars(row.expected)} of {row.market} wait to be redeemed: {why} "
                    "It is tried again; polymarket.com can do it too."
                ),
                payload={"redemption": row.pk},
                at=now,
            )


def calls_of(credential: VenueCredential) -> WalletCalls:
    """Return the on-chain calls of a credential's wallet. Raises VaultClosed."""
    at = ChainPlaces(
        clob=settings.POLYMARKET_CLOB_URL,
        gamma=settings.POLYMARKET_GAMMA_URL,
        data=settings.POLYMARKET_DATA_URL,
        relayer=settings.POLYMARKET_RELAYER_URL,
        rpc=settings.POLYGON_RPC_URL,
    )
    return WalletCalls(keys=polymarket_keys.keys_of(credential), at=at, http=http())
