"""Keys to Kalshi: entered, proved, and only then used. Every step is a person's."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from django.db import connection, transaction
from django.db.models import F

from accounts import credentials, kalshi_keys
from accounts.credentials import TAKEN, KeyTaken
from accounts.models import Account, VenueCredential
from accounts.venues import http, kalshi_of, timeout, wall_clock
from notifications.services import record
from risk.models import RiskState
from trading import onboarding
from trading.models import Order
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
TRIAL_RESTS = timedelta(minutes=5)  # at most, should its cancel be lost
FIGURES = "figures"
LAG = timedelta(seconds=2)  # of which a balance may be older than the time it names


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
    siblings = {*client.portfolio.key_ids(), key_id}
    orders = client.portfolio.order_ids()
    with transaction.atomic():
        with connection.cursor() as cursor:  # two keys of one money, entered at once
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext('keys of kalshi'))")
        address = _address(account, key_id, environment, siblings=siblings, orders=orders)
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
    figures = _figures(client, account)  # before the balance: that one may be older than this
    steps, money = kalshi.prove(client, key_id=credential.signer)
    if money is not None:
        steps += [_limits(client, credential), figures]
    if with_trial and money is not None and all(step.ok for step in steps):
        rich = [shard for shard, cash in money.by_shard.items() if cash >= ONE_CONTRACT]
        steps.append(
            onboarding.trial(
                credential, shares=ONE_CONTRACT, shards=rich, rests_for=TRIAL_RESTS, now=now
            )
        )
    told = None if money is None or not _are_new(steps) else money.by_shard
    onboarding.finish(credential, steps, told, before=before, now=now)
    return steps


def _figures(client: KalshiClient, account: Account) -> Step:
    """Tell whether what was read is newer than what our books know: reads lag behind trades."""
    try:
        as_of = client.as_of()
    except Unreadable:
        as_of = None
    last = onboarding.last_moved(account, VENUE)
    new = as_of is not None and (last is None or as_of > last + LAG)
    return Step(
        name=FIGURES,
        ok=new,
        says="Its figures are newer than your last trade."
        if new
        else "Its figures may be older than your last trade, so the books do not follow them.",
        fix="Wait half a minute, then prove again.",
    )


def _are_new(steps: Sequence[Step]) -> bool:
    return any(step.ok for step in steps if step.name == FIGURES)


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


def _address(
    account: Account,
    key_id: str,
    environment: str,
    *,
    siblings: Collection[str],
    orders: Sequence[str],
) -> str:
    """Return what tells this Kalshi account from others: the first of its keys that we met.

    Every key of a Kalshi account lists all of them and all of its orders, so the same money is
    known again, though an older key was deleted there. Raises KeyTaken when it is another
    account's here.
    """
    known = VenueCredential.objects.filter(
        venue=VENUE, environment=environment, signer__in=siblings, removed_at__isnull=True
    )
    # By the credential that an account has now: what it left long ago is not its any more.
    traded = Order.objects.filter(
        venue=VENUE,
        reference__in=orders,
        account__credentials__venue=VENUE,
        account__credentials__environment=environment,
        account__credentials__removed_at__isnull=True,
        submission__credential__address=F("account__credentials__address"),
    )
    if known.exclude(account=account).exists() or traded.exclude(account=account).exists():
        raise KeyTaken(TAKEN)
    mine = credentials.of(account, VENUE)
    if mine is not None and (known.exists() or traded.exists()):
        return mine.address
    return key_id
