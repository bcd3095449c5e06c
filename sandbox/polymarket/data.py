"""The Data API: trades, activity, positions, value and resolutions, v2 (snake_case pages) and the
retired v1 (camelCase lists).
"""

import base64
import binascii
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.polymarket import wire
from sandbox.polymarket.exchange import Exchange
from sandbox.polymarket.markets import Market
from sandbox.polymarket.rows import Leg, Redemption, Settlement, Trade
from sandbox.polymarket.server import Clob
from sandbox.polymarket.wallets import Wallet

MOST = 1000
DEFAULT = 100
DUST = Decimal("0.1")  # positions under this many shares are not shown
MILLION = 1_000_000
HALF = Decimal("0.5")

Row = dict[str, Any]
OLD_NAMES = {  # of v1, where camelCase of the new name is not it
    "token_id": "asset",
    "condition_id": "conditionId",
    "usdc_size": "usdcSize",
}


class BadQuestion(Exception):
    """A parameter that is none; the name of it and the words."""

    def __init__(self, parameter: str, words: str) -> None:
        super().__init__(words)
        self.parameter = parameter


def app(clob: Clob) -> Starlette:
    def endpoint(path: str, rows: Callable[[Exchange, Request], list[Row]], *, old: bool) -> Route:
        async def answer(request: Request) -> Response:
            clob.exchange.tick(now=clob.clock.now())
            try:
                found = rows(clob.exchange, request)
                return JSONResponse(_list(found, request) if old else _page(found, request))
            except BadQuestion as problem:
                return JSONResponse(
                    {
                        "error": str(problem),
                        "code": "INVALID_PARAMETER",
                        "retryable": False,
                        "trace_id": "sandbox",
                        "parameter": problem.parameter,
                    },
                    400,
                )

        return Route(path, answer, methods=["GET"])

    reads = {"trades": trades, "activity": activity, "positions": positions}
    return Starlette(
        routes=[
            *(endpoint(f"/v2/{name}", rows, old=False) for name, rows in reads.items()),
            *(endpoint(f"/{name}", rows, old=True) for name, rows in reads.items()),
            endpoint("/v2/resolutions", resolutions, old=False),
            endpoint("/v2/value", value, old=False),
        ]
    )


def trades(exchange: Exchange, request: Request) -> list[Row]:
    """Return fills, newest first; one row for each side that the filters want."""
    query = request.query_params
    taker_only = query.get("taker_only", query.get("takerOnly", "true")).lower() != "false"
    wanted, side = query.get("user", "").lower(), query.get("side", "").upper()
    conditions = set(filter(None, query.get("condition", query.get("market", "")).split(",")))
    start, end = _seconds(query.get("start"), "start"), _seconds(query.get("end"), "end")
    found = []
    for trade in reversed(exchange.trades):
        if trade.status is Settlement.FAILED or (
            conditions and trade.market.condition not in conditions
        ):
            continue
        at = int(trade.at.timestamp())
        if (start is not None and at < start) or (end is not None and at > end):
            continue
        legs = [trade.taker] if taker_only else [trade.taker, *trade.makers]
        for leg in legs:
            mine = wanted in ("", leg.order.wallet.address)
            if mine and side in ("", "BUY" if leg.order.buy else "SELL"):
                found.append(_fill(trade, leg))
    return found


def activity(exchange: Exchange, request: Request) -> list[Row]:
    """Return what one wallet did: its fills, and what it redeemed."""
    _wallet(exchange, request)
    kinds = set(filter(None, request.query_params.get("type", "").upper().split(",")))
    rows = [
        {**row, "type": "TRADE", "usdc_size": float(Decimal(str(row["size"] * row["price"])))}
        for row in trades(exchange, _both_sides(request))
    ]
    rows += [_redeemed(each) for each in exchange.redemptions if _is_of(request, each.wallet)]
    rows.sort(key=lambda row: -int(row["timestamp"]))
    return [row for row in rows if not kinds or row["type"] in kinds]


def positions(exchange: Exchange, request: Request) -> list[Row]:
    wallet = _wallet(exchange, request)
    return [
        _position(exchange.by_token[token], token, shares)
        for token, shares in wallet.shares.items()
        if shares >= DUST
    ]


def value(exchange: Exchange, request: Request) -> list[Row]:
    wallet = _wallet(exchange, request)
    worth = sum(
        (
            shares * _price(exchange.by_token[token], token)
            for token, shares in wallet.shares.items()
        ),
        Decimal(0),
    )
    return [{"user": wallet.address, "value": float(worth)}]


def resolutions(exchange: Exchange, request: Request) -> list[Row]:
    wanted = request.query_params.get("condition", "")
    return [
        {
            "question_id": market.condition,
            "condition_id": market.condition,
            "status": "resolved" if market.payout else "initialized",
            "was_disputed": False,
            "proposed_price": "69",  # not set
            "reproposed_price": "69",
            "price": wire.plain(market.payout[0]) if market.payout else "69",
            "payouts": [int(part * MILLION) for part in market.payout or ()],
            "transaction_hash": "",
            "log_index": 0,
            "last_update_timestamp": (
                int(market.resolved_at.timestamp()) if market.resolved_at else 0
            ),
            "expected_settlement_time": None,
        }
        for market in exchange.markets.values()
        if wanted in ("", market.condition)
    ]


def _fill(trade: Trade, leg: Leg) -> Row:
    order, market = leg.order, trade.market
    index = market.index(order.token)
    return {
        "proxy_wallet": order.wallet.address,
        "side": "BUY" if order.buy else "SELL",
        "token_id": order.token,
        "condition_id": market.condition,
        "size": float(leg.shares),
        "price": float(leg.price),
        "timestamp": int(trade.at.timestamp()),
        "title": market.question,
        "slug": market.slug,
        "icon": "",
        "event_slug": market.slug,
        "outcome": market.outcomes[index],
        "outcome_index": index,
        "name": order.wallet.name,
        "pseudonym": "",
        "bio": "",
        "profile_image": "",
        "profile_image_optimized": "",
        "transaction_hash": trade.transaction or _pending_hash(trade),
    }


def _pending_hash(trade: Trade) -> str:
    return "0x" + trade.trade_id.replace("-", "").rjust(64, "0")


def _redeemed(each: Redemption) -> Row:
    """Return a redemption: no token, no side, and an outcome that is none."""
    market = each.market
    return {
        "proxy_wallet": each.wallet,
        "side": "",
        "token_id": "",
        "condition_id": market.condition,
        "size": float(each.paid),
        "price": 0,
        "timestamp": int(each.at.timestamp()),
        "title": market.question,
        "slug": market.slug,
        "icon": "",
        "event_slug": market.slug,
        "outcome": "",
        "outcome_index": 999,
        "name": "",
        "pseudonym": "",
        "bio": "",
        "profile_image": "",
        "profile_image_optimized": "",
        "transaction_hash": "0x" + f"{int(each.at.timestamp()):064x}",
        "type": "REDEEM",
        "usdc_size": float(each.paid),
    }


def _position(market: Market, token: str, shares: Decimal) -> Row:
    index, price = market.index(token), _price(market, token)
    return {
        "proxy_wallet": "",
        "token_id": token,
        "condition_id": market.condition,
        "current_size": float(shares),
        "current_price": float(price),
        "current_value": float(shares * price),
        "status": "REDEEMABLE" if market.payout else "OPEN",
        "redeemable": market.payout is not None,
        "negative_risk": market.neg_risk,
        "title": market.question,
        "slug": market.slug,
        "event_slug": market.slug,
        "outcome": market.outcomes[index],
        "outcome_index": index,
        "opposite_outcome": market.outcomes[1 - index],
        "opposite_token_id": market.tokens[1 - index],
    }


def _price(market: Market, token: str) -> Decimal:
    if market.payout is not None:
        return market.payout[market.index(token)]
    last = market.last_price
    return HALF if last is None else market.own_price(token, last)


def _wallet(exchange: Exchange, request: Request) -> Wallet:
    address = request.query_params.get("user", "").lower()
    if not address:
        raise BadQuestion("user", "user is required")
    return exchange.wallets.get(address) or Wallet(address=address, owner=address, signature_type=0)


def _is_of(request: Request, address: str) -> bool:
    return request.query_params.get("user", "").lower() == address


def _both_sides(request: Request) -> Request:
    """Return the same question about makers' fills too."""
    scope = dict(request.scope)
    scope["query_string"] = scope["query_string"] + b"&taker_only=false"
    return Request(scope)


def _seconds(text: str | None, name: str) -> int | None:
    if not text:
        return None
    if not text.isdecimal() or len(text) > 12:
        raise BadQuestion(name, f"{name} is a time in seconds")
    return int(text)


def _bounds(request: Request) -> tuple[int, int]:
    query = request.query_params
    limit, offset = query.get("limit", str(DEFAULT)), query.get("offset", "0")
    if not limit.isdecimal() or not 1 <= int(limit) <= MOST:
        raise BadQuestion("limit", f"limit lies between 1 and {MOST}")
    cursor = query.get("cursor", "")
    if cursor:
        try:
            offset = base64.b64decode(cursor.encode(), altchars=b"-_", validate=True).decode()
            int(offset)
        except (binascii.Error, ValueError):
            raise BadQuestion("cursor", "that is no cursor of ours") from None
    if not offset.isdecimal() or len(offset) > 9:
        raise BadQuestion("offset", "offset is a whole number")
    return int(limit), int(offset)


def _page(rows: list[Row], request: Request) -> Row:
    limit, offset = _bounds(request)
    more = offset + limit < len(rows)
    pages: Row = {"limit": limit, "offset": offset, "has_more": more}
    if more:
        pages["next_cursor"] = base64.urlsafe_b64encode(str(offset + limit).encode()).decode()
    return {"data": rows[offset : offset + limit], "pagination": pages}


def _list(rows: list[Row], request: Request) -> list[Row]:
    limit, offset = _bounds(request)
    return [
        {_old_name(name): cell for name, cell in row.items()}
        for row in rows[offset : offset + limit]
    ]


def _old_name(name: str) -> str:
    if name in OLD_NAMES:
        return OLD_NAMES[name]
    first, *rest = name.split("_")
    return first + "".join(part.title() for part in rest)
