"""The exchange's objects as its JSON, by the schemas of its OpenAPI file: numbers are strings."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sandbox.book import Book, Side
from sandbox.clock import iso, milliseconds
from sandbox.kalshi.accounts import Fill, Member, Move, Order, Position, Trade
from sandbox.kalshi.listing import Event, Market, Series

ZERO, ONE = Decimal(0), Decimal(1)
CENT = Decimal("0.01")


def dollars(amount: Decimal) -> str:
    return f"{amount:.4f}"


def micro(amount: Decimal) -> str:
    return f"{amount:.6f}"


def count(contracts: Decimal) -> str:
    return f"{contracts:.2f}"


def cents(amount: Decimal) -> int:
    """Return whole cents, cut off."""
    return int(amount / CENT)


def series(found: Series) -> dict[str, Any]:
    return {
        "ticker": found.ticker,
        "frequency": "custom",
        "title": found.title,
        "category": found.category,
        "categories": [found.category],
        "tags": list(found.tags),
        "settlement_sources": [{"name": name, "url": url} for name, url in found.sources],
        "contract_url": "",
        "contract_terms_url": f"/contract_terms/{found.ticker}.pdf" if found.rulebook else "",
        "fee_type": found.fee_type.value,
        "fee_multiplier": float(found.fee_multiplier),
        "additional_prohibitions": [],
        "exchange_index": found.shard,
    }


def event(found: Event, markets: Sequence[Market] | None = None) -> dict[str, Any]:
    answer = {
        "event_ticker": found.ticker,
        "series_ticker": found.series.ticker,
        "title": found.title,
        "sub_title": found.sub_title,
        "collateral_return_type": "MECNET",
        "mutually_exclusive": found.mutually_exclusive,
        "product_metadata": {"competition": found.competition, "competition_scope": "Game"},
        "category": found.series.category,
        "settlement_sources": [{"name": name, "url": url} for name, url in found.series.sources],
        "exchange_index": found.series.shard,
    }
    if found.fee_type_override is not None:
        answer["fee_type_override"] = found.fee_type_override.value
    if found.fee_multiplier_override is not None:
        answer["fee_multiplier_override"] = float(found.fee_multiplier_override)
    if markets is not None:
        answer["markets"] = [market(each) for each in markets]
    return answer


def market(found: Market) -> dict[str, Any]:
    answer = {
        "ticker": found.ticker,
        "event_ticker": found.event.ticker,
        "market_type": "binary",
        "title": f"{found.yes} wins",
        "yes_sub_title": found.yes,
        "no_sub_title": found.yes,  # the exchange repeats the YES team here
        "created_time": iso(found.opens_at),
        "updated_time": iso(found.updated_at or found.opens_at),
        "open_time": iso(found.opens_at),
        "close_time": iso(found.closes_at),
        "expected_expiration_time": iso(found.expected_at),
        "expiration_time": iso(found.closes_at),
        "latest_expiration_time": iso(found.event.starts_at + timedelta(hours=48)),
        "occurrence_datetime": iso(found.expected_at),
        "settlement_timer_seconds": 60,
        "status": found.status.value,
        **_quotes(found),
        "result": found.result,
        "can_close_early": True,
        "early_close_condition": "This market closes early once a winner is declared.",
        "expiration_value": "",
        "settlement_bounds_type": "default",
        "strike_type": "structured",
        "custom_strike": dict(found.strike),
        "rules_primary": found.rules_primary,
        "rules_secondary": found.rules_secondary,
        "price_level_structure": found.structure,
        "price_ranges": [
            {"start": dollars(each.start), "end": dollars(each.end), "step": dollars(each.step)}
            for each in found.ranges
        ],
        "exchange_index": found.shard,
    }
    if found.settlement is not None and found.settled_at is not None:
        answer["settlement_value_dollars"] = dollars(found.settlement)
        answer["settlement_ts"] = iso(found.settled_at)
    return answer


def _quotes(found: Market) -> dict[str, Any]:
    bid, ask = found.book.best(Side.BID) or ZERO, found.book.best(Side.ASK) or ONE
    return {
        "yes_bid_dollars": dollars(bid),
        "yes_bid_size_fp": count(_size(found.book, Side.BID)),
        "yes_ask_dollars": dollars(ask),
        "yes_ask_size_fp": count(_size(found.book, Side.ASK)),
        "no_bid_dollars": dollars(ONE - ask),
        "no_ask_dollars": dollars(ONE - bid),
        "last_price_dollars": dollars(found.last_price),
        "previous_yes_bid_dollars": dollars(ZERO),
        "previous_yes_ask_dollars": dollars(ZERO),
        "previous_price_dollars": dollars(ZERO),
        "volume_fp": count(found.volume),
        "volume_24h_fp": count(found.volume),
        "open_interest_fp": count(found.open_interest),
        "notional_value_dollars": dollars(ONE),
    }


def orderbook(book: Book, *, depth: int = 0) -> dict[str, Any]:
    """Return bids of both outcomes by rising price: the best bid comes last."""
    yes = book.levels(Side.BID)
    no = [(ONE - price, size) for price, size in reversed(book.levels(Side.ASK))]
    return {
        "yes_dollars": [[dollars(price), count(size)] for price, size in yes[-depth:]],
        "no_dollars": [[dollars(price), count(size)] for price, size in no[-depth:]],
    }


def trade(found: Trade) -> dict[str, Any]:
    return {
        "trade_id": found.trade_id,
        "ticker": found.ticker,
        "count_fp": count(found.count),
        "yes_price_dollars": dollars(found.price),
        "no_price_dollars": dollars(ONE - found.price),
        "taker_side": outcome(found.taker),
        "taker_outcome_side": outcome(found.taker),
        "taker_book_side": found.taker.value,
        "created_time": iso(found.at),
        "is_block_trade": False,
    }


def outcome(side: Side) -> str:
    return "yes" if side is Side.BID else "no"


def placed(found: Order, *, at: datetime) -> dict[str, Any]:
    """Return what a create, or an amend, answers; averages are per contract."""
    answer: dict[str, Any] = {
        "order_id": found.order_id,
        "client_order_id": found.client_order_id,
        "fill_count": count(found.filled),
        "remaining_count": count(found.remaining),
        "ts_ms": milliseconds(at),
    }
    if found.filled:
        cost = found.taker_cost + found.maker_cost
        unit = cost / found.filled
        yes = unit if found.side is Side.BID else ONE - unit
        answer["average_fill_price"] = dollars(yes)
        answer["average_fee_paid"] = dollars((found.taker_fees + found.maker_fees) / found.filled)
    return answer


def order(found: Order) -> dict[str, Any]:
    return {
        "order_id": found.order_id,
        "user_id": found.user_id,
        "client_order_id": found.client_order_id,
        "ticker": found.ticker,
        "side": outcome(found.side),
        "action": "buy",
        "outcome_side": outcome(found.side),
        "book_side": found.side.value,
        "type": "limit",
        "status": found.status.value,
        "yes_price_dollars": dollars(found.price),
        "no_price_dollars": dollars(ONE - found.price),
        "fill_count_fp": count(found.filled),
        "remaining_count_fp": count(found.remaining),
        "initial_count_fp": count(found.initial),
        "taker_fill_cost_dollars": micro(found.taker_cost),
        "maker_fill_cost_dollars": micro(found.maker_cost),
        "taker_fees_dollars": micro(found.taker_fees),
        "maker_fees_dollars": micro(found.maker_fees),
        "expiration_time": iso(found.expires_at) if found.expires_at else None,
        "created_time": iso(found.created_at),
        "last_update_time": iso(found.updated_at),
        "self_trade_prevention_type": found.stp,
        "order_group_id": None,
        "cancel_order_on_pause": found.cancel_on_pause,
        "subaccount_number": 0,
        "exchange_index": found.shard,
    }


def fill(found: Fill) -> dict[str, Any]:
    return {
        "fill_id": found.fill_id,
        "trade_id": found.fill_id,
        "order_id": found.order_id,
        "ticker": found.ticker,
        "market_ticker": found.ticker,
        "side": outcome(found.side),
        "action": "buy",
        "outcome_side": outcome(found.side),
        "book_side": found.side.value,
        "count_fp": count(found.count),
        "yes_price_dollars": dollars(found.price),
        "no_price_dollars": dollars(ONE - found.price),
        "is_taker": found.taker,
        "fee_cost": micro(found.fee),
        "created_time": iso(found.at),
        "ts": milliseconds(found.at) // 1000,
        "subaccount_number": 0,
        "exchange_index": found.shard,
    }


def position(ticker: str, found: Position, *, shard: int, at: datetime) -> dict[str, Any]:
    return {
        "ticker": ticker,
        "exchange_index": shard,
        "position_fp": count(found.count),
        "market_exposure_dollars": micro(found.cost),
        "total_traded_dollars": micro(found.traded),
        "realized_pnl_dollars": micro(found.realised),
        "fees_paid_dollars": micro(found.fees),
        "last_updated_ts": iso(found.updated_at or at),
    }


def event_position(ticker: str, held: Sequence[Position]) -> dict[str, Any]:
    def total(name: str) -> Decimal:
        return sum((getattr(each, name) for each in held), ZERO)

    return {
        "event_ticker": ticker,
        "total_cost_dollars": micro(total("traded")),
        "total_cost_shares_fp": count(total("yes_count") + total("no_count")),
        "event_exposure_dollars": micro(total("cost")),
        "realized_pnl_dollars": micro(total("realised")),
        "fees_paid_dollars": micro(total("fees")),
    }


def settlement(row: dict[str, Any]) -> dict[str, Any]:
    found: Market = row["market"]
    held: Position = row["position"]
    return {
        "ticker": found.ticker,
        "event_ticker": found.event.ticker,
        "exchange_index": found.shard,
        "market_result": found.result,
        "yes_count_fp": count(held.yes_count),
        "yes_total_cost_dollars": micro(held.yes_cost),
        "no_count_fp": count(held.no_count),
        "no_total_cost_dollars": micro(held.no_cost),
        "revenue": cents(row["revenue"]),
        "value": cents(row["value"]),
        "fee_cost": micro(held.fees),
        "settled_time": iso(row["at"]),
    }


def move(found: Move) -> dict[str, Any]:
    row = {
        "transfer_id": found.transfer_id,
        "source": "event_contract",
        "destination": "event_contract",
        "source_exchange_shard": found.source,
        "destination_exchange_shard": found.destination,
        "amount": dollars(found.amount),
        "status": "complete" if found.is_complete else "pending",
        "created_ts": milliseconds(found.at) // 1000,
    }
    return row | ({"client_transfer_id": found.client_id} if found.client_id else {})


def balance(member: Member, *, worth: Decimal, at: datetime) -> dict[str, Any]:
    total = sum(member.cash.values(), ZERO)
    return {
        "balance": cents(total),
        "balance_dollars": dollars(total),
        "portfolio_value": cents(worth),
        "updated_ts": milliseconds(at) // 1000,
        "balance_breakdown": [
            {"exchange_index": shard, "balance": dollars(cash)}
            for shard, cash in sorted(member.cash.items())
        ],
    }


def _size(book: Book, side: Side) -> Decimal:
    levels = book.levels(side)
    if not levels:
        return ZERO
    return levels[-1 if side is Side.BID else 0][1]
