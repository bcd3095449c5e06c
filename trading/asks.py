"""The ask of one outcome right now, for a person who decides: a book read, kept for a moment."""

from dataclasses import dataclass
from decimal import Decimal

from django.core.cache import cache

from accounts import polymarket_keys
from accounts.limits import shared_limits
from accounts.venues import http
from markets import clock
from markets.models import Feed, Outcome
from venues.errors import VenueError
from venues.polymarket.public import Public
from venues.types import Side

KEPT_SECONDS = 2  # several people and pages share one read
UNREAD = "unread"
DOWN, DOWN_SECONDS = (
    "ask.down",
    10,
)  # one that does not answer is not asked for each order of a list
POLYMARKET = "polymarket"


@dataclass(frozen=True, slots=True, kw_only=True)
class Now:
    """What a share costs, or brings, by the book; or the last price where no book can be read."""

    price: Decimal | None  # USD per share; None of a book: nobody offers
    is_book: bool


def is_recorded() -> bool:
    """Tell whether prices come from a recording, which has no books to read."""
    feed = clock.current_feed()
    return feed is not None and feed.kind == Feed.Kind.RECORDING


def price_now(outcome: Outcome, side: Side, *, recorded: bool | None = None) -> Now:
    """Return the ask for a purchase and the bid for a sale, or the last price of a recording."""
    recorded = is_recorded() if recorded is None else recorded
    if recorded or outcome.market.venue != POLYMARKET:
        return Now(price=outcome.last_price, is_book=False)
    key = f"ask.{outcome.token}.{side}"
    kept = cache.get(key)
    if kept is None:
        kept = UNREAD if cache.get(DOWN) else _read(outcome.token, side)
        cache.set(key, kept, timeout=KEPT_SECONDS)
    if kept == UNREAD:
        return Now(price=outcome.last_price, is_book=False)
    return Now(price=Decimal(kept) if kept else None, is_book=True)


def _read(token: str, side: Side) -> str:
    """Return the best price of the other side as text, empty where nobody offers, or UNREAD."""
    public = Public(polymarket_keys.addresses(), client=http(), limits=shared_limits())
    try:
        book = public.book(token)
    except VenueError:
        cache.set(DOWN, True, timeout=DOWN_SECONDS)
        return UNREAD
    levels = book.asks if side is Side.BUY else book.bids
    return str(levels[0].price) if levels else ""
