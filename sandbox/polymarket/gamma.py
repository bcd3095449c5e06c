"""Gamma: the catalogue of events and markets, with lists as text where the real one has them so."""

import base64
import binascii
from collections.abc import Callable
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.polymarket import entries
from sandbox.polymarket.exchange import Exchange
from sandbox.polymarket.markets import Market
from sandbox.polymarket.server import Clob
from sandbox.tolerance import tolerant

PAGE = 100  # a longer page is cut to this
ORDERS = ("id", "volume", "volume24hr", "liquidity", "startDate", "endDate", "startTime")
DEEPEST = 2100  # offset lists go no further
Row = dict[str, Any]
Rows = Callable[[Exchange, Request], list[Row]]


def app(clob: Clob) -> Starlette:
    exchange = clob.exchange

    def listed(path: str, rows: Rows, *, keyset: str = "") -> Route:
        @tolerant(_unreadable)
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


def _unreadable() -> Response:
    return JSONResponse({"type": "validation error", "error": "invalid request"}, 422)


def all_events(exchange: Exchange, request: Request) -> list[Row]:
    return [entries.event(market, number) for number, market in _numbered(exchange)]


def all_markets(exchange: Exchange, request: Request) -> list[Row]:
    return [entries.market(market, number) for number, market in _numbered(exchange)]


def events(exchange: Exchange, request: Request) -> list[Row]:
    """Return events; without `closed` only those that are not."""
    query = request.query_params
    closed = query.get("closed", "false") == "true"
    return [
        row
        for row in (
            entries.event(market, number)
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
    ids = set(query.getlist("id"))
    tokens, kinds = set(query.getlist("clob_token_ids")), query.getlist("sports_market_types")
    return [
        entries.market(market, number)
        for number, market in _numbered(exchange)
        if (market.payout is not None) == closed
        and (not ids or str(number) in ids)
        and (not conditions or market.condition in conditions)
        and (not slugs or market.slug in slugs)
        and (not tokens or not tokens.isdisjoint(market.tokens))
        and (not kinds or entries.KIND in kinds)
    ]


def sports(exchange: Exchange, request: Request) -> list[Row]:
    return [entries.sport(name, number) for number, name in enumerate(entries.TAGS, start=1)]


def teams(exchange: Exchange, request: Request) -> list[Row]:
    wanted = request.query_params.get("league", "")
    found = {
        team["name"]: team
        for number, market in _numbered(exchange)
        for team in entries.event(market, number)["teams"]
        if wanted in ("", team["league"])
    }
    return list(found.values())


def tags(exchange: Exchange, request: Request) -> list[Row]:
    named = {"1": "sports", str(entries.GAMES): "games"}
    named |= {str(tag): name for name, tag in entries.TAGS.items()}
    return [entries.tag(number, name) for number, name in named.items()]


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


def _limit(request: Request) -> int:
    text = request.query_params.get("limit", "20")
    return min(int(text), PAGE) if text.isdecimal() and len(text) < 9 else 20


def _offset(rows: list[Row], request: Request) -> Response:
    """Return a bare list, as the old routes do, with the word that they will end."""
    order = request.query_params.get("order", ORDERS[0])
    if order not in ORDERS:
        return JSONResponse(
            {"type": "validation error", "error": "order fields are not valid"}, 422
        )
    text = request.query_params.get("offset", "0")
    start = int(text[:12]) if text.isdecimal() else 0
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
