"""Gamma: the catalogue of events and markets, with lists as text where the real one has them so."""

import base64
import binascii
import json
import zlib
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.book import Side
from sandbox.clock import iso
from sandbox.polymarket.exchange import Exchange
from sandbox.polymarket.markets import Market
from sandbox.polymarket.server import Clob

PAGE = 100  # a longer page is cut to this
DEEPEST = 2100  # offset lists go no further
TAGS = {"nba": 745, "nfl": 450, "mlb": 100381, "nhl": 899}
SERIES = {"nba": 10345, "nfl": 10187, "mlb": 3, "nhl": 10346}
GAMES = 100639
KIND = "moneyline"

Row = dict[str, Any]
Rows = Callable[[Exchange, Request], list[Row]]


def app(clob: Clob) -> Starlette:
    exchange = clob.exchange

    def listed(path: str, rows: Rows, *, keyset: str = "") -> Route:
        async def answer(request: Request) -> Response:
            exchange.tick(now=clob.clock.now())
            found = rows(exchange, request)
            return _keyset(found, request, keyset) if keyset else _offset(found, request)

        return Route(path, answer, methods=["GET"])

    def single(path: str, rows: Rows, name: str) -> Route:
        async def answer(request: Request) -> Response:
            wanted = request.path_params["wanted"]
            for row in rows(exchange, request):
                if row[name] == wanted:
                    return JSONResponse(row)
            return JSONResponse({"type": "not found error", "error": f"{name} not found"}, 404)

        return Route(path, answer, methods=["GET"])

    return Starlette(
        routes=[
            listed("/events/keyset", events, keyset="events"),
            listed("/events", events),
            single("/events/slug/{wanted}", all_events, "slug"),
            single("/events/{wanted}", all_events, "id"),
            listed("/markets/keyset", markets, keyset="markets"),
            listed("/markets", markets),
            single("/markets/slug/{wanted}", all_markets, "slug"),
            single("/markets/{wanted}", all_markets, "id"),
            listed("/sports", sports),
            listed("/teams", teams),
            listed("/tags", tags),
            Route("/public-search", _search(exchange), methods=["GET"]),
        ]
    )


def all_events(exchange: Exchange, request: Request) -> list[Row]:
    return [_event(market, number) for number, market in _numbered(exchange)]


def all_markets(exchange: Exchange, request: Request) -> list[Row]:
    return [_market(market, number) for number, market in _numbered(exchange)]


def events(exchange: Exchange, request: Request) -> list[Row]:
    """Return events; without `closed` only those that are not."""
    query = request.query_params
    closed = query.get("closed", "false") == "true"
    return [
        row
        for row in (
            _event(market, number)
            for number, market in _numbered(exchange)
            if (market.payout is not None) == closed
        )
        if query.get("slug", row["slug"]) == row["slug"]
        and query.get("tag_id") in (None, *(tag["id"] for tag in row["tags"]))
        and query.get("series_id") in (None, *(each["id"] for each in row["series"]))
        and (query.get("live") is None or row["live"] == (query["live"] == "true"))
    ]


def markets(exchange: Exchange, request: Request) -> list[Row]:
    query = request.query_params
    closed = query.get("closed", "false") == "true"
    conditions, slugs = set(query.getlist("condition_ids")), set(query.getlist("slug"))
    tokens, kinds = set(query.getlist("clob_token_ids")), query.getlist("sports_market_types")
    return [
        _market(market, number)
        for number, market in _numbered(exchange)
        if (market.payout is not None) == closed
        and (not conditions or market.condition in conditions)
        and (not slugs or market.slug in slugs)
        and (not tokens or not tokens.isdisjoint(market.tokens))
        and (not kinds or KIND in kinds)
    ]


def sports(exchange: Exchange, request: Request) -> list[Row]:
    return [
        {
            "id": number,
            "sport": name,
            "name": name.upper(),
            "image": "",
            "resolution": "",
            "ordering": "away",
            "tags": f"1,{tag},{GAMES}",
            "primaryTagId": tag,
            "series": str(SERIES[name]),
            "createdAt": "2025-11-05T19:27:45.399303Z",
        }
        for number, (name, tag) in enumerate(TAGS.items(), start=1)
    ]


def teams(exchange: Exchange, request: Request) -> list[Row]:
    wanted = request.query_params.get("league", "")
    found = {
        team["name"]: team
        for number, market in _numbered(exchange)
        for team in _event(market, number)["teams"]
        if wanted in ("", team["league"])
    }
    return list(found.values())


def tags(exchange: Exchange, request: Request) -> list[Row]:
    named = {"1": "sports", str(GAMES): "games"}
    named |= {str(tag): name for name, tag in TAGS.items()}
    return [{"id": tag, "label": name.title(), "slug": name} for tag, name in named.items()]


def _search(exchange: Exchange) -> Callable[[Request], Any]:
    async def search(request: Request) -> Response:
        words = request.query_params.get("q", "").lower().split()
        found = [
            row
            for row in all_events(exchange, request)
            if words and all(word in row["title"].lower() for word in words)
        ]
        pages = {"hasMore": False, "totalResults": len(found)}
        return JSONResponse({"events": found, "tags": [], "profiles": [], "pagination": pages})

    return search


def _numbered(exchange: Exchange) -> list[tuple[int, Market]]:
    return list(enumerate(exchange.markets.values(), start=1))


def _event(market: Market, number: int) -> Row:
    league = market.slug.partition("-")[0]
    starts = iso(market.starts_at) if market.starts_at else None
    return {
        "id": str(number),
        "ticker": market.slug,
        "slug": market.slug,
        "title": market.question,
        "description": market.description,
        "startTime": starts,
        "eventDate": starts[:10] if starts else None,
        "endDate": iso(market.ends_at) if market.ends_at else starts,
        "active": True,
        "closed": market.payout is not None,
        "archived": False,
        "live": market.cleared and market.payout is None,
        "ended": market.payout is not None,
        "negRisk": market.neg_risk,
        "enableOrderBook": True,
        "seriesSlug": league,
        "gameId": number,
        "score": "",
        "period": "",
        "tags": [
            {"id": "1", "label": "Sports", "slug": "sports"},
            {"id": str(GAMES), "label": "Games", "slug": "games"},
            {"id": str(TAGS.get(league, 0)), "label": league.upper(), "slug": league},
        ],
        "series": [{"id": str(SERIES.get(league, 0)), "slug": league, "title": league.upper()}],
        "teams": [
            {
                "id": zlib.crc32(name.encode()) % 1_000_000,
                "name": name,
                "league": league,
                "abbreviation": code.lower(),
                "alias": alias,
                "ordering": "home" if place else "away",
            }
            for place, (name, alias, code) in enumerate(market.teams)
        ],
        "markets": [_market(market, number, nested=True)],
    }


def _market(market: Market, number: int, *, nested: bool = False) -> Row:
    """Return a market; its outcomes, prices and tokens are JSON inside of text."""
    bid, ask = market.book.best(Side.BID), market.book.best(Side.ASK)
    prices = market.payout or (
        (market.last_price, 1 - market.last_price) if market.last_price else ("0.5", "0.5")
    )
    row: Row = {
        "id": str(number),
        "question": market.question,
        "conditionId": market.condition,
        "questionID": market.condition,
        "slug": market.slug,
        "description": market.description,
        "outcomes": json.dumps(market.outcomes),
        "outcomePrices": json.dumps([f"{price}" for price in prices]),
        "clobTokenIds": json.dumps(market.tokens),
        "endDate": iso(market.ends_at) if market.ends_at else None,
        "closedTime": _with_space(market.resolved_at),
        "active": True,
        "closed": market.payout is not None,
        "archived": False,
        "acceptingOrders": market.accepting,
        "enableOrderBook": True,
        "orderPriceMinTickSize": float(market.tick),
        "orderMinSize": float(market.min_size),
        "negRisk": market.neg_risk,
        "feesEnabled": market.fee_rate > 0,
        "feeType": "sports_fees_v3",
        "feeSchedule": {
            "exponent": 1,
            "rate": float(market.fee_rate),
            "takerOnly": True,
            "rebateRate": 0.15,
        },
        "bestBid": float(bid) if bid is not None else None,
        "bestAsk": float(ask) if ask is not None else None,
        "liquidityNum": float(_liquidity(market)),
        "lastTradePrice": float(market.last_price) if market.last_price is not None else None,
        "spread": float(ask - bid) if bid is not None and ask is not None else None,
        "secondsDelay": market.delay,
        "clearBookOnStart": market.clears_book,
        "gameStartTime": _with_space(market.starts_at),
        "sportsMarketType": KIND,
        "groupItemTitle": None,
        "line": None,
        "umaResolutionStatus": "resolved" if market.payout is not None else None,
        "umaResolutionStatuses": json.dumps(["proposed", "resolved"] if market.payout else []),
        "version": market.version,
    }
    if market.version == "v2":
        row["positionIds"] = row["clobTokenIds"]
    return row if nested else {**row, "events": [{"id": str(number), "slug": market.slug}]}


def _with_space(at: datetime | None) -> str | None:
    """Return `2026-09-27 20:25:00+00`, as markets have it and events do not."""
    return f"{at:%Y-%m-%d %H:%M:%S}+00" if at else None


def _liquidity(market: Market) -> Decimal:
    """Return what the book offers on both sides, USD."""
    bids, asks = market.book.levels(Side.BID), market.book.levels(Side.ASK)
    offered = [price * size for price, size in bids] + [(1 - price) * size for price, size in asks]
    return sum(offered, Decimal(0))


def _limit(request: Request) -> int:
    text = request.query_params.get("limit", "20")
    return min(int(text), PAGE) if text.isdecimal() and len(text) < 9 else 20


def _offset(rows: list[Row], request: Request) -> Response:
    """Return a bare list, as the old routes do, with the word that they will end."""
    text = request.query_params.get("offset", "0")
    start = int(text) if text.isdecimal() and len(text) < 9 else 0
    if start > DEEPEST:
        return JSONResponse({"type": "validation error", "error": "offset is too deep"}, 422)
    return JSONResponse(rows[start : start + _limit(request)], headers={"deprecation": "true"})


def _keyset(rows: list[Row], request: Request, name: str) -> Response:
    """Return a page; the last one has no cursor."""
    cursor, start = request.query_params.get("after_cursor", ""), 0
    if cursor:
        try:
            start = int(base64.b64decode(cursor.encode(), altchars=b"-_", validate=True))
        except (binascii.Error, ValueError):
            return JSONResponse({"type": "validation error", "error": "invalid cursor"}, 422)
    end = start + _limit(request)
    answer: Row = {name: rows[start:end]}
    if end < len(rows):
        answer["next_cursor"] = base64.urlsafe_b64encode(str(end).encode()).decode()
    return JSONResponse(answer)
