"""Reads over markets that others build on."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection, transaction

from markets.domain.book import FRESH_BID

# `markets.domain.book.mark` in SQL, for sums over many positions; a test compares the two.
# Needs the alias `o` for the outcome and the parameter `now`.
MARK_SQL = f"""
CASE WHEN o.bid IS NOT NULL AND o.bid_at >= %(now)s - interval '{FRESH_BID.total_seconds()} seconds'
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
        if cursor.description is None:
            return []
        names = [column.name for column in cursor.description]
        return [dict(zip(names, values, strict=True)) for values in cursor.fetchall()]
