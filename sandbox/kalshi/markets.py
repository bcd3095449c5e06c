"""Market data and the state of the exchange: nobody has to sign in for it."""

from typing import Any

from starlette.routing import Route

from sandbox.clock import iso
from sandbox.kalshi import refusals, requests, wire
from sandbox.kalshi.listing import FILTERS, Event, Market
from sandbox.kalshi.server import Call, Kalshi, page, route

SHARDS = {0: "Default", 1: "Combos", 2: "Crypto & Commodities", 3: "Tennis, Baseball, Basketball"}
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def routes(kalshi: Kalshi) -> list[Route]:
    public = {
        "/exchange/status": status,
        "/exchange/schedule": schedule,
        "/exchange/user_data_timestamp": data_time,
        "/series": series_list,
        "/series/{ticker}": series,
        "/events": events,
        "/events/{ticker}": event,
        "/markets": markets,
        "/markets/trades": trades,
        "/markets/orderbooks": orderbooks,
        "/markets/{ticker}": market,
        "/markets/{ticker}/orderbook": orderbook,
    }
    return [route(kalshi, "GET", path, handler, signed=False) for path, handler in public.items()]


def status(call: Call) -> dict[str, Any]:
    """Tell which shards trade; the top level speaks of shard 0."""
    paused = call.exchange.paused
    rows = [
        {
            "exchange_index": shard,
            "description": name,
            "exchange_active": shard not in call.exchange.down,
            "trading_active": shard not in paused | call.exchange.down,
            "intra_exchange_transfers_active": True,
        }
        for shard, name in SHARDS.items()
    ]
    return {
        "exchange_active": True,
        "trading_active": 0 not in paused,
        "intra_exchange_transfers_active": True,
        "exchange_index_statuses": rows,
    }


def schedule(call: Call) -> dict[str, Any]:
    """Return the week: open all day, but Thursday from 3 to 5 in New York."""
    whole = [{"open_time": "00:00", "close_time": "00:00"}]
    week = dict.fromkeys(DAYS, whole) | {
        "thursday": [
            {"open_time": "00:00", "close_time": "03:00"},
            {"open_time": "05:00", "close_time": "00:00"},
        ]
    }
    year = call.now.replace(month=1, day=1, hour=0, minute=0, second=0, microsecond=0)
    hours = {"start_time": iso(year), "end_time": iso(year.replace(year=year.year + 1)), **week}
    return {"schedule": {"standard_hours": [hours], "maintenance_windows": []}}


def data_time(call: Call) -> dict[str, Any]:
    return {"as_of_time": iso(call.now - call.exchange.rules.read_lag)}


def series_list(call: Call) -> dict[str, Any]:
    category, tags = call.query.get("category", ""), call.query.get("tags", "")
    wanted = set(tags.split(",")) if tags else set()
    return {
        "series": [
            wire.series(each)
            for each in call.exchange.series.values()
            if category in ("", each.category) and (not wanted or wanted & set(each.tags))
        ]
    }


def series(call: Call) -> dict[str, Any]:
    found = call.exchange.series.get(call.path["ticker"])
    if found is None:
        raise refusals.nested(400, "not_found", service="")  # the file knows no 404 here
    return {"series": wire.series(found)}


def events(call: Call) -> dict[str, Any]:
    limit = requests.limit_of(call.query, default=200, most=200, operation="GetEvents")
    wanted, asked = call.query.get("series_ticker", ""), call.query.get("status", "")
    nested = call.query.get("with_nested_markets") == "true"
    allowed = _statuses(asked)
    found = []
    for each in call.exchange.events.values():
        listed = _markets_of(call, each)
        if wanted not in ("", each.series.ticker):
            continue
        if allowed is None or any(market.status in allowed for market in listed):
            found.append(wire.event(each, listed if nested else None))
    return page(found, call, name="events", limit=limit)


def event(call: Call) -> dict[str, Any]:
    found = call.exchange.events.get(call.path["ticker"])
    if found is None:
        raise refusals.nested(404, "not_found", service="")
    listed = _markets_of(call, found)
    nested = call.query.get("with_nested_markets") == "true"
    if nested:
        return {"event": wire.event(found, listed), "markets": []}
    return {"event": wire.event(found), "markets": [wire.market(each) for each in listed]}


def markets(call: Call) -> dict[str, Any]:
    limit = requests.limit_of(call.query, default=100, most=1000, operation="GetMarkets")
    allowed = _statuses(call.query.get("status", ""))
    tickers = set(filter(None, call.query.get("tickers", "").split(",")))
    by_series, by_event = call.query.get("series_ticker", ""), call.query.get("event_ticker", "")
    found = [
        wire.market(each)
        for each in call.exchange.markets.values()
        if (allowed is None or each.status in allowed)
        and (not tickers or each.ticker in tickers)
        and by_series in ("", each.event.series.ticker)
        and by_event in ("", each.event.ticker)
    ]
    return page(found, call, name="markets", limit=limit)


def market(call: Call) -> dict[str, Any]:
    return {"market": wire.market(_market(call))}


def orderbook(call: Call) -> dict[str, Any]:
    text = call.query.get("depth", "0")
    if not text.isdecimal() or int(text) > 100:
        raise refusals.flat(400, "invalid_parameters", "invalid depth")
    return {"orderbook_fp": wire.orderbook(_market(call).book, depth=int(text))}


def orderbooks(call: Call) -> dict[str, Any]:
    tickers = call.many.get("tickers", [])
    if not 1 <= len(tickers) <= 100:
        raise refusals.flat(400, "invalid_parameters", "name 1 to 100 tickers")
    found = (call.exchange.markets.get(ticker) for ticker in tickers)
    return {
        "orderbooks": [
            {"ticker": each.ticker, "orderbook_fp": wire.orderbook(each.book)}
            for each in found
            if each is not None
        ]
    }


def trades(call: Call) -> dict[str, Any]:
    limit = requests.limit_of(call.query, default=100, most=1000, operation="GetTrades")
    ticker = call.query.get("ticker", "")
    start, end = (
        requests.seconds_of(call.query, "min_ts"),
        requests.seconds_of(call.query, "max_ts"),
    )
    found = [
        wire.trade(each)
        for each in reversed(call.exchange.trades)
        if ticker in ("", each.ticker)
        and (start is None or each.at >= start)
        and (end is None or each.at <= end)
    ]
    return page(found, call, name="trades", limit=limit)


def _market(call: Call) -> Market:
    found = call.exchange.markets.get(call.path["ticker"])
    if found is None:
        raise refusals.nested(404, "not_found", service="")
    return found


def _markets_of(call: Call, event: Event) -> list[Market]:
    return [each for each in call.exchange.markets.values() if each.event is event]


def _statuses(asked: str) -> set[Any] | None:
    if not asked:
        return None
    if asked not in FILTERS:
        raise refusals.flat(400, "invalid_parameters", "invalid status")
    return set(FILTERS[asked])
