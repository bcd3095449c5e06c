"""What every endpoint of the order book shares: who asks, at what time, and how it is refused."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.clock import Clock
from sandbox.polymarket import requests
from sandbox.polymarket.exchange import Exchange
from sandbox.polymarket.markets import Market
from sandbox.polymarket.rows import Refused
from sandbox.polymarket.wallets import ApiKey
from sandbox.tolerance import tolerant

BEAT = timedelta(seconds=10)  # without one for this long, all orders of the key are canceled


@dataclass(kw_only=True)
class Clob:
    """Everything the order book's answers come from."""

    exchange: Exchange
    clock: Clock
    beats: dict[str, tuple[str, datetime]] = field(default_factory=dict)

    def times(self) -> tuple[datetime, datetime]:
        """Return the times that a signature may be of: the sandbox's, and the client's own."""
        return self.clock.now(), self.clock.wall()


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    clob: Clob
    key: ApiKey | None
    now: datetime
    path: Mapping[str, Any]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def exchange(self) -> Exchange:
        return self.clob.exchange

    @property
    def owner(self) -> ApiKey:
        assert self.key is not None
        return self.key

    def market(self, token: str) -> Market:
        market = self.exchange.by_token.get(token)
        if market is None:
            raise Refused("No orderbook exists for the requested token id", status=404)
        return market


Handler = Callable[[Call], Any]


def route(clob: Clob, method: str, path: str, handler: Handler, *, signed: bool) -> Route:
    @tolerant(lambda: JSONResponse({"error": "Invalid order payload"}, 400))
    async def endpoint(request: Request) -> Response:
        body = await request.body()
        now = clob.clock.now()
        clob.exchange.tick(now=now)
        drop_silent_keys(clob, now=now)
        headers = {name.lower().replace("-", "_"): value for name, value in request.headers.items()}
        try:
            key = None
            if signed:
                key = requests.signed_request(
                    clob.exchange,
                    headers,
                    method=method,
                    path=request.url.path,
                    body=body,
                    times=clob.times(),
                )
            answer = handler(
                Call(
                    clob=clob,
                    key=key,
                    now=now,
                    path=request.path_params,
                    body=body,
                    query=request.query_params,
                    headers=headers,
                )
            )
        except Refused as refusal:
            return JSONResponse({refusal.field: refusal.words}, refusal.status)
        return JSONResponse(answer)

    return Route(path, endpoint, methods=[method])


def drop_silent_keys(clob: Clob, *, now: datetime) -> None:
    """Cancel the orders of every key whose heartbeats have stopped."""
    for key, (_, at) in clob.beats.items():
        if now - at > BEAT:
            for order in list(clob.exchange.orders.values()):
                if order.key == key and order.order_id in order.market.book:
                    clob.exchange.cancel(key, order.order_id, now=now)
