"""What a replay answers: the contract of `replay --json`, and the same in words."""

import hashlib
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db.models import Count, Sum

from backtest.setting_up import Plan
from trading.models import Decision, EquityPoint, Fill, Order, Position, Posting
from trading.summary import cents, summary
from venues.money import ZERO
from venues.words import dollars
from whales.models import Signal


def answer(plan: Plan, *, seconds: float) -> dict[str, Any]:
    """Return the counts and books of the plan's accounts as they are now."""
    feed = plan.feed
    feed.refresh_from_db()
    ids = [account.pk for account in plan.accounts]
    now = feed.clock_at or feed.started_at
    decisions = Decision.objects.filter(account_id__in=ids)
    orders = Order.objects.filter(account_id__in=ids)
    return {
        "trades": feed.position - feed.duplicates,
        "quarantined": plan.quarantined,
        "duplicates": feed.duplicates,
        "not_trades": plan.skipped,
        "signals": Signal.objects.filter(decisions__account_id__in=ids).distinct().count(),
        "decisions": decisions.count(),
        "decisions_by_reason": _counted(decisions, "reason"),
        "orders": orders.count(),
        "orders_by_state": _counted(orders, "state"),
        "fills": Fill.objects.filter(account_id__in=ids).count(),
        "open_positions": Position.objects.filter(
            account_id__in=ids, closed_at__isnull=True
        ).count(),
        "ledger_sum": cents(
            Posting.objects.filter(entry__account_id__in=ids).aggregate(t=Sum("amount"))["t"]
            or ZERO
        ),
        "assumed": feed.assumed,
        "books_sha256": books_digest(ids),
        "accounts": [_account(account, now) for account in plan.accounts],
        "seconds": round(seconds, 3),
    }


def books_digest(account_ids: Sequence[UUID]) -> str:
    """Return one digest of everything booked: equal books have equal digests.

    Names stand in for ids, which differ from one database to the next.
    """
    digest = hashlib.sha256()
    scope = {"account_id__in": account_ids}
    for rows in (
        Decision.objects.filter(**scope).values_list(
            "account__name", "source", "reason", "sentence", "size", "arithmetic", "at"
        ),
        Order.objects.filter(**scope).values_list(
            "account__name", "decision__source", "state", "filled_shares", "filled_cost", "fees"
        ),
        Fill.objects.filter(**scope).values_list(
            "account__name", "order__decision__source", "print_id", "price", "shares", "fee", "at"
        ),
        Position.objects.filter(**scope).values_list(
            "account__name",
            "outcome__token",
            "opened_at",
            "shares",
            "cost",
            "realised",
            "closed_at",
        ),
        Posting.objects.filter(entry__account_id__in=account_ids).values_list(
            "entry__account__name", "entry__kind", "entry__at", "book", "amount"
        ),
        EquityPoint.objects.filter(**scope).values_list(
            "account__name", "at", "equity", "cash", "high_water"
        ),
    ):
        for line in sorted("|".join(str(value) for value in row) for row in rows):
            digest.update(line.encode())
    return digest.hexdigest()


def in_words(found: dict[str, Any]) -> str:
    """Return the answer for a person at a terminal."""
    lines = [
        f"{found['trades']:,} trades, {found['duplicates']} duplicates, "
        f"{found['quarantined']} bad rows quarantined, in {found['seconds']} s",
        f"{found['signals']} whale orders, {found['decisions']} decisions:",
        *(f"  {count:>6} {reason}" for reason, count in found["decisions_by_reason"].items()),
        f"{found['orders']} orders, {found['fills']} fills, "
        f"{found['open_positions']} positions open, ledger sum {found['ledger_sum']}",
    ]
    if found["assumed"]:
        lines.append("ASSUMED: whale figures set by hand for this replay, not earned.")
    for account in found["accounts"]:
        lines.append(
            f"  {account['name']:<14} equity {dollars(float(account['equity']))} paper, "
            f"realised {dollars(float(account['realised']), signed=True)}, "
            f"unrealised {dollars(float(account['unrealised']), signed=True)}, "
            f"{account['wins']} won, {account['losses']} lost"
        )
    return "\n".join(lines)


def _counted(rows: Any, name: str) -> dict[str, int]:
    return dict(rows.values_list(name).annotate(n=Count("pk")).order_by("-n", name))


def _account(account: Any, now: Any) -> dict[str, Any]:
    found = summary(account=account, now=now)
    return {
        "name": account.name,
        "preset": account.preset,
        "starting_balance": cents(account.starting_balance),
        "cash": cents(found.cash),
        "equity": cents(found.equity),
        "realised": cents(found.realised),
        "unrealised": cents(found.unrealised),
        "fees": cents(found.fees),
        "trades": found.trades,
        "wins": found.wins,
        "losses": found.losses,
        "max_drawdown": round(found.max_drawdown, 6),
    }
