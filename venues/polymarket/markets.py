"""Gamma's markets and the order book's books into our types (reference: polymarket.md 5, 8, 12)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from venues.polymarket import games
from venues.polymarket.games import GameMarket
from venues.polymarket.parse import unix_time
from venues.reading import BadMessage, clean, number, text, texts
from venues.types import Book, Level, Terms

# What a final market may pay; anything else is a price on its way.
VECTORS = ((Decimal(1), Decimal(0)), (Decimal(0), Decimal(1)), (Decimal("0.5"), Decimal("0.5")))
ZERO = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """One market of the catalogue."""

    market: str  # condition id
    title: str
    tokens: tuple[str, ...]
    outcomes: tuple[str, ...]
    fee_rate: Decimal | None
    closes_at: datetime | None  # when it is expected to end
    liquidity: Decimal  # USD in its book
    category: str  # empty when the catalogue names none
    accepting: bool
    payouts: Mapping[str, Decimal] | None  # USD per share by token, once final
    resolved_at: datetime | None
    slug: str = ""
    terms: Terms | None = None  # what orders must be; None where any of it is missing
    sport: str = ""  # the kind of a game's market: moneyline, spreads, totals
    starts_at: datetime | None = None  # of its game
    listed: GameMarket | None = None  # of a game: what says which one, and on what terms


def listing(row: Mapping[str, Any], event: Mapping[str, Any] | None = None) -> Listing:
    """Parse one row of `/markets`, or of an event's markets. Raises BadMessage for what cannot be
    used.

    Final means closed, resolved by the oracle and a payout vector that is one: half and half on an
    open market is only a price that nobody knows yet.
    """
    # By the market's own version, never by which ids it carries: old markets carry both.
    v2 = row.get("version") == "v2"
    tokens = _texts(row, "positionIds" if v2 else "clobTokenIds")
    outcomes = _texts(row, "outcomes")
    if len(tokens) != len(outcomes) or not tokens:
        raise BadMessage(f"{len(tokens)} tokens for {len(outcomes)} outcomes")
    payouts = _payouts(row, tokens)
    return Listing(
        market=_condition(text(row, "conditionId", most=120)),
        title=clean(row.get("question"), most=300),
        tokens=tokens,
        outcomes=outcomes,
        fee_rate=_fee_rate(row),
        closes_at=_time(row.get("endDate")),
        liquidity=number(row.get("liquidityNum") or 0, "liquidityNum"),
        category="Sports" if row.get("sportsMarketType") else "",
        accepting=bool(row.get("acceptingOrders")),
        payouts=payouts,
        resolved_at=_time(row.get("closedTime")) if payouts else None,
        slug=clean(row.get("slug"), most=200),
        terms=_terms(row, protocol="v2" if v2 else "v1"),
        sport=clean(row.get("sportsMarketType"), most=20),
        starts_at=_time(row.get("gameStartTime")),
        listed=_game(row, event),
    )


def _game(row: Mapping[str, Any], event: Mapping[str, Any] | None) -> GameMarket | None:
    """Return what says which game a moneyline is about."""
    if row.get("sportsMarketType") != "moneyline":
        return None
    events = row.get("events")
    if event is None:
        event = events[0] if isinstance(events, list) and events else {}
    return games.market(row, event)


def _condition(found: str) -> str:
    """Return a condition id as the book writes it: protocol 2's are short in the catalogue."""
    digits = found.removeprefix("0x")
    return f"0x{digits}00" if found.startswith("0x") and len(digits) == 62 else found


def _terms(row: Mapping[str, Any], *, protocol: str) -> Terms | None:
    tick, least = row.get("orderPriceMinTickSize"), row.get("orderMinSize")
    if not tick or least is None or not isinstance(row.get("negRisk", False), bool):
        return None
    delay = row.get("secondsDelay") or 0
    return Terms(
        tick=number(tick, "orderPriceMinTickSize"),
        min_shares=number(least, "orderMinSize"),
        neg_risk=bool(row.get("negRisk")),
        protocol=protocol,
        seconds_delay=int(number(delay, "secondsDelay")),
    )


def ruling(row: Mapping[str, Any]) -> tuple[Decimal, ...]:
    """Parse what a row of `/v2/resolutions` pays: in millionths, or by the first one's price."""
    payouts = row.get("payouts")
    if isinstance(payouts, list) and payouts:
        return tuple(number(each, "payouts") / 1_000_000 for each in payouts)
    first = number(row.get("price"), "price")
    if not 0 <= first <= 1:
        raise BadMessage(f"a price of {first} is not set")  # 69 stands for that
    return first, 1 - first


def book(row: Mapping[str, Any]) -> Book:
    """Parse one book; ours are best first, theirs worst first. Raises BadMessage."""
    bids, asks = (_levels(row, name) for name in ("bids", "asks"))
    return Book(
        token=text(row, "asset_id", most=160),
        bids=tuple(sorted(bids, key=lambda level: -level.price)),
        asks=tuple(sorted(asks, key=lambda level: level.price)),
        at=unix_time(row.get("timestamp")),
    )


def _levels(row: Mapping[str, Any], name: str) -> list[Level]:
    found = row.get(name)
    if not isinstance(found, list):
        raise BadMessage(f"{name} is no list of levels")
    levels = [
        Level(price=number(each.get("price"), "price"), shares=number(each.get("size"), "size"))
        for each in found
        if isinstance(each, Mapping)
    ]
    if any(not 0 < level.price < 1 for level in levels):
        raise BadMessage(f"a price of {name} is not between 0 and 1")
    return [level for level in levels if level.shares > 0]


def _payouts(row: Mapping[str, Any], tokens: tuple[str, ...]) -> dict[str, Decimal] | None:
    if not row.get("closed") or row.get("umaResolutionStatus") != "resolved":
        return None
    prices = tuple(number(each, "outcomePrices") for each in _texts(row, "outcomePrices"))
    if prices not in VECTORS or len(prices) != len(tokens):
        return None
    return dict(zip(tokens, prices, strict=True))


def _fee_rate(row: Mapping[str, Any]) -> Decimal | None:
    if row.get("feesEnabled") is False:
        return ZERO
    schedule = row.get("feeSchedule")
    if not isinstance(schedule, Mapping) or schedule.get("rate") is None:
        return None
    rate = number(schedule["rate"], "feeSchedule.rate")
    if not 0 <= rate <= 1:
        raise BadMessage(f"a fee rate of {rate} is not between 0 and 1")
    return rate


def _texts(row: Mapping[str, Any], name: str) -> tuple[str, ...]:
    return texts(row.get(name), name)


def _time(value: Any) -> datetime | None:
    """Read `2026-10-08T02:00:00Z` and `2026-10-08 03:00:26+00`; None for neither."""
    try:
        at = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
