"""The only writer of Entry and Posting."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from trading.domain.ledger import EntryKind, Line
from trading.models import Entry, Posting


def book(
    *,
    account_id: UUID,
    kind: EntryKind,
    source: str,
    lines: Sequence[Line],
    at: datetime,
    position_id: UUID | None = None,
    fill_id: int | None = None,
) -> Entry:
    """Book one entry. The database refuses it at commit unless its postings sum to zero."""
    entry = Entry.objects.create(
        account_id=account_id,
        kind=kind.value,
        source=source,
        position_id=position_id,
        fill_id=fill_id,
        at=at,
    )
    Posting.objects.bulk_create(
        [Posting(entry=entry, book=line.book.value, amount=line.amount) for line in lines]
    )
    return entry
