"""What a page needs to ask for a fresh factor: the ways its reader has, a passkey's challenge."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpRequest

from accounts import factors
from accounts.models import Account
from markets import clock
from web.views import user_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Factor:
    """The part of a form that asks for a factor; see `web/fragments/factor.html`."""

    needed: bool
    ways: frozenset[str]
    options: dict[str, Any] | None


def factor_for(request: HttpRequest, account: Account, *, digest: str) -> Factor:
    """Return what to ask of this reader for an act on this account with this digest."""
    return factor_of(request, is_needed=not account.is_paper, digest=digest)


def factor_of(request: HttpRequest, *, is_needed: bool, digest: str) -> Factor:
    """Return what to ask of this reader where an act needs a factor."""
    if not is_needed:
        return Factor(needed=False, ways=frozenset(), options=None)
    user = user_of(request)
    ways = factors.ways(user)
    options = factors.passkey_options(user, digest=digest) if "webauthn" in ways else None
    return Factor(needed=True, ways=ways, options=options)


def proof_for(
    request: HttpRequest, account: Account, *, digest: str, now: datetime
) -> factors.Proof | None:
    """Return the factor that came with a form; paper money asks for none. Raises NotProved."""
    if account.is_paper:
        return None
    return factors.prove(user_of(request), digests=[digest], given=request.POST, now=now)


def unproved(request: HttpRequest, account: Account, digest: str) -> str:
    """Return why this act on real money may not be done by whoever posted it."""
    try:
        proof_for(request, account, digest=digest, now=clock.now())
    except factors.NotProved as why:
        return str(why)
    return ""
