"""The life of a market: it runs, is paused, closes, and pays."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from sandbox.kalshi.accounts import Member
from sandbox.kalshi.exchange import Exchange
from sandbox.kalshi.listing import Event, FeeChange, Market, Series, Status
from venues.kalshi.fees import FeeType

ZERO, ONE = Decimal(0), Decimal(1)
NEW_YORK = ZoneInfo("America/New_York")
THURSDAY, SHARDS = 3, range(4)


def expire(exchange: Exchange, *, now: datetime) -> None:
    """Cancel what ran out, close what is over, and keep the weekly pause."""
    _keep_maintenance(exchange, now=now)
    _change_fees(exchange, now=now)
    exchange.finish_moves(now=now)
    for member in exchange.members.values():
        for order in member.resting():
            if order.expires_at is not None and order.expires_at <= now:
                exchange.end(order, now=now, why="ExpiryCancel")
    for market in exchange.markets.values():
        if market.status is Status.ACTIVE and market.closes_at <= now:
            close(exchange, market.ticker, now=now)


def announce_fees(
    exchange: Exchange,
    series: Series,
    *,
    at: datetime,
    event: Event | None = None,
    fee_type: FeeType | None = None,
    multiplier: Decimal | None = None,
) -> FeeChange:
    """Announce other fees of a series, or of one event of it, from a time on."""
    change = FeeChange(
        change_id=exchange.new_id("fees"),
        series=series,
        event=event,
        fee_type=fee_type,
        multiplier=multiplier,
        at=at,
    )
    exchange.fee_changes.append(change)
    return change


def _change_fees(exchange: Exchange, *, now: datetime) -> None:
    """Let announced fees come into force, each once."""
    for change in exchange.fee_changes:
        if change.at > now or change.change_id in exchange.in_force:
            continue
        exchange.in_force.add(change.change_id)
        told = {"fee_type": change.fee_type or "", "multiplier": change.multiplier}
        if change.event is not None:
            change.event.fee_type_override = change.fee_type
            change.event.fee_multiplier_override = change.multiplier
            exchange.log.write("kalshi.event_fees", now, event=change.event.ticker, **told)
        else:
            change.series.fee_type = change.fee_type or change.series.fee_type
            if change.multiplier is not None:
                change.series.fee_multiplier = change.multiplier
            exchange.log.write("kalshi.series_fees", now, series=change.series.ticker, **told)


def _keep_maintenance(exchange: Exchange, *, now: datetime) -> None:
    there = now.astimezone(NEW_YORK)
    due = exchange.rules.maintenance and there.weekday() == THURSDAY and 3 <= there.hour < 5
    if due and not exchange.in_maintenance:
        pause(exchange, SHARDS, now=now)
    elif exchange.in_maintenance and not due:
        resume(exchange, SHARDS)
    exchange.in_maintenance = due


def close(exchange: Exchange, ticker: str, *, now: datetime) -> None:
    """End trading; what rests is canceled."""
    market = exchange.markets[ticker]
    market.status, market.updated_at = Status.CLOSED, now
    exchange.end_all(market, now=now, why="CloseCancel")
    exchange.log.write("kalshi.closed", now, ticker=ticker)


def settle(exchange: Exchange, ticker: str, *, value: Decimal, now: datetime) -> None:
    """Pay every YES contract `value` and every NO one the rest of a dollar, once."""
    market = exchange.markets[ticker]
    if market.settlement is not None:
        return
    if market.status is Status.ACTIVE:
        close(exchange, ticker, now=now)
    market.status, market.settlement, market.settled_at = Status.FINALIZED, value, now
    market.updated_at = now
    for member in exchange.members.values():
        if ticker in member.positions:
            _pay(exchange, member, market, value, now=now)
    exchange.log.write("kalshi.settled", now, ticker=ticker, value=value)


def pause(exchange: Exchange, shards: Iterable[int], *, now: datetime) -> None:
    """Stop trading on shards; cancels stay possible."""
    exchange.paused |= set(shards)
    for member in exchange.members.values():
        for order in member.resting():
            if order.shard in exchange.paused and order.cancel_on_pause:
                exchange.end(order, now=now, why="HaltCancel")


def resume(exchange: Exchange, shards: Iterable[int]) -> None:
    exchange.paused -= set(shards)


def _pay(
    exchange: Exchange, member: Member, market: Market, value: Decimal, *, now: datetime
) -> None:
    position = member.positions.pop(market.ticker)
    unit = value if position.count > 0 else ONE - value
    revenue = abs(position.count) * unit
    member.cash[market.shard] = member.cash.get(market.shard, ZERO) + revenue
    member.settlements.append(
        {"market": market, "position": position, "revenue": revenue, "value": value, "at": now}
    )
