"""Keys to Kalshi: entered, proved, and only then used. Every step is a person's."""

from datetime import datetime
from decimal import Decimal

from django.db import transaction

from accounts import credentials, kalshi_keys
from accounts.credentials import TAKEN, KeyTaken
from accounts.models import Account, VenueCredential
from accounts.venues import http, kalshi_of, timeout, wall_clock
from notifications.services import record
from risk.models import RiskState
from trading import onboarding
from venues.errors import Unreadable
from venues.kalshi import onboarding as kalshi
from venues.kalshi.auth import Keys, SigningKey
from venues.kalshi.calls import Calls
from venues.kalshi.client import KalshiClient
from venues.kalshi.limits import COST
from venues.proof import Step
from venues.secrets import Secret

VENUE = kalshi_keys.VENUE
ONE_CONTRACT = Decimal(1)


def enter(
    *, account: Account, key_id: str, pem: Secret, environment: str, now: datetime
) -> VenueCredential:
    """Let Kalshi answer to the key once, find out whose it is, and seal it.

    Raises NotAllowed, KeyTaken, VaultClosed, Unreadable, or ValueError for what is no key.
    """
    onboarding.check(account)
    onboarding.check_environment(account, environment)
    signing = SigningKey(pem)
    # Until the account's own name is known its key stands for it, in the count of calls.
    client = _client(Keys(key_id=key_id, account=key_id, signing=signing), environment)
    client.portfolio.balance()
    tier = client.portfolio.tier()
    address = _address(client, key_id, environment, account)
    with transaction.atomic():
        RiskState.objects.select_for_update().get(account=account)
        known = credentials.of(account, VENUE)
        if known is not None and known.address != address:
            onboarding.check_nothing_is_open(account, VENUE)
        credential = kalshi_keys.store(
            account=account,
            key_id=key_id,
            pem=pem,
            address=address,
            environment=environment,
            tier=tier,
            now=now,
        )
        record(
            kind="keys_entered",
            account_id=account.pk,
            level="WARN",
            sentence=f"A key ({signing.kind}) for Kalshi was entered: {key_id}.",
            payload={"environment": environment, "tier": tier.name},
            at=now,
        )
    return credential


def prove(*, account: Account, with_trial: bool, now: datetime) -> list[Step]:
    """Prove the account's key, and take its cash, shard by shard, when all of it passed.

    `with_trial` also places, and cancels, an order for one contract at the lowest price. Raises
    NotAllowed or VaultClosed.
    """
    credential = onboarding.credential_of(account, VENUE)
    client = kalshi_of(credential)
    before = onboarding.still(account, VENUE)
    steps, money = kalshi.prove(client, key_id=credential.signer)
    if money is not None:
        steps.append(_limits(client, credential))
    if with_trial and all(step.ok for step in steps):
        steps.append(onboarding.trial(credential, shares=ONE_CONTRACT, now=now))
    told = None if money is None else money.by_shard
    onboarding.finish(credential, steps, told, before=before, now=now)
    return steps


def _limits(client: KalshiClient, credential: VenueCredential) -> Step:
    """Keep how often this account may ask: tiers change."""
    try:
        tier = client.portfolio.tier()
    except Unreadable as problem:
        return Step(name="limits", ok=False, says=str(problem), fix="Prove again.")
    VenueCredential.objects.filter(pk=credential.pk).update(tier=tier.stored())
    creates = tier.write[0] / COST
    return Step(
        name="limits", ok=True, says=f"Tier {tier.name}: {creates:.0f} orders a second at most."
    )


def _client(keys: Keys, environment: str) -> KalshiClient:
    url = kalshi_keys.url_of(environment)
    calls = Calls(
        url,
        http=http(),
        now=wall_clock,
        clock=kalshi_keys.clock_of(url),
        keys=keys,
        timeout=timeout(),
    )
    return KalshiClient(keys=keys, calls=calls, now=wall_clock)


def _address(client: KalshiClient, key_id: str, environment: str, account: Account) -> str:
    """Return what tells this Kalshi account from others: the first of its keys that we met.

    Every key of a Kalshi account lists all of them, so another one of the same money is seen.
    Raises KeyTaken for one that belongs to another account here.
    """
    siblings = {*client.portfolio.key_ids(), key_id}
    known = VenueCredential.objects.filter(
        venue=VENUE, environment=environment, signer__in=siblings, removed_at__isnull=True
    )
    if known.exclude(account=account).exists():
        raise KeyTaken(TAKEN)
    mine = known.filter(account=account).first()
    return mine.address if mine is not None else key_id
