"""The order book's server: its endpoints and its websockets."""

from starlette.applications import Starlette

from sandbox.polymarket import orders, public, socket
from sandbox.polymarket.server import Clob, Handler, route


def app(clob: Clob) -> Starlette:
    open_to_all: tuple[tuple[str, str, Handler], ...] = (
        ("GET", "/", lambda call: "OK"),
        ("GET", "/ok", lambda call: "OK"),
        ("GET", "/time", lambda call: int(call.now.timestamp())),
        ("GET", "/version", lambda call: {"version": 2}),
        ("GET", "/book", public.book),
        ("POST", "/books", public.books),
        ("GET", "/price", public.price),
        ("GET", "/midpoint", public.midpoint),
        ("GET", "/spread", public.spread),
        ("POST", "/spreads", public.spreads),
        ("POST", "/midpoints", public.midpoints),
        ("GET", "/prices-history", public.prices_history),
        ("GET", "/last-trade-price", public.last_trade),
        ("GET", "/tick-size", public.tick_size),
        ("GET", "/neg-risk", public.neg_risk),
        ("GET", "/fee-rate", public.fee_rate),
        ("GET", "/clob-markets/{condition}", public.compact),
        ("GET", "/markets-by-token/{token}", public.by_token),
        ("POST", "/auth/api-key", public.create_key),
        ("GET", "/auth/derive-api-key", public.derive_key),
    )
    private: tuple[tuple[str, str, Handler], ...] = (
        ("GET", "/auth/api-keys", lambda call: {"apiKeys": [call.owner.key]}),
        ("GET", "/auth/ban-status/closed-only", lambda call: {"closed_only": False}),
        ("POST", "/order", orders.post_order),
        ("POST", "/orders", orders.post_orders),
        ("DELETE", "/order", orders.cancel_order),
        ("DELETE", "/orders", orders.cancel_orders),
        ("DELETE", "/cancel-all", orders.cancel_all),
        ("DELETE", "/cancel-market-orders", orders.cancel_market),
        ("GET", "/data/orders", orders.open_orders),
        ("GET", "/data/order/{order_id}", orders.one_order),
        ("GET", "/data/trades", orders.trades),
        ("GET", "/balance-allowance", orders.balance),
        ("GET", "/balance-allowance/update", orders.balance),
        ("POST", "/v1/heartbeats", orders.heartbeat),
    )
    return Starlette(
        routes=[
            *(route(clob, *row, signed=False) for row in open_to_all),
            *(route(clob, *row, signed=True) for row in private),
            *socket.routes(clob),
        ]
    )
