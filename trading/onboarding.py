"""Keys to real money, whatever the venue: who may enter them, and how the books follow the money.

Nothing here connects to a venue while live trading is off, or for an account of paper money.
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import uuid4

from django.conf import settings
from django.db import transaction
from django.db.models import F, Max, QuerySet
from django.db.models.functions import Greatest

from accounts import credentials
from accounts.models import Account, VenueCredential
from accounts.venues import client_of
from markets.models import Outcome
from notifications.services import record
from risk import stops
from risk.models import RiskState
from trading import ledger, purses
from trading.domain.ledger import EntryKind, deposit
from trading.models import (
    EquityPoint,
    Fill,
    MarketSettlement,
    Order,
    Position,
    Redemption,
    Transfer,
)
from trading.windows import after_money_moved, roll
from venues import proof
from venues.money import ZERO
from venues.proof import Step
from venues.types import Settlement
from venues.words import dollars

Books = tuple[int, int, int]  # a mark of an account's books: orders, fills, entries


NO_TRIAL = "no trial order"


class NotAllowed(Exception):
    """Keys may not be entered or proved here; the text says why and what to do."""


def check(account: Account) -> None:
    """Raise NotAllowed where no keys may be."""
    if not settings.LIVE_TRADING:
        raise NotAllowed(
            "Live trading is off on this server. Set LIVE_TRADING=true, start PolyMix again, and "
            "then enter keys."
        )
    if account.is_paper:
        raise NotAllowed("This account trades paper money. Open one for real money first.")


def digest_of(account: Account, venue: str) -> str:
    """Return what names the entering of keys, as a person is asked for a factor."""
    return hashlib.sha256(f"keys|{account.pk}|{venue}".encode()).hexdigest()


def check_environment(account: Account, environment: str) -> None:
    """Refuse play money beside real money: the two are never added up. Raises NotAllowed."""
    others = VenueCredential.objects.filter(account=account, removed_at__isnull=True)
    if others.exclude(environment=environment).exists():
        raise NotAllowed(
            "This account has keys of another environment, and play money is never added to real "
            "money. Open an account of its own for it."
        )


def credential_of(account: Account, venue: str) -> VenueCredential:
    """Return the account's keys at a venue. Raises NotAllowed."""
    check(account)
    found = credentials.of(account, venue)
    if found is None:
        raise NotAllowed("This account has no keys yet. Enter them first.")
    return found


def forget(*, account: Account, venue: str, by: str, now: datetime) -> bool:
    """Remove the account's keys, once nothing of ours is open at the venue. Raises NotAllowed."""
    with transaction.atomic():
        risk = RiskState.objects.select_for_update().get(account=account)
        check_nothing_is_open(account, venue)
        was_there = credentials.remove(account=account, venue=venue, now=now)
        if was_there:
            _leave(risk, venue, now=now)
            record(
                kind="keys_removed",
                account_id=account.pk,
                level="WARN",
                sentence=f"{by} removed the keys for {venue.title()}. Nothing can be sent there.",
                payload={"venue": venue},
                by=by,
                at=now,
            )
    return was_there


def _leave(risk: RiskState, venue: str, *, now: datetime) -> None:
    """Take the money of a venue off the books: nobody here can spend it any more."""
    there = {each.shard: ZERO for each in purses.of(risk.account_id) if each.venue == venue}
    if there:
        _follow(risk, venue, there, now=now)


def check_nothing_is_open(account: Account, venue: str) -> None:
    """Refuse to lose the keys of what is open: nobody could ask after it again. Raises
    NotAllowed.
    """
    found = {
        "orders": Order.objects.holding().filter(account=account, venue=venue).count(),
        "matches on their way": _provisional(account, venue).count(),
        "positions": _open_positions(account, venue).count(),
        "redemptions": _redemptions(account, venue).count(),
        "transfers": _moving(account, venue).count(),
    }
    there = [f"{count} {name}" for name, count in found.items() if count]
    if there:
        raise NotAllowed(
            f"{', '.join(there)} of this wallet are open: its keys are needed until they are over."
        )


def still(account: Account, venue: str) -> Books | None:
    """Return a mark of the books, or None while anything is on its way in or out of the venue."""
    on_its_way = (
        Order.objects.holding().filter(account=account, venue=venue).exists()
        or _provisional(account, venue).exists()
        or _redemptions(account, venue).exists()
        or _moving(account, venue).exists()
        or _open_positions(account, venue).filter(outcome__payout__isnull=False).exists()
    )
    if on_its_way:
        return None
    return account.orders.count(), account.fills.count(), account.entries.count()


def last_moved(account: Account, venue: str) -> datetime | None:
    """Return when our books of a venue changed last: what is older says nothing about them."""
    return max(
        (
            at
            for at in (
                Fill.objects.filter(account=account, venue=venue).aggregate(t=Max("at"))["t"],
                Transfer.objects.filter(account=account).aggregate(t=Max("ended_at"))["t"],
                MarketSettlement.objects.filter(account=account, venue=venue).aggregate(
                    t=Max("settled_at")
                )["t"],
            )
            if at is not None
        ),
        default=None,
    )


def _provisional(account: Account, venue: str) -> QuerySet[Fill]:
    return Fill.objects.filter(account=account, venue=venue).exclude(
        settlement__in=[each.value for each in Settlement if each.is_final]
    )


def _open_positions(account: Account, venue: str) -> QuerySet[Position]:
    return Position.objects.filter(
        account=account, outcome__market__venue=venue, closed_at__isnull=True
    )


def _redemptions(account: Account, venue: str) -> QuerySet[Redemption]:
    return Redemption.objects.filter(account=account, market__venue=venue, done_at__isnull=True)


def _moving(account: Account, venue: str) -> QuerySet[Transfer]:
    busy = Transfer.objects.filter(
        account=account, state__in=[Transfer.State.SENDING, Transfer.State.UNKNOWN]
    )
    return busy if venue == "kalshi" else busy.none()


def trial(
    credential: VenueCredential,
    *,
    shares: Decimal | None = None,
    shards: Collection[int] = (0,),
    rests_for: timedelta | None = None,
    now: datetime,
) -> Step:
    """Place an order that cannot fill, and cancel it: the person agreed to that.

    `shares` is the market's least where it is not given, `shards` those that can pay for it.
    """
    venue = credential.venue
    stopped = stops.read_stops().words(
        account_id=credential.account_id, whale="", venue=venue, entries=True
    )
    if stopped:
        return _no_trial(
            f"It was not placed: {stopped}", "Take the stop back, or prove without a trial order."
        )
    outcome = (
        Outcome.objects.select_related("market")
        .filter(market__venue=venue, market__status="OPEN", market__tick__isnull=False)
        .filter(market__neg_risk=False, last_price__gt=Decimal("0.2"), market__shard__in=shards)
        .order_by("-last_at")
        .first()
    )
    terms = outcome.market.terms if outcome else None
    if outcome is None or terms is None:
        return _no_trial(
            "No market is known yet that a trial order could rest in.",
            "Wait until the catalogue is read, then prove again.",
        )
    return proof.trial(
        client_of(credential),
        intent=str(uuid4()),
        token=outcome.token,
        shares=terms.min_shares if shares is None else shares,
        terms=terms,
        rests_for=rests_for,
        now=now,
    )


def _no_trial(says: str, fix: str) -> Step:
    return Step(name=NO_TRIAL, ok=False, says=says, fix=fix)


def finish(
    credential: VenueCredential,
    steps: Sequence[Step],
    told: Mapping[int, Decimal] | None,
    *,
    before: Books | None,
    now: datetime,
) -> None:
    """Keep what a proof found; when all passed, the books take what the venue says is there.

    `told` is cash by shard, `before` the books as they stood when the venue was asked: money is
    booked only if nothing was, and is, on its way.
    """
    ok = credentials.record_proof(credential, steps, now=now)
    if told is None:
        return
    account, venue = credential.account, credential.venue
    with transaction.atomic():
        risk = RiskState.objects.select_for_update().get(account=account)
        purses.hear(account.pk, venue, told, now=now)
        if ok and before is not None and still(account, venue) == before:
            known = {each.shard: ZERO for each in purses.of(account.pk) if each.venue == venue}
            _follow(risk, venue, {**known, **told}, now=now)
            # Whatever came of a transfer that is not open: it is in these balances.
            Transfer.objects.filter(account=account, absorbed_at__isnull=True).exclude(
                state=Transfer.State.DONE
            ).update(absorbed_at=now)


def _follow(risk: RiskState, venue: str, told: Mapping[int, Decimal], *, now: datetime) -> None:
    """Book what a venue holds beyond our books, or lacks."""
    booked = {each.shard: each.cash for each in purses.of(risk.account_id) if each.venue == venue}
    changes = {shard: cash - booked.get(shard, ZERO) for shard, cash in told.items()}
    for shard, each in changes.items():
        if each:
            purses.add(risk.account_id, venue, shard, each)
    change = sum(changes.values(), ZERO)
    if not change:
        return
    roll(risk, now=now)
    ledger.book(
        account_id=risk.account_id,
        kind=EntryKind.DEPOSIT,
        source=f"wallet:{venue}:{uuid4()}",
        lines=deposit(change),
        at=now,
    )
    Account.objects.filter(pk=risk.account_id).update(
        starting_balance=Greatest(F("starting_balance") + change, ZERO)
    )
    # Nothing was there before: its line begins with the money.
    EquityPoint.objects.filter(account_id=risk.account_id, equity=0).delete()
    # Money that comes or goes is neither profit nor loss.
    risk.cash += change
    for name in ("high_water", "day_equity", "hour_equity"):
        setattr(risk, name, max(getattr(risk, name) + change, ZERO))
    after_money_moved(risk, now=now)
    record(
        kind="balance_taken",
        account_id=risk.account_id,
        sentence=(
            f"{venue.title()} holds {dollars(sum(told.values(), ZERO))}; the books follow it."
        ),
        payload={"change": str(change), "venue": venue},
        at=now,
    )
