"""The keys of accounts at venues: entered once, never shown again. The only writer of
VenueCredential.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction

from accounts import vault
from accounts.models import Account, VenueCredential
from accounts.vault import Sealed
from venues.polymarket.auth import ApiKey, Keys, Wallet
from venues.polymarket.onboarding import Places, Step
from venues.polymarket.public import Addresses
from venues.secrets import Secret

# A proof must have passed these; what a venue does not say at all is not asked for.
NEEDED = ("signed request", "allowances", "open for trading", "chain")


NOTHING = Decimal(0)  # what an account for real money begins with: its wallet tells the rest


class KeyTaken(Exception):
    """The key, or its wallet, belongs to an account already. The text names neither."""


def of(account: Account, venue: str) -> VenueCredential | None:
    found = VenueCredential.objects.select_related("account").filter(
        account=account, venue=venue, removed_at__isnull=True
    )
    return found.first()


def of_accounts(account_ids: Iterable[UUID], venue: str) -> dict[UUID, VenueCredential]:
    """Return the credentials of several accounts at a venue, in one read."""
    found = VenueCredential.objects.select_related("account").filter(
        account__in=list(account_ids), venue=venue, removed_at__isnull=True
    )
    return {credential.account_id: credential for credential in found}


def keys_of(credential: VenueCredential) -> Keys:
    """Open a credential's keys. Raises VaultClosed."""
    found = vault.unseal(_sealed(credential), bound_to=credential.bound_to)
    return Keys(
        wallet=Wallet(
            owner=found["owner"],
            funder=found["funder"],
            signature_type=credential.signature_type,
        ),
        private_key=Secret(found["private_key"]),
        api=ApiKey(
            key=found["api_key"],
            secret=Secret(found["api_secret"]),
            passphrase=Secret(found["api_passphrase"]),
        ),
        relayer_key=Secret(found["relayer_key"]),
    )


def store(*, account: Account, keys: Keys, now: datetime) -> VenueCredential:
    """Seal keys for Polymarket in place of the account's earlier ones. They prove nothing yet.

    Raises KeyTaken when another account has the key or the wallet, VaultClosed without a vault.
    """
    wallet = keys.wallet
    credential = VenueCredential(
        account=account,
        venue="polymarket",
        address=wallet.funder.lower(),
        signer=wallet.owner.lower(),
        signature_type=wallet.signature_type,
        created_at=now,
    )
    sealed = vault.seal(
        {
            "owner": wallet.owner,
            "funder": wallet.funder,
            "private_key": keys.private_key.reveal(),
            "api_key": keys.api.key,
            "api_secret": keys.api.secret.reveal(),
            "api_passphrase": keys.api.passphrase.reveal(),
            "relayer_key": keys.relayer_key.reveal(),
        },
        bound_to=credential.bound_to,
    )
    credential.box, credential.data_key = sealed.box, sealed.data_key
    try:
        with transaction.atomic():
            remove(account=account, venue="polymarket", now=now)
            credential.save()
    except IntegrityError:
        raise KeyTaken(
            "This key, or its wallet, is used by an account of this server already. Money has one "
            "owner here; remove it there first."
        ) from None
    return credential


def record_proof(credential: VenueCredential, steps: Sequence[Step], *, now: datetime) -> bool:
    """Keep what a proof found; returns whether the credential may trade from now on."""
    passed = {step.name for step in steps if step.ok}
    asked = {step.name for step in steps}
    ok = passed >= set(NEEDED) and all(
        name in passed for name in ("place", "trial order") if name in asked
    )
    credential.proof = [asdict(step) for step in steps]
    # Keys that were proved stay so while venue and chain only disagree for a moment.
    only_chain = {"chain"} >= asked - passed - {"money"}
    if ok or not only_chain:
        credential.verified_at = now if ok else None
    credential.save(update_fields=["proof", "verified_at"])
    return ok


def remove(*, account: Account, venue: str, now: datetime) -> bool:
    """Forget the account's keys at a venue: the box is emptied, that it was there stays."""
    return bool(
        VenueCredential.objects.filter(
            account=account, venue=venue, removed_at__isnull=True
        ).update(removed_at=now, verified_at=None, box=b"", data_key=b"")
    )


def rotate() -> int:
    """Wrap every credential's key by the newest of CREDENTIAL_KEYS; returns how many.

    Raises VaultClosed at the first one that does not open; those before it stay rotated.
    """
    rows = VenueCredential.objects.filter(removed_at__isnull=True).order_by("created_at")
    for credential in rows:
        wrapped = vault.rewrap(_sealed(credential))
        VenueCredential.objects.filter(pk=credential.pk, removed_at__isnull=True).update(
            data_key=wrapped.data_key
        )
    return len(rows)


def addresses() -> Addresses:
    """Return where Polymarket, or the sandbox that stands in for it, is."""
    return Addresses(
        clob=settings.POLYMARKET_CLOB_URL,
        gamma=settings.POLYMARKET_GAMMA_URL,
        data=settings.POLYMARKET_DATA_URL,
    )


def places() -> Places:
    return Places(
        addresses=addresses(),
        relayer=settings.POLYMARKET_RELAYER_URL,
        geoblock=settings.POLYMARKET_GEOBLOCK_URL,
    )


def sealed_body(credential: VenueCredential, body: bytes) -> bytes:
    """Return bytes that were signed with a credential, sealed under its own data key."""
    return vault.seal_with(_sealed(credential), body, bound_to=credential.bound_to)


def _sealed(credential: VenueCredential) -> Sealed:
    return Sealed(box=bytes(credential.box), data_key=bytes(credential.data_key))
