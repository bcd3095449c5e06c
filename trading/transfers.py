"""Move cash between shards of Kalshi: only ever because a person asked for it, once.

The only writer of Transfer. The row is stored before anything is sent, its id is the exchange's
key. The exchange takes a transfer first and does it later, so only its own list says what became
of one: complete is moved, and what is not there after its time never arrived.
"""

from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q

from accounts.models import Account
from accounts.venues import kalshi_of, kalshi_public
from notifications.services import record, record_once
from risk.models import RiskState
from trading import onboarding, purses
from trading.models import Transfer
from venues.errors import NotSent, Refused, Unknown, Unreadable
from venues.kalshi.client import KalshiClient
from venues.kalshi.portfolio import Moved
from venues.money import CENT, ZERO
from venues.words import dollars

VENUE = "kalshi"
S = Transfer.State
OPEN = (S.SENDING, S.UNKNOWN)
MARGIN = timedelta(seconds=30)  # after the last moment at which the request could have arrived
GIVE_UP = timedelta(minutes=15)  # while the exchange's list cannot be read, or says pending
LATE = timedelta(hours=1)  # for which what was not moved is looked for again
SHARDS = range(4)
MOST = Decimal(1_000_000_000)  # USD


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

    Raises CannotMove, NotAllowed, VaultClosed or Unreadable.
    """
    credential = onboarding.credential_of(account, VENUE)
    if credential.verified_at is None:
        raise CannotMove("This account's key for Kalshi has not proved itself. Prove it first.")
    known = Transfer.objects.filter(pk=key, account=account).first()
    if known is not None:
        return known
    client = kalshi_of(credential)
    _check_shards(credential.environment, source, destination)
    try:
        row = _reserve(
            account, key, amount=amount, source=source, destination=destination, by=by, now=now
        )
    except IntegrityError:
        # The same press came twice at once, or another transfer is not over.
        first = Transfer.objects.filter(pk=key, account=account).first()
        if first is not None:
            return first
        raise CannotMove("Another transfer of this account is not over yet. Wait for it.") from None
    _send(client, row, now=now)
    row.refresh_from_db()
    return row


def _send(client: KalshiClient, row: Transfer, *, now: datetime) -> None:
    """Ask once for the cash to be moved, and see at once whether it has been."""
    try:
        client.portfolio.transfer(
            key=str(row.pk),
            amount=row.amount,
            source=row.source,
            destination=row.destination,
            not_after=now + timedelta(seconds=settings.SEND_SECONDS),
        )
    except (Refused, NotSent) as problem:
        _end(row.pk, S.REFUSED, str(problem), now=now)
    except Unknown as doubt:
        _end(row.pk, S.UNKNOWN, str(doubt), now=now)
    else:
        _decide(client, [row], now=now)


def _check_shards(environment: str, source: int, destination: int) -> None:
    shards = kalshi_public(environment).shards()
    for index in (source, destination):
        if index in shards and not shards[index].takes_transfers:
            raise CannotMove(f"Kalshi moves no cash from or to shard {index} at this moment.")


def _reserve(
    account: Account,
    key: UUID,
    *,
    amount: Decimal,
    source: int,
    destination: int,
    by: str,
    now: datetime,
) -> Transfer:
    """Check the amount under the account's lock and store the row before anything is sent."""
    if source == destination or source not in SHARDS or destination not in SHARDS:
        raise CannotMove("Name two different shards.")
    if not amount.is_finite() or not 0 < amount <= MOST or amount != amount.quantize(CENT):
        raise CannotMove("Name an amount in dollars and cents.")
    with transaction.atomic():
        RiskState.objects.select_for_update().get(account=account)
        free = {each.shard: each.free for each in purses.of(account.pk) if each.venue == VENUE}
        if amount > free.get(source, ZERO):
            raise CannotMove(
                f"Shard {source} has {dollars(free.get(source, ZERO))} free, not "
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


def look_after(client: KalshiClient, account_id: UUID, *, now: datetime) -> None:
    """Let the exchange's list say what became of transfers; what was not moved is looked for once
    more for a while. A sender that died counts as one without an answer.
    """
    rows = Transfer.objects.filter(account_id=account_id).filter(
        Q(state__in=OPEN)
        | Q(state=S.UNDECIDED, absorbed_at__isnull=True)
        | Q(state=S.REFUSED, ended_at__gt=now - LATE)
    )
    _decide(client, list(rows), now=now)


def _decide(client: KalshiClient, rows: list[Transfer], *, now: datetime) -> None:
    if not rows:
        return
    try:
        as_of = client.as_of()  # first: the list is at least as new as this
        told = client.portfolio.transfers({str(row.pk) for row in rows})
    except Unreadable as problem:
        for row in rows:
            _give_up(row, f"Kalshi's list cannot be read: {problem}", now=now)
        return
    for row in rows:
        late = row.at + timedelta(seconds=settings.SEND_SECONDS + settings.VENUE_TIMEOUT_SECONDS)
        found = told.get(str(row.pk))
        if found is not None and found.is_complete:
            _end(row.pk, S.DONE, _differs(row, found), now=now)
        elif found is not None:
            _wait_for(row, now=now)
        elif now > late + MARGIN and as_of is not None and as_of > late + MARGIN:
            if row.state in OPEN:
                _end(row.pk, S.REFUSED, "Kalshi has no such transfer.", now=now)
        elif row.state == S.SENDING and now > late:
            _end(row.pk, S.UNKNOWN, "Its sender ended before an answer came.", now=now)


def _differs(row: Transfer, found: Moved) -> str:
    """Say when what was moved is not what was asked: the books take what was asked."""
    asked = (row.amount, row.source, row.destination)
    return (
        "" if (found.amount, found.source, found.destination) == asked else f"Kalshi says {found}"
    )


def _wait_for(row: Transfer, *, now: datetime) -> None:
    """Keep a transfer open, and its cash held, that the exchange has taken and not done."""
    if row.state == S.SENDING:
        _end(row.pk, S.UNKNOWN, "Kalshi has taken it, and has not done it yet.", now=now)
    if now - row.at > GIVE_UP:
        record_once(
            about="transfer",
            kind="transfer_slow",
            account_id=row.account_id,
            level="ACT",
            sentence=f"Kalshi has not done a transfer for {GIVE_UP.seconds // 60} minutes. Ask it.",
            payload={"transfer": str(row.pk)},
            at=now,
        )


def _give_up(row: Transfer, why: str, *, now: datetime) -> None:
    if row.state not in OPEN:
        return
    late = now - row.at > GIVE_UP
    _end(row.pk, S.UNDECIDED if late else S.UNKNOWN, why, now=now)


def _end(key: UUID, state: S, says: str, *, now: datetime) -> Transfer:
    """Record what became of a transfer. That it was moved is true whenever it is learnt."""
    account_id = Transfer.objects.values_list("account_id", flat=True).get(pk=key)
    with transaction.atomic():
        RiskState.objects.select_for_update().get(account_id=account_id)
        row = Transfer.objects.select_for_update().get(pk=key)
        was_over = row.state not in OPEN
        if row.state in (state, S.DONE) or (was_over and state != S.DONE):
            return row
        strange = state == S.DONE and bool(says)
        row.state, row.says = state, says[:500]
        row.ended_at = None if state in OPEN else now
        row.save(update_fields=["state", "says", "ended_at"])
        if state == S.DONE and row.absorbed_at is None:
            purses.add(row.account_id, VENUE, row.source, -row.amount)
            purses.add(row.account_id, VENUE, row.destination, row.amount)
        record(
            kind=f"transfer_{state.lower()}",
            account_id=row.account_id,
            level="ACT" if was_over or state in (S.UNKNOWN, S.UNDECIDED) or strange else "INFO",
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
        return f"{row.by} moved {what}. {row.says}".strip()
    if row.state in OPEN:
        return f"Whether {what} were moved is not known yet; Kalshi's list will say. {row.says}"
    if row.state == S.UNDECIDED:
        return (
            f"Whether {what} were moved could not be found out: {row.says} Prove the key again, "
            "and the books follow the balances."
        )
    return f"{what} were not moved: {row.says}"
