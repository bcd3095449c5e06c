"""What Kalshi says of our own orders, money and positions, into reports (kalshi.md 4.3, 4.4).

Fills are final when they are told. They are booked from fills alone: an order's own counts only say
how many must still be told.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from venues.kalshi.parse import NO, YES, book_side, split, token_of, written
from venues.reading import BadMessage, clean, moment, number, optional, text
from venues.types import FillReport, OrderKind, OrderReport, OrderRequest, OrderStatus

ZERO, ONE, CENT = Decimal(0), Decimal(1), Decimal("0.01")
MILLISECONDS = Decimal(1000)
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """Cash of an account, USD, by shard: each backs orders of its own markets alone."""

    by_shard: Mapping[int, Decimal]

    @property
    def total(self) -> Decimal:
        return sum(self.by_shard.values(), ZERO)


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What an account holds of a market: YES and NO net to one of them."""

    ticker: str
    shard: int
    token: str
    shares: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """How a market ended for an account; counts and costs are gross over its life."""

    ticker: str
    shard: int
    result: str
    yes_count: Decimal
    no_count: Decimal
    yes_cost: Decimal  # USD
    no_cost: Decimal
    fees: Decimal
    revenue: Decimal
    value: Decimal | None  # USD per YES, in whole cents; None where it is not told
    at: datetime

    @property
    def profit(self) -> Decimal:
        """Return what the market brought in all: pairs paid a dollar when they met (kalshi.md 4.4),
        what was left paid its revenue.
        """
        pairs = min(self.yes_count, self.no_count)
        return pairs + self.revenue - self.yes_cost - self.no_cost - self.fees


def report_of(
    request: OrderRequest, order: Row | None, fills: Iterable[Row], *, now: datetime
) -> OrderReport:
    """Judge an order by its own row, where there is one, and by its fills. Raises BadMessage.

    A row that is not there proves nothing alone: reads lag behind writes.
    """
    told = fills_of(request, fills)
    claimed = ZERO if order is None else max(_count(order, "fill_count"), ZERO)
    if order is not None:
        _check(request, order)
    return OrderReport(
        venue_order_id=request.client_order_id,
        status=_status(request, order, told=_total(told), claimed=claimed, now=now),
        fills=told,
        claimed=claimed,
        evidence={"order": None if order is None else _public(order), "fills": len(told)},
        reference="" if order is None else clean(order.get("order_id"), most=100),
    )


def _status(
    request: OrderRequest, order: Row | None, *, told: Decimal, claimed: Decimal, now: datetime
) -> OrderStatus:
    if told and told >= request.shares:
        return OrderStatus.FILLED
    if order is None:
        return OrderStatus.GONE
    word = clean(order.get("status"), most=40).lower()
    if word == "canceled" or (word == "executed" and told >= claimed > ZERO):
        reason = clean(order.get("last_update_reason"), most=40)
        ran_out = reason == "ExpiryCancel" or (
            not reason and request.kind is OrderKind.GTD and request.expires_at <= now
        )
        return OrderStatus.EXPIRED if ran_out and word == "canceled" else OrderStatus.CANCELED
    # Resting, executed without all of its fills yet, or a word that is new: it is not over.
    return OrderStatus.PARTIAL if told else OrderStatus.LIVE


def _check(request: OrderRequest, order: Row) -> None:
    """Refuse to believe a row that is of another market or side than ours: YES is never NO."""
    named = clean(order.get("ticker"), most=120) or clean(order.get("market_ticker"), most=120)
    side = clean(order.get("book_side"), most=10)
    if named not in ("", split(request.token)[0]):
        raise BadMessage(f"the order is of the market {named[:60]!r}, which is another one")
    if side and side != book_side(request.token, request.side):
        raise BadMessage(f"the order is a {side}, which is the other side of the market")


def fills_of(request: OrderRequest, rows: Iterable[Row]) -> tuple[FillReport, ...]:
    """Return the fills of one order, oldest first, each once. Raises BadMessage."""
    found: dict[str, FillReport] = {}
    for row in rows:
        fill = fill_of(request, row)
        found[fill.venue_fill_id] = fill
    return tuple(sorted(found.values(), key=lambda fill: (fill.at, fill.venue_fill_id)))


def fill_of(request: OrderRequest, row: Row) -> FillReport:
    """Read one fill, of REST or of the stream, at the price of our own outcome."""
    _check(request, row)
    yes = written(row.get("yes_price_dollars"), "yes_price_dollars")
    price = yes if split(request.token)[1] == YES else ONE - yes
    shares = written(row.get("count_fp"), "count_fp")
    fee = written(row.get("fee_cost"), "fee_cost")
    if not 0 < price < 1 or shares <= 0 or fee < 0:
        raise BadMessage(f"{shares} shares at {price} with a fee of {fee} is no fill")
    if not isinstance(row.get("is_taker"), bool):
        raise BadMessage(f"is_taker {row.get('is_taker')!r} is neither true nor false")
    role = "taker" if row["is_taker"] else "maker"
    return FillReport(
        venue_fill_id=f"{text(row, 'trade_id', most=80)}:{role}:{text(row, 'order_id', most=80)}",
        price=price,
        shares=shares,
        fee=fee,
        at=_time(row),
        dollars=price * shares,
    )


def _time(row: Row) -> datetime:
    if row.get("created_time"):
        return moment(row["created_time"], "created_time")
    stamp = optional(row, "ts_ms") or number(row.get("ts"), "ts") * MILLISECONDS
    return datetime.fromtimestamp(float(stamp / MILLISECONDS), UTC)


def names_in(row: Row) -> set[str]:
    """Return the names of the order that a row of the user stream is about: ours, and Kalshi's."""
    found = (clean(row.get(name), most=100) for name in ("client_order_id", "order_id"))
    return {each for each in found if each}


def told_report(request: OrderRequest, row: Row, *, now: datetime) -> OrderReport:
    """Report an order by one row of the user stream: a fill, or its own state. Raises BadMessage.

    A fill alone does not say that the order is over, unless it makes it whole.
    """
    if "trade_id" not in row:
        return report_of(request, row, (), now=now)
    fill = fill_of(request, row)
    return OrderReport(
        venue_order_id=request.client_order_id,
        status=OrderStatus.GONE if fill.shares < request.shares else OrderStatus.FILLED,
        fills=(fill,),
        evidence={"fill": dict(row)},
        reference=clean(row.get("order_id"), most=100),
    )


def balance(row: Row) -> Balance:
    """Parse cash by shard. Keys of a subaccount are told none, and are not for us."""
    parts = row.get("balance_breakdown")
    if not isinstance(parts, list):
        raise BadMessage(
            "balance_breakdown is missing: a key that is restricted to a subaccount cannot be used"
        )
    return Balance(
        by_shard={
            int(number(each.get("exchange_index"), "exchange_index")): written(
                each.get("balance"), "balance"
            )
            for each in parts
        }
    )


def held(row: Row) -> Held | None:
    """Parse one position; None for one that is flat."""
    signed = number(row.get("position_fp"), "position_fp")
    if not signed:
        return None
    ticker = text(row, "ticker", most=120)
    return Held(
        ticker=ticker,
        shard=int(optional(row, "exchange_index") or 0),
        token=token_of(ticker, YES if signed > 0 else NO),
        shares=abs(signed),
    )


def settled(row: Row) -> Settled:
    value = optional(row, "value")
    result = text(row, "market_result", most=20)
    return Settled(
        ticker=text(row, "ticker", most=120),
        shard=int(optional(row, "exchange_index") or 0),
        result=result,
        yes_count=_count(row, "yes_count"),
        no_count=_count(row, "no_count"),
        yes_cost=written(row.get("yes_total_cost_dollars"), "yes_total_cost_dollars"),
        no_cost=written(row.get("no_total_cost_dollars"), "no_total_cost_dollars"),
        fees=written(row.get("fee_cost"), "fee_cost"),
        revenue=number(row.get("revenue"), "revenue") * CENT,
        value=value * CENT if value is not None else {YES: ONE, NO: ZERO}.get(result),
        at=moment(row.get("settled_time"), "settled_time"),
    )


def _count(row: Row, name: str) -> Decimal:
    return written(row.get(f"{name}_fp"), f"{name}_fp")


def _total(fills: Iterable[FillReport]) -> Decimal:
    return sum((fill.shares for fill in fills), ZERO)


def _public(order: Row) -> dict[str, Any]:
    """Return a row without the user that it names."""
    return {name: value for name, value in order.items() if name != "user_id"}
