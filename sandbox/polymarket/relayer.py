"""The relayer, as far as a wallet needs it to trade: which wallets exist."""

from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.polymarket.exchange import Exchange


def app(exchange: Exchange) -> Starlette:
    async def deployed(request: Request) -> Response:
        address = request.query_params.get("address", "").lower()
        answer: dict[str, Any] = {"deployed": address in exchange.wallets}
        return JSONResponse(answer)

    return Starlette(routes=[Route("/deployed", deployed, methods=["GET"])])
