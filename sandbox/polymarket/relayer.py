"""The relayer: pays the gas of wallets that are contracts, once their owner signed the calls."""

import hmac
from collections.abc import Sequence
from typing import Any

from eth_account import Account
from eth_account.messages import encode_defunct, encode_typed_data
from eth_keys.exceptions import BadSignature as BadKeySignature
from eth_utils.exceptions import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.clock import Clock
from sandbox.polymarket import contracts
from sandbox.polymarket.contracts import Call, Reverted
from sandbox.polymarket.node import Node
from sandbox.polymarket.wallets import Wallet
from sandbox.tolerance import tolerant
from venues.polymarket.eip712 import CHAIN, keccak

RELAY = "0x" + "7e1a" * 10  # the account that pays for proxies
KINDS = {"PROXY": 1, "SAFE": 2, "WALLET": 3}  # with the signature types of their orders
DEADLINE = 3600  # seconds that a batch may lie ahead

Row = dict[str, Any]


class NotTaken(Exception):
    """A request that is not done: the status and the words."""

    def __init__(self, words: str, *, status: int = 400) -> None:
        super().__init__(words)
        self.status = status


def app(node: Node, clock: Clock) -> Starlette:
    async def deployed(request: Request) -> Response:
        address = request.query_params.get("address", "").lower()
        return JSONResponse({"deployed": address in node.exchange.wallets})

    async def params(request: Request) -> Response:
        node.advance(clock.now())
        address = request.query_params.get("address", "").lower()
        kind = request.query_params.get("type", "")
        wallet = _owned(node, address, kind)
        nonce = str(node.nonces.get(wallet.address, 0)) if wallet else "0"
        relay = kind == "PROXY" and request.url.path == "/relay-payload"
        return JSONResponse({"address": RELAY if relay else address, "nonce": nonce})

    @tolerant(lambda: JSONResponse({"error": "invalid payload"}, 400))
    async def submit(request: Request) -> Response:
        now = clock.now()
        node.advance(now)
        try:
            _check_key(node, request)
            row = await _body(request)
            wallet, calls = read(node, row, now=now.timestamp())
            sent = node.send(wallet.address, calls, now=now)
        except NotTaken as refusal:
            return JSONResponse({"error": str(refusal)}, refusal.status)
        return JSONResponse(
            {"transactionID": sent.id, "transactionHash": sent.hash, "state": sent.state.value}
        )

    async def transaction(request: Request) -> Response:
        node.advance(clock.now())
        sent = node.transactions.get(request.path_params["wanted"])
        if sent is None:
            return JSONResponse({"error": "transaction not found"}, 404)
        return JSONResponse(
            {
                "transaction_id": sent.id,
                "transaction_hash": sent.hash,
                "state": sent.state.value,
                "error_msg": sent.why or None,
            }
        )

    return Starlette(
        routes=[
            Route("/deployed", deployed, methods=["GET"]),
            Route("/v1/account/transactions/params", params, methods=["GET"]),
            Route("/relay-payload", params, methods=["GET"]),
            Route("/submit", submit, methods=["POST"]),
            Route("/v1/account/transactions/{wanted}", transaction, methods=["GET"]),
        ]
    )


def read(node: Node, row: Row, *, now: float) -> tuple[Wallet, Sequence[Call]]:
    """Return whose calls these are, and the calls. Raises NotTaken for what nobody signed."""
    owner, kind = str(row.get("from", "")).lower(), str(row.get("type"))
    wallet = _owned(node, owner, kind)
    if wallet is None:
        raise NotTaken(f"no {kind} wallet of {owner}")
    if node.is_busy(wallet.address):
        raise NotTaken("wallet busy: it has an active action")
    expected, nonce = node.nonces.get(wallet.address, 0), _whole(row, "nonce")
    if nonce != expected:
        raise NotTaken(f"batch nonce {nonce} does not match on-chain nonce {expected}")
    try:
        signer, calls = READERS[kind](wallet, row, now)
    except (KeyError, TypeError, ValueError, BadKeySignature, ValidationError) as problem:
        raise NotTaken(f"invalid payload: {problem}") from None
    except Reverted as problem:
        raise NotTaken(str(problem)) from None
    if signer.lower() != owner:
        raise NotTaken("invalid signature", status=401)
    return wallet, calls


def _deposit_wallet(wallet: Wallet, row: Row, now: float) -> tuple[str, Sequence[Call]]:
    asked = row["depositWalletParams"]
    if str(asked["depositWallet"]).lower() != wallet.address:
        raise ValueError("the wallet is another one")
    deadline = int(asked["deadline"])
    if not now <= deadline <= now + DEADLINE:
        raise ValueError("deadline is over, or too far away")
    found = [
        {"target": each["target"], "value": int(each["value"]), "data": _bytes(each["data"])}
        for each in asked["calls"]
    ]
    message = {
        "wallet": asked["depositWallet"],
        "nonce": _whole(row, "nonce"),
        "deadline": deadline,
        "calls": found,
    }
    domain = {"name": "DepositWallet", "version": "1", "chainId": CHAIN}
    signable = encode_typed_data(
        domain_data={**domain, "verifyingContract": asked["depositWallet"]},
        message_types={"Batch": BATCH, "Call": CALL},
        message_data=message,
    )
    signer = Account.recover_message(signable, signature=row["signature"])
    return signer, [Call(to=each["target"].lower(), data=each["data"]) for each in found]


def _proxy(wallet: Wallet, row: Row, now: float) -> tuple[str, Sequence[Call]]:
    asked, data = row["signatureParams"], _bytes(row["data"])
    numbers = [int(asked[name]) for name in ("relayerFee", "gasPrice", "gasLimit")]
    payload = b"rlx:" + _bytes(row["from"]) + _bytes(row["to"]) + data
    payload += b"".join(each.to_bytes(32, "big") for each in [*numbers, _whole(row, "nonce")])
    payload += _bytes(asked["relayHub"]) + _bytes(asked["relay"])
    signable = encode_defunct(primitive=keccak(payload))
    return Account.recover_message(signable, signature=row["signature"]), contracts.proxied(data)


def _safe(wallet: Wallet, row: Row, now: float) -> tuple[str, Sequence[Call]]:
    asked, data = row["signatureParams"], _bytes(row["data"])
    if str(row["proxyWallet"]).lower() != wallet.address:
        raise ValueError("the wallet is another one")
    typed = encode_typed_data(
        domain_data={"chainId": CHAIN, "verifyingContract": row["proxyWallet"]},
        message_types={"SafeTx": SAFE},
        message_data={
            "to": row["to"],
            "value": int(row.get("value", 0)),
            "data": data,
            "operation": int(asked["operation"]),
            "safeTxGas": int(asked["safeTxnGas"]),
            "baseGas": int(asked["baseGas"]),
            "gasPrice": int(asked["gasPrice"]),
            "gasToken": asked["gasToken"],
            "refundReceiver": asked["refundReceiver"],
            "nonce": _whole(row, "nonce"),
        },
    )
    digest = keccak(b"\x19" + typed.version + typed.header + typed.body)
    signature = bytearray(_bytes(row["signature"]))
    signature[-1] -= 4  # how a Safe marks a signature of a message
    signer = Account.recover_message(encode_defunct(primitive=digest), signature=bytes(signature))
    if contracts.is_multisend(data):
        return signer, contracts.sent_together(data)
    return signer, [Call(to=str(row["to"]).lower(), data=data)]


READERS = {"WALLET": _deposit_wallet, "PROXY": _proxy, "SAFE": _safe}
CALL = [
    {"name": "target", "type": "address"},
    {"name": "value", "type": "uint256"},
    {"name": "data", "type": "bytes"},
]
BATCH = [
    {"name": "wallet", "type": "address"},
    {"name": "nonce", "type": "uint256"},
    {"name": "deadline", "type": "uint256"},
    {"name": "calls", "type": "Call[]"},
]
SAFE = [
    {"name": "to", "type": "address"},
    {"name": "value", "type": "uint256"},
    {"name": "data", "type": "bytes"},
    {"name": "operation", "type": "uint8"},
    {"name": "safeTxGas", "type": "uint256"},
    {"name": "baseGas", "type": "uint256"},
    {"name": "gasPrice", "type": "uint256"},
    {"name": "gasToken", "type": "address"},
    {"name": "refundReceiver", "type": "address"},
    {"name": "nonce", "type": "uint256"},
]


def _owned(node: Node, owner: str, kind: str) -> Wallet | None:
    """Return the wallet of a kind that a key owns."""
    for wallet in node.exchange.wallets.values():
        if wallet.owner == owner and wallet.signature_type == KINDS.get(kind):
            return wallet
    return None


def _check_key(node: Node, request: Request) -> None:
    given = request.headers.get("relayer_api_key", "")
    address = request.headers.get("relayer_api_key_address", "")
    key = node.exchange.relayer_keys.get(address.lower(), "")
    if not key or not hmac.compare_digest(key, given):
        raise NotTaken("invalid authorization", status=401)


async def _body(request: Request) -> Row:
    try:
        row = await request.json()
    except ValueError:
        raise NotTaken("invalid json") from None
    if not isinstance(row, dict):
        raise NotTaken("invalid payload")
    return row


def _whole(row: Row, name: str) -> int:
    text = str(row.get(name, ""))
    if not text.isascii() or not text.isdecimal() or len(text) > 80:
        raise NotTaken(f"{name} is a whole number")
    return int(text)


def _bytes(text: Any) -> bytes:
    return bytes.fromhex(str(text).removeprefix("0x"))
