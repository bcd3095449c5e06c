"""The keys of accounts at venues: entered once, never shown again. The only writer of
VenueCredential.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction

from accounts import vault
from accounts.models import Account, VenueCredential
from accounts.vault import Sealed
from venues.proof import Step
from venues.secrets import Secret

# A proof must have passed these, by venue; what a venue does not say at all is not asked for.
NEEDED = {
    "polymarket": ("signed request", "allowances", "open for trading", "chain"),
    "kalshi": ("signed request", "rights", "exchange"),
}
PASSING = {"chain", "exchange", "figures", "no trial order"}
TAKEN = (
    "This key, or its wallet, is used by an account of this server already. Money has one owner "
    "here; remove it there first."
)

NOTHING = Decimal(0)  # what an account for real money begins with: its wallet tells the rest


class KeyTaken(Exception):
    """The key, or its wallet, belongs to an account already. The text names neither."""


def of(account: Account, venue: str) -> VenueCredential | None:
    found = VenueCredential.objects.select_related("account").filter(
        account=account, venue=venue, removed_at__isnull=True
    )
    return found.first()


def of_accounts(account_ids: Iterable[UUID]) -> dict[tuple[UUID, str], VenueCredential]:
    """Return the credentials of several accounts, by account and venue, in one read."""
    found = VenueCredential.objects.select_related("account").filter(
        account__in=list(account_ids), removed_at__isnull=True
    )
    return {(credential.account_id, credential.venue): credential for credential in found}


def secrets_of(credential: VenueCredential) -> dict[str, str]:
    """Open a credential. Raises VaultClosed."""
    return vault.unseal(_sealed(credential), bound_to=credential.bound_to)


def store(
    *,
    account: Account,
    venue: str,
    address: str,
    signer: str,
    secrets: Mapping[str, Secret],
    now: datetime,
    **public: Any,
) -> VenueCredential:
    """Seal keys in place of the account's earlier ones at the venue. They prove nothing yet.

    `public` are columns that are no secret. Raises KeyTaken when another account has the key or
    the wallet, VaultClosed without a vault.
    """
    credential = VenueCredential(
        account=account, venue=venue, address=address, signer=signer, created_at=now, **public
    )
    sealed = vault.seal(secrets, bound_to=credential.bound_to)
    credential.box, credential.data_key = sealed.box, sealed.data_key
    try:
        with transaction.atomic():
            remove(account=account, venue=venue, now=now)
            credential.save()
    except IntegrityError:
        raise KeyTaken(TAKEN) from None
    return credential


def record_proof(credential: VenueCredential, steps: Sequence[Step], *, now: datetime) -> bool:
    """Keep what a proof found; returns whether the credential may trade from now on."""
    passed = {step.name for step in steps if step.ok}
    asked = {step.name for step in steps}
    ok = passed >= set(NEEDED[credential.venue]) and all(
        name in passed for name in ("place", "trial order") if name in asked
    )
    credential.proof = [asdict(step) for step in steps]
    # Keys that were proved stay so while venue and chain only disagree for a moment, the venue
    # rests, or a trial order found no place.
    only_passing = asked - passed - {"money"} <= PASSING
    if ok or not only_passing:
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


def sealed_body(credential: VenueCredential, body: bytes) -> bytes:
    """Return bytes that were signed with a credential, sealed under its own data key."""
    return vault.seal_with(_sealed(credential), body, bound_to=credential.bound_to)


def _sealed(credential: VenueCredential) -> Sealed:
    return Sealed(box=bytes(credential.box), data_key=bytes(credential.data_key))
