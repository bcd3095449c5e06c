"""A fresh factor for one act: an authenticator's code or a passkey, bound to what was shown.

A passkey signs a challenge made from the digest of the page. A code is spent on one digest. Either
counts once; for some seconds more its second tap does too. https://www.w3.org/TR/webauthn-3/ https://www.rfc-editor.org/rfc/rfc6238
"""

import hashlib
import json
import secrets
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, validate_totp_code
from allauth.mfa.utils import decrypt
from allauth.mfa.webauthn.internal.auth import get_credentials, get_server
from django.core.cache import cache
from fido2.webauthn import AuthenticationResponse, UserVerificationRequirement

from accounts.models import Account, User

FRESH = timedelta(minutes=2)  # from the proof to the act
CODE_SECONDS = 120  # a code is remembered longer than it is accepted
TAP_SECONDS = 10  # the second tap of one answer sees what came of the first
TRIES, TRIES_SECONDS = 10, 300
NONCE, SPENT = "factor.nonce", "factor.spent"
NONCE_SECONDS = 3600  # that a page, or an app, may wait with a passkey's challenge

NONE_YET = (
    "Real money asks for a passkey or an authenticator app, and you have none yet. Add one on the "
    "Security page; what waits here keeps waiting."
)
NEEDED = "This asks for your passkey, or for the code of your authenticator app. Nothing was done."


def required(user: User) -> str:
    """Return what to say where a factor is missing."""
    return NEEDED if ways(user) else NONE_YET


class NotProved(Exception):
    """No fresh factor came with the act, or a wrong one. Nothing was done; try again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """That a person gave a fresh factor for what was shown, by digest."""

    user_id: int
    digests: frozenset[str]
    at: datetime
    way: str = field(compare=False)

    def covers(self, *, user: User, digest: str, now: datetime) -> bool:
        """Tell whether this proof is of that person, for that digest, and fresh."""
        return (
            self.user_id == user.pk and digest in self.digests and self.at <= now < self.at + FRESH
        )


def unproved(account: Account, *, by: User, digest: str, proof: Proof | None, now: datetime) -> str:
    """Return why an act on this account may not be done by a person; paper money asks nothing."""
    if account.is_paper:
        return ""
    if proof is not None and proof.covers(user=by, digest=digest, now=now):
        return ""
    return required(by)


def ways(user: User) -> frozenset[str]:
    """Return the kinds of factor that a person has enrolled: totp, webauthn or none."""
    kinds = [Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN]
    found = Authenticator.objects.filter(user=user, type__in=kinds).values_list("type", flat=True)
    return frozenset(found)


def digest_of_change(what: str, subject: object, wanted: Mapping[str, Any]) -> str:
    """Return what names a change of settings, by their names, as a person is shown it."""

    def plain(value: Any) -> str:
        return f"{value.normalize():f}" if isinstance(value, Decimal) else str(value)

    facts = "|".join(f"{name}={plain(wanted[name])}" for name in sorted(wanted))
    return hashlib.sha256(f"{what}|{subject}|{facts}".encode()).hexdigest()


def digest_of_all(digests: Iterable[str]) -> str:
    """Return one digest for several shown together, in whatever order."""
    return hashlib.sha256("|".join(sorted(digests)).encode()).hexdigest()


def passkey_options(user: User, *, digest: str) -> dict[str, Any]:
    """Return what a browser or an app needs to ask for a passkey; the same until it was used."""
    key = f"{NONCE}.{user.pk}.{digest}"
    nonce = cache.get(key)
    if nonce is not None and cache.get(f"{SPENT}.{nonce}"):
        cache.delete(key)
    cache.add(key, secrets.token_hex(32), timeout=NONCE_SECONDS)
    cache.touch(key, timeout=NONCE_SECONDS)
    nonce = cache.get(key)
    options, _ = _ceremony(user, digest=digest, nonce=nonce)
    return dict(options)


def digest_of_set(digests: Iterable[str]) -> str:
    """Return what a passkey signs: the digest of what is shown, or of all that is."""
    shown = frozenset(digests)
    return next(iter(shown)) if len(shown) == 1 else digest_of_all(shown)


def prove(user: User, *, digests: Iterable[str], given: Any, now: datetime) -> Proof:
    """Check the factor that came with an act, `code` or `passkey` of `given`. Raises NotProved."""
    shown = frozenset(digests)
    digest = digest_of_set(shown)
    code, passkey = str(given.get("code", "")).strip(), given.get("passkey", "")
    if not code and not passkey:
        raise NotProved(required(user))
    tries = _count_tries(user)
    if code:
        _check_code(user, code, digest=digest)
    else:
        _check_passkey(user, passkey, digest=digest)
    cache.delete(tries)
    return Proof(user_id=user.pk, digests=shown, at=now, way="code" if code else "passkey")


def _count_tries(user: User) -> str:
    """Hold up whoever guesses; counted before the check, so that many at once count too."""
    key = f"factor.tries.{user.pk}"
    cache.add(key, 0, timeout=TRIES_SECONDS)
    if cache.incr(key) > TRIES:
        raise NotProved("Too many codes were tried. Wait five minutes; nothing was done.")
    return key


def _check_code(user: User, code: str, *, digest: str) -> None:
    row = Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).first()
    if row is None:
        raise NotProved(NONE_YET)
    if not validate_totp_code(decrypt(row.data["secret"]), code):
        raise NotProved("This code is wrong, or 30 seconds old. Nothing was done; take the next.")
    # Sign-in marks its codes under the same key: a code seen there is of no use here.
    key = TOTP(row)._get_used_cache_key(code)
    if not cache.add(key, digest, timeout=CODE_SECONDS) and cache.get(key) != digest:
        raise NotProved("This code was used for something else. Nothing was done; take the next.")
    _spend(key)  # made of the code as it is compared, however it was written
    row.record_usage()


def _spend(name: str) -> None:
    """Let what was proved count once, and its second tap. Raises NotProved."""
    key, now = f"{SPENT}.{name}", time.time()
    if cache.add(key, now, timeout=NONCE_SECONDS):
        return
    first = cache.get(key)
    if first is None or now - first >= TAP_SECONDS:
        raise NotProved("This was used already. Look what came of it, then load the page again.")


def _check_passkey(user: User, answer: Any, *, digest: str) -> None:
    key = f"{NONCE}.{user.pk}.{digest}"
    nonce = cache.get(key)
    if nonce is None:
        raise NotProved("This page is too old for its passkey. Load it again.")
    _, state = _ceremony(user, digest=digest, nonce=nonce)
    try:
        said = AuthenticationResponse.from_dict(
            json.loads(answer) if isinstance(answer, str) else answer
        )
        get_server().authenticate_complete(state, get_credentials(user), said)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as why:
        raise NotProved("This passkey does not fit this page, or was used. Load it again.") from why
    _spend(nonce)


def _ceremony(user: User, *, digest: str, nonce: str) -> tuple[Any, Any]:
    challenge = hashlib.sha256(f"{nonce}|{digest}".encode()).digest()
    options, state = get_server().authenticate_begin(
        credentials=get_credentials(user),
        user_verification=UserVerificationRequirement.PREFERRED,
        challenge=challenge,
    )
    return options, state
