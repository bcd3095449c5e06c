"""Keys to real money: entered, proved, and only then used. Every step is a person's.

Nothing here connects to a venue while live trading is off, or for an account of paper money.
"""

from datetime import datetime
from decimal import Decimal
from uuid import uuid4

from django.conf import settings
from django.db import transaction
from django.db.models import F, QuerySet

from accounts import credentials
from accounts.models import Account, VenueCredential
from accounts.venues import client_of, http, wall_clock
from markets.models import Outcome
from notifications.services import record
from risk import stops
from risk.models import RiskState
from trading import ledger
from trading.domain.ledger import EntryKind, deposit
from trading.models import EquityPoint, Fill, Order, Position, Redemption
from trading.redemption import calls_of
from trading.windows import after_money_moved, roll
from venues.errors import Unreadable
from venues.money import CENT
from venues.polymarket import onboarding
from venues.polymarket.auth import Keys
from venues.polymarket.onboarding import Step
from venues.secrets import NO_SECRET, Secret
from venues.types import Settlement
from venues.words import dollars
from whales.models import Whale

VENUE = "polymarket"


class NotAllowed(Exception):
    """Keys may not be entered or proved here; the text says why and what to do."""


def enter(
    *,
    account: Account,
    private_key: Secret,
    funder: str = "",
    relayer_key: Secret = NO_SECRET,
    now: datetime,
) -> VenueCredential:
    """Ask Polymarket for the key's API key, find its wallet, and seal all of it.

    `funder` names the wallet; empty, it is found by its money. Raises NotAllowed, KeyTaken,
    VaultClosed, Unreadable, or ValueError for a bad key or a wallet that is not the key's.
    """
    _check(account)
    at = credentials.places()
    api = onboarding.api_key(private_key, at=at, http=http(), now=wall_clock)
    wallet = onboarding.detect(
        private_key, funder=funder, api=api, at=at, http=http(), now=wall_clock
    )
    keys = Keys(wallet=wallet, private_key=private_key, api=api, relayer_key=relayer_key)
    with transaction.atomic():
        RiskState.objects.select_for_update().get(account=account)
        known = credentials.of(account, VENUE)
        if known is not None and known.address != wallet.funder.lower():
            _check_nothing_is_open(account)
        credential = credentials.store(account=account, keys=keys, now=now)
        # What this wallet trades is ours: whoever followed it would copy himself.
        Whale.objects.update_or_create(address=wallet.funder.lower(), defaults={"own": True})
        record(
            kind="keys_entered",
            account_id=account.pk,
            level="WARN",
            sentence=f"Keys for the wallet {wallet.funder} were entered.",
            payload={"signature_type": wallet.signature_type},
            at=now,
        )
    return credential


def prove(*, account: Account, with_trial: bool, now: datetime) -> list[Step]:
    """Prove the account's keys, and take its balance from the wallet when all of it passed.

    `with_trial` also places, and cancels, the smallest order there is: the person agreed to that.
    Raises NotAllowed or VaultClosed.
    """
    _check(account)
    credential = credentials.of(account, VENUE)
    if credential is None:
        raise NotAllowed("This account has no keys yet. Enter them first.")
    client = client_of(credential)
    steps = list(onboarding.prove(client, at=credentials.places(), http=http()))
    if all(step.ok for step in steps if step.name != "money"):
        steps.append(_both_say_the_same(credential))
    if with_trial and all(step.ok for step in steps):
        steps.append(_trial(credential, now=now))
    before = _is_still(account)
    if credentials.record_proof(credential, steps, now=now) and before is not None:
        cash, _ = client.balance()
        _take_balance(account, cash, before=before, now=now)
    return steps


def allow(*, account: Account, by: str, now: datetime) -> None:
    """Give the exchanges their allowances, because a person asked for it. Raises NotAllowed,
    VaultClosed, Refused or Unknown.
    """
    _check(account)
    credential = credentials.of(account, VENUE)
    if credential is None:
        raise NotAllowed("This account has no keys yet. Enter them first.")
    calls_of(credential).approve()
    client_of(credential).refresh_balance()
    record(
        kind="allowances_given",
        account_id=account.pk,
        level="WARN",
        sentence=f"{by} let the exchanges take what this wallet trades.",
        payload={},
        by=by,
        at=now,
    )


def forget(*, account: Account, by: str, now: datetime) -> bool:
    """Remove the account's keys, once nothing of ours is open at the venue. Raises NotAllowed."""
    with transaction.atomic():
        RiskState.objects.select_for_update().get(account=account)
        _check_nothing_is_open(account)
        was_there = credentials.remove(account=account, venue=VENUE, now=now)
        if was_there:
            record(
                kind="keys_removed",
                account_id=account.pk,
                level="WARN",
                sentence=f"{by} removed the keys. Nothing can be sent for this account now.",
                payload={},
                by=by,
                at=now,
            )
    return was_there


def _check(account: Account) -> None:
    if not settings.LIVE_TRADING:
        raise NotAllowed(
            "Live trading is off on this server. Set LIVE_TRADING=true, start PolyMix again, and "
            "then enter keys."
        )
    if account.is_paper:
        raise NotAllowed("This account trades paper money. Open one for real money first.")


def _both_say_the_same(credential: VenueCredential) -> Step:
    """Compare the venue's word on the money with the chain's: either may be old."""
    try:
        told, _ = client_of(credential).balance()
        held = calls_of(credential).cash()
    except Unreadable as problem:
        return Step(
            name="chain",
            ok=False,
            says=f"The chain could not be asked: {problem}",
            fix="Set POLYGON_RPC_URL to a node that answers, and prove again.",
        )
    return Step(
        name="chain",
        ok=abs(told - held) < CENT,
        says=f"Polymarket says {dollars(told)}, the chain {dollars(held)}.",
        fix="Wait a minute until both say the same, then prove again.",
    )


def _check_nothing_is_open(account: Account) -> None:
    """Refuse to lose the keys of what is open: nobody could ask after it, or redeem it, again."""
    found = {
        "orders": Order.objects.holding().filter(account=account, submission__isnull=False).count(),
        "matches on their way": _provisional(account).count(),
        "positions": Position.objects.filter(account=account, closed_at__isnull=True).count(),
        "redemptions": Redemption.objects.filter(account=account, done_at__isnull=True).count(),
    }
    there = [f"{count} {name}" for name, count in found.items() if count]
    if there:
        raise NotAllowed(
            f"{', '.join(there)} of this wallet are open: its keys are needed until they are over."
        )


def _provisional(account: Account) -> QuerySet[Fill]:
    return Fill.objects.filter(account=account).exclude(
        settlement__in=[each.value for each in Settlement if each.is_final]
    )


def _is_still(account: Account) -> tuple[int, int, int] | None:
    """Return a mark of the books, or None while anything is on its way in or out of the wallet."""
    on_its_way = (
        Order.objects.holding().filter(account=account).exists()
        or _provisional(account).exists()
        or Redemption.objects.filter(account=account, done_at__isnull=True).exists()
        or Position.objects.filter(
            account=account, closed_at__isnull=True, outcome__payout__isnull=False
        ).exists()
    )
    if on_its_way:
        return None
    mine = account.orders.count(), account.fills.count(), account.entries.count()
    return mine


def _trial(credential: VenueCredential, *, now: datetime) -> Step:
    stopped = stops.read_stops().words(
        account_id=credential.account_id, whale="", venue=VENUE, entries=True
    )
    if stopped:
        return Step(
            name="trial order",
            ok=False,
            says=f"It was not placed: {stopped}",
            fix="Take the stop back, or prove without a trial order.",
        )
    outcome = (
        Outcome.objects.select_related("market")
        .filter(market__venue=VENUE, market__status="OPEN", market__tick__isnull=False)
        .filter(market__neg_risk=False, last_price__gt=Decimal("0.2"))
        .order_by("-last_at")
        .first()
    )
    terms = outcome.market.terms if outcome else None
    if outcome is None or terms is None:
        return Step(
            name="trial order",
            ok=False,
            says="No market is known yet that a trial order could rest in.",
            fix="Wait until the catalogue is read, then prove again.",
        )
    client = client_of(credential)
    return onboarding.trial(
        client, intent=f"trial:{uuid4()}", token=outcome.token, terms=terms, now=now
    )


def _take_balance(
    account: Account, cash: Decimal, *, before: tuple[int, int, int], now: datetime
) -> None:
    """Book what the wallet holds beyond our books, or lacks, if nothing was, and is, on its way."""
    with transaction.atomic():
        risk = RiskState.objects.select_for_update().get(account=account)
        if _is_still(account) != before:
            return
        change = cash - risk.cash
        if not change:
            return
        roll(risk, now=now)
        ledger.book(
            account_id=account.pk,
            kind=EntryKind.DEPOSIT,
            source=f"wallet:{now.isoformat()}",
            lines=deposit(change),
            at=now,
        )
        Account.objects.filter(pk=account.pk).update(
            starting_balance=F("starting_balance") + change
        )
        # Nothing was there before: its line begins with the money.
        EquityPoint.objects.filter(account=account, equity=0).delete()
        # Money that comes or goes is neither profit nor loss.
        for name in ("cash", "high_water", "day_equity", "hour_equity"):
            setattr(risk, name, max(getattr(risk, name) + change, Decimal(0)))
        after_money_moved(risk, now=now)
        record(
            kind="balance_taken",
            account_id=account.pk,
            sentence=f"The wallet holds {dollars(cash)}; the books follow it.",
            payload={"change": str(change)},
            at=now,
        )
