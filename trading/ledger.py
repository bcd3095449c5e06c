"""The only writer of Entry and Posting."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID, uuid4

from markets.queries import rows
from trading.domain.ledger import EntryKind, Line

BOOK = """
WITH entry AS (
  INSERT INTO trading_entry (id, account_id, kind, source, position_id, fill_id, at)
  VALUES (%(entry)s, %(account)s, %(kind)s, %(source)s, %(position)s, %(fill)s, %(at)s)
)
INSERT INTO trading_posting (entry_id, book, amount)
SELECT %(entry)s, book, amount
  FROM unnest(%(books)s::text[], %(amounts)s::numeric[]) WITH ORDINALITY t(book, amount, place)
 ORDER BY place
"""


def book(
    *,
    account_id: UUID,
    kind: EntryKind,
    source: str,
    lines: Sequence[Line],
    at: datetime,
    position_id: UUID | None = None,
    fill_id: int | None = None,
) -> None:
    """Book one entry. The database refuses it at commit unless its postings sum to zero."""
    rows(
        BOOK,
        {
            "entry": uuid4(),
            "account": account_id,
            "kind": kind.value,
            "source": source,
            "position": position_id,
            "fill": fill_id,
            "at": at,
            "books": [line.book.value for line in lines],
            "amounts": [line.amount for line in lines],
        },
    )
