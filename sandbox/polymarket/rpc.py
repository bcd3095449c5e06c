"""JSON-RPC of the chain, as far as trading needs it: over HTTP, and logs by subscription."""

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Any

import rlp
from eth_account import Account
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from sandbox.clock import Clock
from sandbox.polymarket import contracts
from sandbox.polymarket.contracts import Call, Reverted
from sandbox.polymarket.node import Log, Node, State, block_of, logs_of
from sandbox.polymarket.rows import Trade
from sandbox.tolerance import MISTAKES, tolerant
from venues.polymarket.eip712 import CHAIN

WIDEST = 10_000  # blocks of one question about logs
GAS, GAS_PRICE = 150_000, 30_000_000_000
LOOK = 0.1  # seconds between two looks for new logs

Row = dict[str, Any]


class RpcError(Exception):
    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def app(node: Node, clock: Clock) -> Starlette:
    @tolerant(lambda: JSONResponse(_failed(None, RpcError(-32700, "parse error"))))
    async def http(request: Request) -> Response:
        node.advance(clock.now())
        try:
            asked = await request.json()
        except ValueError:
            return JSONResponse(_failed(None, RpcError(-32700, "parse error")))
        if isinstance(asked, list):
            return JSONResponse([answer(node, each, now=clock.now()) for each in asked])
        return JSONResponse(answer(node, asked, now=clock.now()))

    async def socket(websocket: WebSocket) -> None:
        await websocket.accept()
        with suppress(WebSocketDisconnect, RuntimeError):
            await _Subscriber(node, clock, websocket).serve()

    return Starlette(routes=[Route("/rpc", http, methods=["POST"]), WebSocketRoute("/rpc", socket)])


def answer(node: Node, asked: Any, *, now: datetime) -> Row:
    """Answer one call; an error is an answer too."""
    number = asked.get("id") if isinstance(asked, dict) else None
    try:
        if not isinstance(asked, dict) or not isinstance(asked.get("params", []), list):
            raise RpcError(-32600, "invalid request")
        method = METHODS.get(str(asked.get("method")))
        if method is None:
            raise RpcError(-32601, f"the method {asked.get('method')} does not exist")
        return {"jsonrpc": "2.0", "id": number, "result": method(node, asked["params"], now)}
    except RpcError as problem:
        return _failed(number, problem)
    except Reverted as problem:
        return _failed(number, RpcError(3, str(problem)))
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as problem:
        return _failed(number, RpcError(-32602, f"invalid argument: {problem}"))


def _failed(number: Any, problem: RpcError) -> Row:
    error = {"code": problem.code, "message": str(problem)}
    return {"jsonrpc": "2.0", "id": number, "error": error}


def _block(node: Node, params: list[Any], now: datetime) -> Row:
    number = _number(params[0], now)
    return {"number": hex(number), "timestamp": hex(number * 2), "hash": f"0x{number:064x}"}


def _call(node: Node, params: list[Any], now: datetime) -> str:
    return "0x" + contracts.view(node.exchange, _read_call(params[0])).hex()


def _estimate(node: Node, params: list[Any], now: datetime) -> str:
    _read_call(params[0])
    return hex(GAS)


def _count(node: Node, params: list[Any], now: datetime) -> str:
    return hex(node.nonces.get(str(params[0]).lower(), 0))


def _send_raw(node: Node, params: list[Any], now: datetime) -> str:
    """Take a signed transaction of a plain key."""
    try:
        sender = str(Account.recover_transaction(params[0])).lower()
        nonce, _, _, to, _, data, proof, *_ = rlp.decode(bytes.fromhex(params[0][2:]))
        if (int.from_bytes(proof, "big") - 35) // 2 != CHAIN:
            raise RpcError(-32000, "invalid chain id for signer")
    except RpcError:
        raise
    except Exception as problem:  # the libraries know a dozen ways to refuse bytes
        raise RpcError(-32602, f"invalid transaction: {problem}") from None
    expected = node.nonces.get(sender, 0)
    if int.from_bytes(nonce, "big") != expected:
        raise RpcError(-32000, "nonce too low" if expected else "nonce too high")
    if sender not in node.exchange.wallets:
        raise RpcError(-32000, "insufficient funds for gas * price + value")
    return node.send(sender, [Call(to="0x" + to.hex(), data=data)], now=now).hash


def _receipt(node: Node, params: list[Any], now: datetime) -> Row | None:
    sent = node.transactions.get(str(params[0]))
    if sent is None or sent.state is State.NEW:
        return None
    return {
        "transactionHash": sent.hash,
        "status": "0x0" if sent.state is State.FAILED else "0x1",
        "blockNumber": hex(block_of(sent.at) + 1),
        "from": sent.wallet,
        "to": sent.calls[0].to,
        "logs": [],
    }


def _logs(node: Node, params: list[Any], now: datetime) -> list[Row]:
    asked = params[0]
    first, last = _number(asked.get("fromBlock"), now), _number(asked.get("toBlock"), now)
    if last - first > WIDEST:
        raise RpcError(-32602, f"block range is over {WIDEST}")
    return [row_of(each) for each in node.logs(first, last) if wanted(each, asked)]


METHODS: dict[str, Callable[[Node, list[Any], datetime], Any]] = {
    "eth_chainId": lambda node, params, now: hex(CHAIN),
    "eth_blockNumber": lambda node, params, now: hex(block_of(now)),
    "eth_gasPrice": lambda node, params, now: hex(GAS_PRICE),
    "eth_getBlockByNumber": _block,
    "eth_call": _call,
    "eth_estimateGas": _estimate,
    "eth_getTransactionCount": _count,
    "eth_sendRawTransaction": _send_raw,
    "eth_getTransactionReceipt": _receipt,
    "eth_getLogs": _logs,
}


def wanted(log: Log, asked: Row) -> bool:
    """Tell whether a filter lets a log through; each topic may be one, several, or any."""
    addresses = asked.get("address")
    names = [addresses] if isinstance(addresses, str) else addresses
    if names and log.contract not in {str(each).lower() for each in names}:
        return False
    topics = asked.get("topics") or []
    if len(topics) > len(log.topics):
        return False
    for own, wish in zip(log.topics, topics, strict=False):
        wishes = [wish] if isinstance(wish, str) else wish
        if wishes and "0x" + own.hex() not in {str(each).lower() for each in wishes}:
            return False
    return True


def row_of(log: Log) -> Row:
    return {
        "address": log.contract,
        "topics": ["0x" + topic.hex() for topic in log.topics],
        "data": "0x" + log.data.hex(),
        "blockNumber": hex(log.block),
        "blockHash": f"0x{log.block:064x}",
        "transactionHash": log.transaction,
        "transactionIndex": "0x0",
        "logIndex": hex(log.place),
        "removed": False,
    }


def _read_call(asked: Row) -> Call:
    return Call(to=str(asked["to"]).lower(), data=bytes.fromhex(str(asked["data"])[2:]))


def _number(text: Any, now: datetime) -> int:
    if text in (None, "latest", "pending", "safe", "finalized"):
        return block_of(now)
    return 0 if text == "earliest" else int(str(text), 16)


class _Subscriber:
    """One websocket: answers calls, and tells of logs from the block it subscribed at."""

    def __init__(self, node: Node, clock: Clock, socket: WebSocket) -> None:
        self._node, self._clock, self._socket = node, clock, socket
        self._filters: dict[str, Row] = {}
        self._named = 0
        self._told = len(node.exchange.trades)
        self._open: list[Trade] = []  # matches that are not on the chain yet

    async def serve(self) -> None:
        teller = asyncio.create_task(self._tell())
        try:
            while True:
                text = await self._socket.receive_text()
                try:
                    told = self._answer(text)
                except MISTAKES as problem:
                    told = _failed(None, RpcError(-32602, f"invalid argument: {problem!r}"))
                await self._socket.send_json(told)
        finally:
            teller.cancel()

    def _answer(self, text: str) -> Any:
        try:
            asked = json.loads(text)
        except ValueError:
            return _failed(None, RpcError(-32700, "parse error"))
        method = asked.get("method") if isinstance(asked, dict) else None
        if method == "eth_subscribe":
            return self._subscribe(asked)
        if method == "eth_unsubscribe":
            gone = self._filters.pop(str((asked.get("params") or [""])[0]), None)
            return {"jsonrpc": "2.0", "id": asked.get("id"), "result": gone is not None}
        return answer(self._node, asked, now=self._clock.now())

    def _subscribe(self, asked: Row) -> Row:
        params = asked.get("params") or []
        if not params or params[0] != "logs":
            return _failed(asked.get("id"), RpcError(-32602, "only logs can be subscribed to"))
        self._named += 1
        name = f"0x{self._named:032x}"
        self._filters[name] = params[1] if len(params) > 1 and isinstance(params[1], dict) else {}
        return {"jsonrpc": "2.0", "id": asked.get("id"), "result": name}

    async def _tell(self) -> None:
        with suppress(WebSocketDisconnect, RuntimeError):
            while True:
                await asyncio.sleep(LOOK)
                for log in self._new_logs():
                    for name, asked in list(self._filters.items()):
                        if wanted(log, asked):
                            params = {"subscription": name, "result": row_of(log)}
                            await self._socket.send_json(
                                {
                                    "jsonrpc": "2.0",
                                    "method": "eth_subscription",
                                    "params": params,
                                }
                            )

    def _new_logs(self) -> list[Log]:
        """Return the logs of matches that were mined since the last look."""
        trades = self._node.exchange.trades
        self._open += trades[self._told :]
        self._told = len(trades)
        mined = [trade for trade in self._open if trade.mined_at is not None]
        self._open = [trade for trade in self._open if trade.mined_at is None]
        return [log for trade in mined for log in logs_of(trade)]
