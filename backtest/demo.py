"""The demo that a newcomer sees: a user, three paper accounts, twenty whales."""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from django.db import transaction

from accounts.models import Account, User
from markets.models import Feed
from trading.opening import open_account
from whales.discovery import Candidate
from whales.models import Follow, Whale

USERNAME = "demo"
WHALES = 20
WORTH_FOLLOWING = 40.0  # a score that is watched; presets copy only better ones
PRESETS = ("default", "conservative", "aggressive")
STANDARD = ("NBA", "NHL")  # leagues whose standard pairs the demo trades unasked, on paper
# A short tape cannot earn a score, so the demo assumes this one for every whale, and says so.
ASSUMED = {"q": 85.0, "s": 2.5, "w": 66.0, "c": 50.0, "r": 0.0}


def ensure_user(*, password_file: Path) -> tuple[User, str]:
    """Return the demo user and its password, both made on the first call."""
    user = User.objects.filter(username=USERNAME).first()
    if user is not None and password_file.exists():
        return user, password_file.read_text().strip()
    password = secrets.token_urlsafe(12)
    user = user or User(username=USERNAME, is_staff=True, is_superuser=True)
    user.set_password(password)
    user.save()
    password_file.touch(mode=0o600)
    password_file.write_text(password + "\n")
    return user, password


def ensure_accounts(*, feed: Feed, owner: User, now: datetime) -> list[Account]:
    """Return the three accounts of this recording, opened on the first call.

    Another recording gets accounts of its own, because time may not run backwards in one; the
    older ones stop following.
    """
    if feed.accounts:
        found = {str(each.pk): each for each in Account.objects.filter(pk__in=feed.accounts)}
        return [found[key] for key in feed.accounts]
    with transaction.atomic():
        taken = set(Account.objects.filter(owner=owner).values_list("name", flat=True))
        Follow.objects.filter(account__owner=owner).update(paused=True)
        accounts = [
            open_account(
                owner=owner,
                name=_free_name(preset, taken),
                preset=preset,
                now=now,
                accept_standard=STANDARD,
            )
            for preset in PRESETS
        ]
        feed.accounts = [str(account.pk) for account in accounts]
        feed.save(update_fields=["accounts"])
    return accounts


def follow_best(*, accounts: Sequence[str], candidates: Iterable[Candidate], now: datetime) -> int:
    """Let accounts (by id) follow the best wallets that earned a score; returns how many."""
    best = [each for each in candidates if each.score >= WORTH_FOLLOWING][:WHALES]
    Follow.objects.bulk_create(
        [
            Follow(account_id=account, whale_id=each.whale_id, since=now)
            for account in accounts
            for each in best
        ],
        ignore_conflicts=True,
    )
    return len(best)


def follow_all(
    *,
    accounts: Iterable[Account],
    volumes: Mapping[str, Decimal],
    assumed: Mapping[str, float] | None,
    now: datetime,
) -> int:
    """Let each account follow the wallets with most volume; returns how many they are."""
    biggest = sorted(volumes, key=lambda wallet: (-volumes[wallet], wallet))[:WHALES]
    Whale.objects.bulk_create([Whale(address=each) for each in biggest], ignore_conflicts=True)
    whales = Whale.objects.filter(address__in=biggest)
    Follow.objects.bulk_create(
        [
            Follow(
                account=account,
                whale=whale,
                assumed=dict(assumed) if assumed else None,
                since=now,
            )
            for account in accounts
            for whale in whales
        ],
        ignore_conflicts=True,
    )
    return len(biggest)


def _free_name(preset: str, taken: set[str]) -> str:
    name, number = preset.capitalize(), 1
    while name in taken:
        number += 1
        name = f"{preset.capitalize()} {number}"
    return name
