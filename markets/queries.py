"""Reads over markets that others build on."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from markets.domain.book import FRESH_BID

# `markets.domain.book.mark` in SQL, for sums over many positions; a test compares the two.
# Needs the alias `o` for the outcome and the parameter `now`.
MARK_SQL = f"""
CASE WHEN o.payout IS NOT NULL THEN o.payout
     WHEN o.bid IS NOT NULL AND o.bid_at >= %(now)s - interval '{FRESH_BID.total_seconds()} seconds'
     THEN o.bid ELSE o.last_price END
"""


@contextmanager
def snapshot() -> Iterator[None]:
    """Let several reads see one moment; inside a transaction they already share its rules."""
    if connection.in_atomic_block:
        yield
        return
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        yield


def rows(sql: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
    """Run one statement and return its rows by column name: for sets that the ORM cannot say."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        names = _names.get(sql)
        if names is None:
            names = _names[sql] = tuple(column[0] for column in cursor.description or ())
        if not names:
            return []
        return [dict(zip(names, values, strict=True)) for values in cursor.fetchall()]


# The column names of each statement. Describing forty columns costs more than reading a row.
_names: dict[str, tuple[str, ...]] = {}


def by_account(sql: str, parameters: dict[str, Any]) -> dict[UUID, dict[str, Any]]:
    """Run one statement that answers with at most one row for each account."""
    return {row["account_id"]: row for row in rows(sql, parameters)}
