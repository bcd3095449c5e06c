"""What a wallet does on chain beside orders: redeem what was won, allow the exchanges to trade.

The official client builds and sends these calls for every wallet type; ours says where, and when.
It is imported on use: it is large, and most processes never need it.
"""

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import httpx

from venues.errors import Refused, Unknown, Unreadable, kind_of
from venues.polymarket.auth import Keys
from venues.polymarket.eip712 import BadHex, address, number

if TYPE_CHECKING:
    from polymarket import SecureClient

CONDITIONAL_TOKENS = "0x4D97DCd97eC945f40cF65F87097ACe5EA0476045"
POSITION_MANAGER = "0x006F54F7f9A22e0000CC2AB60031000000ae9fEF"
COLLATERAL = "0xC011a7E12a19f7B1f670d46F03B03f3342E82DFB"  # pUSD
BALANCE = bytes.fromhex("70a08231")  # balanceOf(address)
BALANCE_OF = bytes.fromhex("00fdd58e")  # balanceOf(address,uint256)
MILLION = Decimal(1_000_000)
TIMEOUT = httpx.Timeout(10.0, connect=5.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainPlaces:
    """Where to send, and where to look."""

    clob: str
    gamma: str
    data: str
    relayer: str
    rpc: str


class WalletCalls:
    """On-chain calls of one wallet."""

    def __init__(self, *, keys: Keys, at: ChainPlaces, http: httpx.Client) -> None:
        self._keys, self._at, self._http = keys, at, http

    def cash(self) -> Decimal:
        """Return the pUSD that the chain says the wallet holds. Raises Unreadable."""
        data = BALANCE + address(self._keys.wallet.funder)
        return self._number(COLLATERAL, data)

    def shares(self, token: str, *, protocol: str) -> Decimal:
        """Return what the chain says that the wallet holds of a token. Raises Unreadable."""
        contract = POSITION_MANAGER if protocol == "v2" else CONDITIONAL_TOKENS
        try:
            data = BALANCE_OF + address(self._keys.wallet.funder) + number(int(token))
        except (BadHex, ValueError) as problem:
            raise Unreadable(f"{token[:40]} is no token of the chain: {problem}") from problem
        return self._number(contract, data)

    def _number(self, contract: str, data: bytes) -> Decimal:
        call = {"to": contract, "data": "0x" + data.hex()}
        row = {"jsonrpc": "2.0", "id": 1, "method": "eth_call", "params": [call, "latest"]}
        try:
            answer = self._http.post(self._at.rpc, json=row, timeout=TIMEOUT)
            answer.raise_for_status()
            found = answer.json()["result"]
            return Decimal(int(found, 16)) / MILLION
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as problem:
            # Never the address of the node: it may carry a key.
            raise Unreadable(f"the chain does not say what is held: {kind_of(problem)}") from None

    def redeem(self, condition: str) -> str:
        """Turn what a resolved market pays into pUSD; returns the transaction, once it is mined.

        Raises Refused when it was not done, Unknown when nobody can say.
        """
        return self._send(lambda client: client.redeem_positions(condition_id=condition))

    def approve(self) -> None:
        """Give the exchanges the allowances that trading needs. Raises Refused or Unknown."""
        self._send(lambda client: client.setup_trading_approvals())

    def _send(self, call: Any) -> str:
        from polymarket.errors import PolymarketError

        try:
            with self._client() as client:
                done = call(client).wait()
        except PolymarketError as problem:
            words = f"{type(problem).__name__}: {problem}"
            if type(problem).__name__ in ("TransportError", "TimeoutError", "RequestError"):
                raise Unknown(words) from problem
            raise Refused(words) from problem
        except httpx.HTTPError as problem:
            raise Unknown(str(problem) or type(problem).__name__) from problem
        return str(getattr(done, "transaction_hash", "") or "")

    def _client(self) -> "SecureClient":
        from polymarket import ApiKeyCreds, SecureClient
        from polymarket.auth import RelayerApiKey

        keys = self._keys
        relayer = keys.relayer_key.reveal()
        return SecureClient.create(
            private_key=keys.private_key.reveal(),
            wallet=keys.wallet.funder,
            environment=_environment(self._at),
            credentials=ApiKeyCreds(
                key=keys.api.key,
                secret=keys.api.secret.reveal(),
                passphrase=keys.api.passphrase.reveal(),
            ),
            api_key=RelayerApiKey(key=relayer, address=keys.wallet.owner) if relayer else None,
        )


def _environment(at: ChainPlaces) -> Any:
    """Return the official client's environment with our addresses in it.

    It has no public way to name other addresses, which a sandbox and a private node need.
    """
    from polymarket.environments import PRODUCTION, _create_environment

    config = replace(
        PRODUCTION._config,
        clob_url=at.clob,
        gamma_url=at.gamma,
        data_url=at.data,
        relayer_url=at.relayer,
        rpc_url=at.rpc,
    )
    return _create_environment(name="polymix", config=config)
