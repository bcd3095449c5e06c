"""Open an account: its row, its limits, the row that is locked, and its first entry."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime
from decimal import Decimal

from django.conf import settings
from django.db import transaction

from accounts.models import Account, User
from risk.domain.presets import PRESETS, Limits
from risk.models import PairProfile, RiskProfile, RiskState
from trading import ledger, purses
from trading.domain.ledger import EntryKind, deposit


def seeded_limits(preset: str, *, mode: str) -> Limits:
    """Return a preset's limits with the server's settings for that kind of money.

    Raises KeyError for an unknown preset.
    """
    defaults = settings.ACCOUNT_DEFAULTS["PAPER" if mode == Account.Mode.PAPER else "LIVE"]
    return replace(
        PRESETS[preset],
        max_position_size=defaults["max_position_size"],
        daily_loss_limit=defaults["daily_loss_limit"],
        bet_amount=defaults["bet_amount"],
        min_roi=defaults["min_roi"],
        max_daily_pairs=defaults["max_daily_trades"],
    )


def open_account(
    *,
    owner: User,
    name: str,
    now: datetime,
    preset: str = "default",
    mode: str = Account.Mode.PAPER,
    rehearsal: bool = False,
    starting_balance: Decimal | None = None,
    accept_standard: Sequence[str] = (),
) -> Account:
    """Open an account with its starting balance on the books.

    `accept_standard` names leagues whose standard pairs it trades without an approval of its own.
    """
    kind = "PAPER" if mode == Account.Mode.PAPER else "LIVE"
    if starting_balance is None:
        starting_balance = settings.ACCOUNT_DEFAULTS[kind]["initial_balance"]
    with transaction.atomic():
        account = Account.objects.create(
            owner=owner,
            name=name,
            mode=mode,
            rehearsal=rehearsal,
            preset=preset,
            starting_balance=starting_balance,
            created_at=now,
        )
        RiskProfile.objects.create(account=account, **asdict(seeded_limits(preset, mode=mode)))
        PairProfile.objects.create(account=account, accept_standard=list(accept_standard))
        RiskState.objects.create(
            account=account,
            cash=starting_balance,
            high_water=starting_balance,
            equity=starting_balance,
            day_equity=starting_balance,
            hour_equity=starting_balance,
        )
        ledger.book(
            account_id=account.pk,
            kind=EntryKind.DEPOSIT,
            source="opening",
            lines=deposit(starting_balance),
            at=now,
        )
        if mode != Account.Mode.PAPER and starting_balance:
            # Until its keys prove what is there, its money is believed to be in its wallet.
            purses.add(account.pk, "polymarket", 0, starting_balance)
    return account
