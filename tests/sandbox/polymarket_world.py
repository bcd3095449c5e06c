"""A small Polymarket: one game, wallets of every type, and the official client's environment."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from eth_account import Account
from polymarket.environments import PRODUCTION, Environment, _create_environment
from starlette.applications import Starlette

from sandbox.clock import Clock
from sandbox.log import EventLog
from sandbox.polymarket import data, gamma, relayer, rpc
from sandbox.polymarket.clob import app
from sandbox.polymarket.exchange import Exchange
from sandbox.polymarket.markets import Market
from sandbox.polymarket.node import Node
from sandbox.polymarket.rows import Order, Rules
from sandbox.polymarket.server import Clob

YES, NO = "1" + "0" * 70 + "1", "1" + "0" * 70 + "2"
NEG = "2" + "0" * 70 + "1"
V3 = "663574927012476832975694178961957910328055987427402067619466963999000625152"  # protocol 2
KEY = "0x" + "11" * 32
OTHER = "0x" + "22" * 32


def market(number: int, tokens: tuple[str, str], **options: Any) -> Market:
    return Market(
        condition=f"0x{number:062x}" if options.get("version") == "v2" else f"0x{number:064x}",
        slug=f"nba-okc-sas-{number}",
        question="Thunder vs. Spurs",
        outcomes=("Thunder", "Spurs"),
        tokens=tokens,
        **options,
    )


@dataclass
class PolymarketWorld:
    rules: Rules = field(default_factory=Rules)
    speed: float = 1.0

    def __post_init__(self) -> None:
        self.clock = Clock(start=datetime.now(UTC), speed=self.speed)
        self.exchange = Exchange(EventLog(), rules=self.rules)
        self.market = market(1, (YES, NO))
        self.exchange.list_market(self.market)
        self.exchange.list_market(market(2, (NEG, NEG[:-1] + "2"), neg_risk=True))
        self.exchange.list_market(market(3, (V3, V3[:-1] + "3"), version="v2"))
        self.owner = Account.from_key(KEY).address
        self.exchange.open_wallet(self.owner, cash=Decimal(1000))
        self.maker = self.exchange.open_wallet("0x" + "99" * 20, cash=Decimal(10_000))
        self.maker.shares = dict.fromkeys((YES, NO, NEG, V3), Decimal(10_000))
        self.clob = Clob(exchange=self.exchange, clock=self.clock)
        self.node = Node(exchange=self.exchange)
        parts = (
            app(self.clob),
            relayer.app(self.node, self.clock),
            rpc.app(self.node, self.clock),
            data.app(self.clob),
            gamma.app(self.clob),
        )
        # The official client is given one address for everything.
        self.app = Starlette(routes=[route for part in parts for route in part.routes])
        self.numbers = 0

    def quote(self, token: str, price: str, shares: str, *, buy: bool = False) -> Order:
        """Let the market maker rest an order."""
        self.numbers += 1
        order = Order(
            order_id=f"0x{self.numbers:064x}",
            key="maker",
            wallet=self.maker,
            market=self.exchange.by_token[token],
            token=token,
            buy=buy,
            price=Decimal(price),
            shares=Decimal(shares),
            created_at=self.clock.now(),
        )
        return self.exchange.place(order, now=self.clock.now())


def environment(url: str) -> Environment:
    """Return the official client's environment with the sandbox's addresses in it."""
    names = ("clob_url", "gamma_url", "data_url", "relayer_url", "rfq_url")
    config = replace(
        PRODUCTION._config,
        **dict.fromkeys(names, url),
        rpc_url=f"{url}/rpc",
        relayer_poll_frequency_ms=20,
    )
    return _create_environment(name="sandbox", config=config)
