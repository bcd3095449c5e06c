"""What Polymarket says of our own orders, into reports (reference: polymarket.md section 5.2).

Statuses come with and without a prefix; fills are read from trades alone, because the amounts of
other answers are in units that differ between sources.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from venues import money
from venues.polymarket.fees import taker_fee
from venues.polymarket.parse import MAX_SHARES, unix_time
from venues.reading import BadMessage, clean, number, text
from venues.types import FillReport, OrderReport, OrderRequest, OrderStatus, Settlement

ZERO, ONE = Decimal(0), Decimal(1)
PRICE = Decimal("1e-10")
TRADE_STATUSES = {
    "MATCHED_NOT_BROADCASTED": Settlement.MATCHED,
    "MATCHED": Settlement.MATCHED,
    "MINED": Settlement.MINED,
    "RETRYING": Settlement.RETRYING,
    "CONFIRMED": Settlement.CONFIRMED,
    "FAILED": Settlement.FAILED,
}
OVER = ("CANCELED", "UNMATCHED", "INVALID")  # how the words begin of an order that is over

Row = Mapping[str, Any]


def fills_of(request: OrderRequest, trades: Iterable[Row]) -> tuple[FillReport, ...]:
    """Return the fills of one order among trades of its account, oldest first, each once.

    Raises BadMessage for a trade of the order that cannot be read: nothing is left out quietly.
    """
    found: dict[str, FillReport] = {}
    for row in trades:
        for fill in fills_in(request, row):
            found[fill.venue_fill_id] = fill
    return tuple(sorted(found.values(), key=lambda fill: (fill.at, fill.venue_fill_id)))


def fills_in(request: OrderRequest, row: Row) -> list[FillReport]:
    """Return what one trade is of an order: as its taker, or as one of its makers."""
    makers = _makers(row)
    found = []
    if row.get("taker_order_id") == request.venue_order_id:
        found.append(_taken(request, row, makers))
    for maker in makers:
        if maker.get("order_id") == request.venue_order_id:
            found.append(_made(request, row, maker))
    return found


def _makers(row: Row) -> list[Row]:
    given = row.get("maker_orders") or []
    if not isinstance(given, list):
        raise BadMessage("maker_orders is no list")
    return [each for each in given if isinstance(each, Mapping)]


def _check_token(request: OrderRequest, token: Any) -> None:
    """Refuse a fill of another outcome than the order's: YES is never NO."""
    if token not in (None, "", request.token):
        raise BadMessage(
            f"the order's fill is of the token {str(token)[:20]}, which is another one"
        )


def _taken(request: OrderRequest, row: Row, makers: list[Row]) -> FillReport:
    """Read a taker's fill; with several makers its price is the average of theirs."""
    token, shares = text(row, "asset_id", most=160), number(row.get("size"), "size")
    _check_token(request, token)
    legs = [_leg(maker, token) for maker in makers if maker.get("asset_id")]
    if not legs or sum(count for count, _ in legs) != shares:
        legs = [(shares, number(row.get("price"), "price"))]
    dollars = sum((money.floor_micro(count * price) for count, price in legs), ZERO)
    fee = sum(
        (taker_fee(price=price, shares=count, rate=request.fee_rate) for count, price in legs),
        ZERO,
    )
    return _fill(row, role="taker", shares=shares, dollars=dollars, fee=fee)


def _leg(maker: Row, token: str) -> tuple[Decimal, Decimal]:
    """Return shares and our price of one maker: whoever bought the other outcome paid the rest."""
    count = number(maker.get("matched_amount"), "matched_amount")
    price = number(maker.get("price"), "price")
    return count, price if maker["asset_id"] == token else ONE - price


def _made(request: OrderRequest, row: Row, maker: Row) -> FillReport:
    _check_token(request, maker.get("asset_id"))
    count = number(maker.get("matched_amount"), "matched_amount")
    dollars = count * number(maker.get("price"), "price")
    return _fill(row, role=f"maker:{maker['order_id']}", shares=count, dollars=dollars, fee=ZERO)


def _fill(row: Row, *, role: str, shares: Decimal, dollars: Decimal, fee: Decimal) -> FillReport:
    if not 0 < shares <= MAX_SHARES or not 0 < dollars < shares:
        raise BadMessage(f"{shares} shares for {dollars} dollars is no trade")
    return FillReport(
        venue_fill_id=f"{text(row, 'id', most=120)}:{role}",
        price=(dollars / shares).quantize(PRICE),
        shares=shares,
        fee=fee,
        at=_time(row),
        settlement=_settlement(row),
        dollars=dollars,
        transaction=_transaction(row),
    )


def _settlement(row: Row) -> Settlement:
    word = clean(row.get("status"), most=60).upper().removeprefix("TRADE_STATUS_")
    if word not in TRADE_STATUSES:
        raise BadMessage(f"a trade's status is {word!r}, which is unknown")
    return TRADE_STATUSES[word]


def _time(row: Row) -> datetime:
    """Return when it was matched; recordings have seconds, milliseconds and ISO text."""
    given = row.get("match_time") or row.get("matchtime") or row.get("timestamp")
    try:
        return unix_time(given)
    except BadMessage:
        at = datetime.fromisoformat(str(given)) if given else None
        if at is None or at.tzinfo is None:
            raise
        return at


def _transaction(row: Row) -> str:
    found = clean(row.get("transaction_hash"), most=80)
    return "" if set(found) <= set("0x") else found


def names_in(row: Row) -> set[str]:
    """Return the names of all orders that a row of the user stream is about."""
    given = row.get("maker_orders")
    legs = [each for each in given if isinstance(each, Mapping)] if isinstance(given, list) else []
    named = [row.get("taker_order_id"), *(each.get("order_id") for each in legs)]
    if row.get("event_type") == "order":
        named.append(row.get("id"))
    return {each for each in named if isinstance(each, str) and each}


def told_report(request: OrderRequest, row: Row, *, now: datetime) -> OrderReport:
    """Report an order by one row of the user stream. Raises BadMessage."""
    is_order = row.get("event_type") == "order"
    if is_order and not row.get("status"):
        # Older rows say what happened in `type` alone.
        kind = clean(row.get("type"), most=40).upper()
        row = {**row, "status": "CANCELED" if kind == "CANCELLATION" else "LIVE"}
    return report_of(request, row if is_order else None, [] if is_order else [row])


def report_of(request: OrderRequest, order: Row | None, trades: Iterable[Row]) -> OrderReport:
    """Judge an order by its own row, where there is one, and by all its trades.

    A row that is not there proves nothing alone: the venue shows open orders only.
    """
    fills = fills_of(request, trades)
    kept = sum((fill.shares for fill in fills if fill.settlement is not Settlement.FAILED), ZERO)
    return OrderReport(
        venue_order_id=request.venue_order_id,
        status=_status(
            request, order, filled=kept, told=sum((fill.shares for fill in fills), ZERO)
        ),
        fills=fills,
        claimed=_claimed(order),
        evidence={"order": None if order is None else _public(order), "trades": len(fills)},
    )


def _claimed(order: Row | None) -> Decimal:
    """Return what the order's own row says was matched: never booked, but never forgotten."""
    given = None if order is None else order.get("size_matched")
    return max(number(given, "size_matched"), ZERO) if given not in (None, "") else ZERO


def _public(order: Row) -> dict[str, Any]:
    """Return a row without the API key that it names as its owner."""
    return {name: value for name, value in order.items() if "owner" not in name}


def _status(
    request: OrderRequest, order: Row | None, *, filled: Decimal, told: Decimal
) -> OrderStatus:
    """Judge by the order's word, by what was matched and kept, and by what was ever told of."""
    word = "" if order is None else clean(order.get("status"), most=200).upper()
    word = word.removeprefix("ORDER_STATUS_")
    if word.startswith("DELAYED"):
        return OrderStatus.DELAYED
    if filled and filled >= money.floor_shares(request.shares):
        return OrderStatus.FILLED
    if word.startswith("LIVE"):
        return OrderStatus.PARTIAL if told else OrderStatus.LIVE
    if word.startswith("CANCELED_EXPIRED"):
        return OrderStatus.EXPIRED
    if word.startswith(OVER):
        return OrderStatus.CANCELED
    if order is not None and word != "MATCHED":
        raise BadMessage(f"an order's status is {word!r}, which is unknown")
    if word == "MATCHED":
        if told >= _claimed(order) > 0:
            return OrderStatus.CANCELED  # all of it was told, and some of it the chain refused
        # Its trades may not be listed yet: what is missing comes with the next look.
        return OrderStatus.PARTIAL if told else OrderStatus.LIVE
    return OrderStatus.GONE
