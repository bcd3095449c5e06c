"""What a market is like now, from its book, its listing and the prices seen of late."""

from collections import deque
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from markets.domain.estimators import RANGE_SPAN, Facts
from venues.types import Book

NEVER = timedelta(days=365)  # of a market whose end the catalogue does not know


def facts(
    book: Book,
    *,
    liquidity: Decimal,
    closes_at: datetime | None,
    seen: Sequence[Decimal],
    now: datetime,
) -> Facts | None:
    """Return the facts of an outcome, or None while one side of its book is empty.

    `seen` are middle prices of the last day, of which volatility is the range over the latest.
    """
    if not book.bids or not book.asks:
        return None
    bid, ask = book.bids[0].price, book.asks[0].price
    middle = (bid + ask) / 2
    prices = [*seen, middle]
    return Facts(
        ask=ask,
        last=middle,
        liquidity=liquidity,
        spread=ask - bid,
        volatility=float((max(prices) - min(prices)) / middle),
        hours=((closes_at or now + NEVER) - now) / timedelta(hours=1),
    )


class Seen:
    """Middle prices of the last day, by token."""

    def __init__(self) -> None:
        self._prices: dict[str, deque[tuple[datetime, Decimal]]] = {}

    def see(self, book: Book) -> None:
        if book.bids and book.asks:
            middle = (book.bids[0].price + book.asks[0].price) / 2
            prices = self._prices.setdefault(book.token, deque())
            prices.append((book.at, middle))
            while prices[0][0] < book.at - RANGE_SPAN:
                prices.popleft()

    def of(self, token: str) -> list[Decimal]:
        return [price for _, price in self._prices.get(token, ())]
