"""The Data API: trades, activity, positions, value, leaderboard and resolutions."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.polymarket import holdings, ranking, wire
from sandbox.polymarket.exchange import Exchange
from sandbox.polymarket.paging import BadQuestion, old_list, page, seconds
from sandbox.polymarket.ranking import worth
from sandbox.polymarket.rows import Leg, Redemption, Trade
from sandbox.polymarket.server import Clob
from sandbox.polymarket.wallets import Wallet
from sandbox.tolerance import tolerant

MILLION = 1_000_000

Row = dict[str, Any]


def app(clob: Clob) -> Starlette:
    def endpoint(path: str, rows: Callable[[Exchange, Request], list[Row]], *, old: bool) -> Route:
        @tolerant(_unreadable)
        async def answer(request: Request) -> Response:
            clob.exchange.tick(now=clob.clock.now())
            try:
                found = rows(clob.exchange, request)
                return JSONResponse(old_list(found, request) if old else page(found, request))
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

    reads = {
        "trades": trades,
        "activity": activity,
        "positions": positions,
        "value": value,
        "resolutions": resolutions,
        "leaderboard": _leaderboard(clob),
    }
    return Starlette(
        routes=[
            *(endpoint(f"/v2/{name}", rows, old=False) for name, rows in reads.items()),
            *(
                endpoint(f"/{name}", rows, old=True)
                for name, rows in {**reads, "positions": old_positions}.items()
            ),
            endpoint("/v1/leaderboard", _leaderboard(clob), old=True),
        ]
    )


def _unreadable() -> Response:
    problem = {"error": "invalid request", "code": "INVALID_PARAMETER", "retryable": False}
    return JSONResponse({**problem, "trace_id": "sandbox", "parameter": ""}, 400)


def trades(exchange: Exchange, request: Request) -> list[Row]:
    """Return fills, newest first; one row for each side that the filters want."""
    query = request.query_params
    taker_only = query.get("taker_only", query.get("takerOnly", "true")).lower() != "false"
    wanted, side = query.get("user", "").lower(), query.get("side", "").upper()
    conditions = set(filter(None, query.get("condition", query.get("market", "")).split(",")))
    start, end = (
        seconds(query.get("start"), "start"),
        seconds(query.get("end"), "end"),
    )
    found = []
    for trade in reversed(exchange.trades):
        if trade.mined_at is None or (conditions and trade.market.condition not in conditions):
            continue
        at = int(trade.at.timestamp())
        if start is not None and at < start:
            break  # the older ones come after it
        if end is not None and at > end:
            continue
        legs = [trade.taker] if taker_only else [trade.taker, *trade.makers]
        for leg in legs:
            mine = wanted in ("", leg.order.wallet.address)
            if mine and side in ("", "BUY" if leg.order.buy else "SELL"):
                found.append(fill_row(trade, leg))
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
    """Return what one wallet holds, or with `status=CLOSED` what it held."""
    wallet, status = _wallet(exchange, request), request.query_params.get("status", "").upper()
    rows = [
        {**holdings.row(each, name=wallet.name), "proxy_wallet": wallet.address}
        for each in holdings.holdings(exchange, wallet.address)
    ]
    if status:
        return [each for each in rows if each["status"] == status]
    return [each for each in rows if each["status"] != "CLOSED"]


def old_positions(exchange: Exchange, request: Request) -> list[Row]:
    wallet = _wallet(exchange, request)
    return [
        holdings.old_row(each, wallet.address)
        for each in holdings.holdings(exchange, wallet.address)
        if each.is_open
    ]


def _leaderboard(clob: Clob) -> Callable[[Exchange, Request], list[Row]]:
    def ranked(exchange: Exchange, request: Request) -> list[Row]:
        period = request.query_params.get("time_period", "day").lower()
        order = request.query_params.get("sort_by", "PNL").upper()
        if period not in ranking.PERIODS:
            raise BadQuestion("time_period", f"one of {', '.join(ranking.PERIODS)}")
        if order not in ranking.ORDERS:
            raise BadQuestion("sort_by", f"one of {', '.join(ranking.ORDERS)}")
        return ranking.leaderboard(exchange, period=period, order=order, now=clob.clock.now())

    return ranked


def value(exchange: Exchange, request: Request) -> list[Row]:
    wallet = _wallet(exchange, request)
    total = sum(
        (
            shares * worth(exchange.by_token[token], token)
            for token, shares in wallet.shares.items()
        ),
        Decimal(0),
    )
    return [{"user": wallet.address, "value": float(total)}]


def resolutions(exchange: Exchange, request: Request) -> list[Row]:
    wanted = request.query_params.get("condition", "")
    return [
        {
            "question_id": market.condition,
            "condition_id": market.condition,
            "status": "resolved" if market.payout else "initialized",
            "was_disputed": False,
            "extended_review": False,
            "new_version_q": True,
            "proposed_price": "69",  # not set
            "reproposed_price": "69",
            "price": wire.plain(market.payout[0]) if market.payout else "69",
            "payouts": [int(part * MILLION) for part in market.payout or ()],
            "transaction_hash": "",
            "log_index": "0",
            "last_update_timestamp": str(
                int(market.resolved_at.timestamp()) if market.resolved_at else 0
            ),
            "expected_settlement_time": None,
        }
        for market in exchange.markets.values()
        if wanted in ("", market.condition)
    ]


def fill_row(trade: Trade, leg: Leg) -> Row:
    """Return one side of a match, as `/v2/trades` has it."""
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
        "transaction_hash": trade.transaction,
    }


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
