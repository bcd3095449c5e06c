"""Keys to Polymarket: entered, proved, and only then used. Every step is a person's."""

from datetime import datetime

from django.db import transaction

from accounts import credentials, polymarket_keys
from accounts.models import Account, VenueCredential
from accounts.venues import http, polymarket_of, wall_clock
from notifications.services import record
from risk.models import RiskState
from trading import onboarding
from trading.redemption import calls_of
from venues.errors import Unreadable
from venues.money import CENT
from venues.polymarket import onboarding as polymarket
from venues.polymarket.auth import Keys
from venues.proof import Step
from venues.secrets import NO_SECRET, Secret
from venues.words import dollars
from whales.models import Whale

VENUE = polymarket_keys.VENUE


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
    onboarding.check(account)
    onboarding.check_environment(account, VenueCredential.Environment.PRODUCTION)
    at = polymarket_keys.places()
    api = polymarket.api_key(private_key, at=at, http=http(), now=wall_clock)
    wallet = polymarket.detect(
        private_key, funder=funder, api=api, at=at, http=http(), now=wall_clock
    )
    keys = Keys(wallet=wallet, private_key=private_key, api=api, relayer_key=relayer_key)
    with transaction.atomic():
        RiskState.objects.select_for_update().get(account=account)
        known = credentials.of(account, VENUE)
        if known is not None and known.address != wallet.funder.lower():
            onboarding.check_nothing_is_open(account, VENUE)
        credential = polymarket_keys.store(account=account, keys=keys, now=now)
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
    credential = onboarding.credential_of(account, VENUE)
    client = polymarket_of(credential)
    steps = list(polymarket.prove(client, at=polymarket_keys.places(), http=http()))
    if all(step.ok for step in steps if step.name != "money"):
        steps.append(_both_say_the_same(credential))
    if with_trial and all(step.ok for step in steps):
        steps.append(onboarding.trial(credential, now=now))
    before = onboarding.still(account, VENUE)
    told = None
    if all(step.ok for step in steps if step.name != "money"):
        told = {0: client.balance()[0]}
    onboarding.finish(credential, steps, told, before=before, now=now)
    return steps


def allow(*, account: Account, by: str, now: datetime) -> None:
    """Give the exchanges their allowances, because a person asked for it. Raises NotAllowed,
    VaultClosed, Refused or Unknown.
    """
    credential = onboarding.credential_of(account, VENUE)
    calls_of(credential).approve()
    polymarket_of(credential).refresh_balance()
    record(
        kind="allowances_given",
        account_id=account.pk,
        level="WARN",
        sentence=f"{by} let the exchanges take what this wallet trades.",
        payload={},
        by=by,
        at=now,
    )


def _both_say_the_same(credential: VenueCredential) -> Step:
    """Compare the venue's word on the money with the chain's: either may be old."""
    try:
        told, _ = polymarket_of(credential).balance()
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
