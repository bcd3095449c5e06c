"""What a market is like now, from its book, its listing and its prices of the last day."""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from decimal import Decimal

from markets.domain.estimators import RANGE_SPAN, Facts
from venues.types import Book

NEVER = timedelta(days=365)  # of a market whose end the catalogue does not know
ENOUGH = timedelta(hours=1)  # of prices before their range says anything
UNKNOWN_VOLATILITY = 0.5  # cuts a size as far as volatility ever does


def facts(
    book: Book,
    *,
    liquidity: Decimal,
    closes_at: datetime | None,
    volatility: float,
    now: datetime,
) -> Facts | None:
    """Return the facts of an outcome; None while a side of its book is empty, or both cross."""
    if not book.bids or not book.asks or book.bids[0].price >= book.asks[0].price:
        return None
    bid, ask = book.bids[0].price, book.asks[0].price
    return Facts(
        ask=ask,
        last=(bid + ask) / 2,
        liquidity=liquidity,
        spread=ask - bid,
        volatility=volatility,
        hours=((closes_at or now + NEVER) - now) / timedelta(hours=1),
    )


class Seen:
    """Prices of the last day by token, the lowest and the highest of each minute."""

    def __init__(self) -> None:
        self._minutes: dict[str, dict[datetime, tuple[Decimal, Decimal]]] = {}

    def knows(self, token: str) -> bool:
        return token in self._minutes

    def remember(
        self, token: str, prices: Iterable[tuple[datetime, Decimal]], *, now: datetime
    ) -> None:
        """Learn what a token cost before it was looked at."""
        self._minutes.setdefault(token, {})
        for at, price in prices:
            if now - RANGE_SPAN <= at <= now:
                self._note(token, at, price)

    def see(self, book: Book) -> None:
        if book.bids and book.asks:
            self._note(book.token, book.at, (book.bids[0].price + book.asks[0].price) / 2)

    def keep(self, tokens: Collection[str]) -> None:
        """Forget every other token."""
        wanted = set(tokens)
        self._minutes = {token: each for token, each in self._minutes.items() if token in wanted}

    def volatility(self, token: str, *, now: datetime) -> float:
        """Return the last day's range over the latest price; cautious while little is known."""
        minutes = {
            at: each for at, each in self._minutes.get(token, {}).items() if at >= now - RANGE_SPAN
        }
        if not minutes or now - min(minutes) < ENOUGH:
            return UNKNOWN_VOLATILITY
        self._minutes[token] = minutes
        low, high = min(low for low, _ in minutes.values()), max(top for _, top in minutes.values())
        return float((high - low) / minutes[max(minutes)][1])

    def _note(self, token: str, at: datetime, price: Decimal) -> None:
        minutes = self._minutes.setdefault(token, {})
        minute = at.replace(second=0, microsecond=0)
        low, high = minutes.get(minute, (price, price))
        minutes[minute] = (min(low, price), max(high, price))
