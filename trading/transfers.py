"""Move cash between shards of Kalshi: only ever because a person asked for it, once.

The only writer of Transfer. The row is stored before anything is sent, its id is the exchange's
key. Where nobody answers, the exchange's own balances say what became of it.
"""

from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction

from accounts.models import Account
from accounts.venues import kalshi_of
from notifications.services import record
from risk.models import RiskState
from trading import onboarding, purses
from trading.models import Transfer
from venues.errors import NotSent, Refused, Unknown
from venues.money import CENT
from venues.words import dollars

VENUE = "kalshi"
S = Transfer.State
SETTLES = timedelta(seconds=30)  # after which balances count as evidence that nothing moved
GIVE_UP = timedelta(minutes=15)  # of balances that say neither
SHARDS = range(4)


class CannotMove(Exception):
    """The cash cannot be moved; the text says why."""


def move(
    *,
    account: Account,
    key: UUID,
    amount: Decimal,
    source: int,
    destination: int,
    by: str,
    now: datetime,
) -> Transfer:
    """Move cash once; the second call with a key returns what became of the first one.

    Raises CannotMove, NotAllowed or VaultClosed.
    """
    credential = onboarding.credential_of(account, VENUE)
    if credential.verified_at is None:
        raise CannotMove("This account's key for Kalshi has not proved itself. Prove it first.")
    known = Transfer.objects.filter(pk=key, account=account).first()
    if known is not None:
        return known
    client = kalshi_of(credential)
    row = _reserve(account, key, amount, source, destination, by=by, now=now)
    try:
        client.portfolio.transfer(
            key=str(key), amount=amount, source=source, destination=destination
        )
    except (Refused, NotSent) as problem:
        return _end(row.pk, S.REFUSED, str(problem), now=now)
    except Unknown as doubt:
        return _end(row.pk, S.UNKNOWN, str(doubt), now=now)
    return _end(row.pk, S.DONE, "", now=now)


def _reserve(
    account: Account,
    key: UUID,
    amount: Decimal,
    source: int,
    destination: int,
    *,
    by: str,
    now: datetime,
) -> Transfer:
    """Check the amount under the account's lock and store the row before anything is sent."""
    if source == destination or source not in SHARDS or destination not in SHARDS:
        raise CannotMove("Name two different shards.")
    if not amount.is_finite() or amount <= 0 or amount != amount.quantize(CENT):
        raise CannotMove("Name an amount in dollars and cents.")
    try:
        with transaction.atomic():
            RiskState.objects.select_for_update().get(account=account)
            free = {each.shard: each.free for each in purses.of(account.pk) if each.venue == VENUE}
            if amount > free.get(source, Decimal(0)):
                raise CannotMove(
                    f"Shard {source} has {dollars(free.get(source, Decimal(0)))} free, not "
                    f"{dollars(amount)}. What orders hold stays where it is."
                )
            return Transfer.objects.create(
                id=key,
                account=account,
                amount=amount,
                source=source,
                destination=destination,
                by=by,
                at=now,
            )
    except IntegrityError:
        raise CannotMove("Another transfer of this account is not over yet. Wait for it.") from None


def look_after(account_id: UUID, *, now: datetime) -> None:
    """Let the exchange's balances decide what became of a transfer that nobody answered.

    `purses.hear` has noted them. A sender that died counts as one without an answer.
    """
    for row in Transfer.objects.filter(account_id=account_id, state__in=[S.SENDING, S.UNKNOWN]):
        told = {
            each.shard: (each.told, each.told_at, each.cash)
            for each in purses.of(account_id)
            if each.venue == VENUE
        }
        late = row.at + timedelta(seconds=settings.VENUE_TIMEOUT_SECONDS) + SETTLES
        cash, told_at, booked = told.get(row.source, (None, None, Decimal(0)))
        if cash is None or told_at is None or told_at < late:
            continue
        if abs(booked - row.amount - cash) < CENT:
            _end(row.pk, S.DONE, "The balances show that it was moved.", now=now)
        elif abs(booked - cash) < CENT:
            _end(row.pk, S.REFUSED, "The balances show that nothing was moved.", now=now)
        elif now - row.at > GIVE_UP:
            _end(row.pk, S.UNDECIDED, "Other money moved too.", now=now)


def _end(key: UUID, state: S, says: str, *, now: datetime) -> Transfer:
    with transaction.atomic():
        row = Transfer.objects.get(pk=key)
        RiskState.objects.select_for_update().get(account_id=row.account_id)
        row = Transfer.objects.select_for_update().get(pk=key)
        if row.state not in (S.SENDING, S.UNKNOWN) or row.state == state:
            return row
        row.state, row.says = state, says[:500]
        row.ended_at = None if state == S.UNKNOWN else now
        row.save(update_fields=["state", "says", "ended_at"])
        if state == S.DONE:
            purses.add(row.account_id, VENUE, row.source, -row.amount)
            purses.add(row.account_id, VENUE, row.destination, row.amount)
        record(
            kind=f"transfer_{state.lower()}",
            account_id=row.account_id,
            level="ACT" if state in (S.UNKNOWN, S.UNDECIDED) else "INFO",
            sentence=words(row),
            payload={"transfer": str(row.pk)},
            by=row.by,
            at=now,
        )
    return row


def words(row: Transfer) -> str:
    """Say what became of a transfer."""
    what = f"{dollars(row.amount)} from shard {row.source} to shard {row.destination}"
    if row.state == S.DONE:
        return f"{row.by} moved {what}."
    if row.state == S.UNKNOWN:
        return f"Whether {what} were moved is not known yet; the balances will say. {row.says}"
    if row.state == S.UNDECIDED:
        return (
            f"Whether {what} were moved could not be found out: {row.says} Prove the key again, "
            "and the books follow the balances."
        )
    return f"{what[0].upper()}{what[1:]} were not moved: {row.says}"
