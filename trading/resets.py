"""Begin anew: a paper account makes room for a fresh one, a real one begins a new chapter.

Nothing is deleted: what was stays to read, and its books stay whole.
"""

import hmac
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.forms.models import model_to_dict

from accounts.models import Account, User
from notifications.services import record
from risk.models import KillSwitch, PairProfile, RiskProfile
from risk.services import stop
from trading import orders
from trading.models import Chapter, Order, Tally
from trading.opening import open_account
from trading.stopping import CANCELLABLE
from whales.models import Follow

KEEPS = ("auto_below", "auto_by", "auto_at", "second_above", "drift_band")


class CannotReset(Exception):
    """Nothing was changed; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset:
    """What a reset did."""

    account: Account  # that goes on
    cancelled: int  # resting orders
    sentence: str


def reset_paper(*, account: Account, by: User, now: datetime) -> Reset:
    """Put a fresh account in the place of a paper account, with its settings and follows.

    Safe to repeat, and from many at once: an archived account leads to its successor.
    """
    if not account.is_paper:
        raise CannotReset("This account trades real money; its reset asks for the server's key.")
    with transaction.atomic():
        old = Account.objects.select_for_update().get(pk=account.pk)
        if old.successor is not None:
            return Reset(account=old.successor, cancelled=0, sentence="It was reset already.")
        name = old.name
        old.name = _free_name(old, now=now)
        old.archived_at = now
        old.save(update_fields=["name", "archived_at"])
        fresh = open_account(
            owner=old.owner,
            name=name,
            preset=old.preset,
            rehearsal=old.rehearsal,
            starting_balance=old.starting_balance,
            now=now,
        )
        _take_along(old, fresh, now=now)
        old.successor = fresh
        old.save(update_fields=["successor"])
        _leave(old, by=by, now=now)
        record(
            kind="paper_reset",
            account_id=fresh.pk,
            sentence=f"{by} began {name} anew; what was is kept as {old.name}.",
            payload={"archived": str(old.pk)},
            by=by.username,
            at=now,
        )
    cancelled = _cancel(old, by=by, now=now)
    return Reset(
        account=fresh,
        cancelled=cancelled,
        sentence=f"{name} begins anew. What was is kept as {old.name}; nothing was deleted.",
    )


def reset_real(*, account: Account, key: str, by: User, now: datetime) -> Reset:
    """Cancel what rests and begin a new chapter of a real account. Raises CannotReset."""
    wanted = settings.LIVE_TRADING_RESET_KEY
    if not wanted:
        raise CannotReset("LIVE_TRADING_RESET_KEY is not set on this server; no reset is possible.")
    if not hmac.compare_digest(key.encode(), wanted.encode()):
        raise CannotReset("This is not the key. Nothing was changed.")
    with transaction.atomic():
        row = Account.objects.select_for_update().get(pk=account.pk)
        tally, _ = Tally.objects.get_or_create(account=row)
        Chapter.objects.create(
            account=row,
            cash=tally.cash,
            realised=-tally.realised,
            trades=tally.trades,
            by=by.username,
            at=now,
        )
        record(
            kind="live_reset",
            account_id=row.pk,
            level="WARN",
            sentence=f"{by} began a new chapter of {row.name}; nothing was deleted.",
            by=by.username,
            at=now,
        )
    cancelled = _cancel(row, by=by, now=now)
    return Reset(
        account=row,
        cancelled=cancelled,
        sentence=f"A new chapter of {row.name} begins. {cancelled} resting orders were asked to be "
        "cancelled; what was is kept, and open positions stay open.",
    )


def _free_name(account: Account, *, now: datetime) -> str:
    stem = f"{account.name[:36]} until {now:%Y-%m-%d %H:%M}"
    taken = Account.objects.filter(owner=account.owner, name__startswith=stem).count()
    return f"{stem} #{taken + 1}" if taken else stem


def _take_along(old: Account, fresh: Account, *, now: datetime) -> None:
    for model in (RiskProfile, PairProfile):
        row = model.objects.get(account=old)
        same = model_to_dict(row, exclude=["id", "account"])
        model.objects.filter(account=fresh).update(**same)
    for name in KEEPS:
        setattr(fresh, name, getattr(old, name))
    fresh.save(update_fields=KEEPS)
    fresh.approvers.set(old.approvers.all())
    for follow in Follow.objects.filter(account=old):
        follow.pk, follow.account, follow.since = None, fresh, now
        follow.save(force_insert=True)


def _leave(old: Account, *, by: User, now: datetime) -> None:
    """Let the old account trade no more; what it holds is paid when its markets resolve."""
    Follow.objects.filter(account=old).update(paused=True, copy_exits=False)
    PairProfile.objects.filter(account=old).update(leagues=[])
    stop(
        scope=KillSwitch.Scope.ACCOUNT,
        key=str(old.pk),
        level=KillSwitch.Level.ALL,
        by=by.username,
        why="archived",
        now=now,
    )


def _cancel(account: Account, *, by: User, now: datetime) -> int:
    resting = Order.objects.filter(account=account, state__in=CANCELLABLE)
    ids = list(resting.values_list("pk", flat=True))
    for order_id in ids:
        orders.cancel(order_id=order_id, by=by.username, now=now)
    return len(ids)
