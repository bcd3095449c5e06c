"""Whales: wallets of different skill that bet on the games of both the past and the present.

Skill is the chance that a whale knows who will win; else it picks a team blindly. A whale that
knows nothing pays spread and fees, as most people do.
"""

import hashlib
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from sandbox.polymarket.exchange import Exchange
from sandbox.polymarket.markets import Market
from sandbox.polymarket.rows import Order, Refused
from sandbox.polymarket.wallets import Wallet

ONE, CENT = Decimal(1), Decimal("0.01")
LOWEST, HIGHEST = Decimal("0.15"), Decimal("0.85")  # what whales care to pay
SELLS = 0.12  # of all that a whale does
PATIENCE = 45.0  # seconds between two bets of the busiest whale, on average


@dataclass(frozen=True, slots=True, kw_only=True)
class Whale:
    """One wallet, how much it knows and how it bets."""

    name: str
    skill: float  # the chance that it knows the winner
    every: float  # seconds between two of its bets, on average
    stake: tuple[int, int]  # USD of one bet, least and most

    @property
    def address(self) -> str:
        return "0x" + hashlib.sha256(f"polymix whale {self.name}".encode()).hexdigest()[:40]

    def picks(self, winner: int, draw: random.Random) -> int:
        """Return the outcome (0 or 1) that the whale bets on."""
        return winner if draw.random() < self.skill else draw.randrange(2)

    def bet(self, price: Decimal, draw: random.Random) -> Decimal:
        """Return how many shares it buys at a price."""
        return (Decimal(draw.randint(*self.stake)) / price).quantize(CENT, "ROUND_FLOOR")


WHALES = (
    Whale(name="steady-heron", skill=0.34, every=PATIENCE, stake=(2000, 6000)),
    Whale(name="quiet-otter", skill=0.30, every=1.2 * PATIENCE, stake=(1500, 9000)),
    Whale(name="north-wind", skill=0.26, every=1.5 * PATIENCE, stake=(800, 4000)),
    Whale(name="late-train", skill=0.22, every=2 * PATIENCE, stake=(3000, 12000)),
    Whale(name="paper-crane", skill=0.16, every=1.6 * PATIENCE, stake=(500, 2500)),
    Whale(name="copper-fox", skill=0.12, every=2 * PATIENCE, stake=(1000, 5000)),
    Whale(name="grey-harbor", skill=0.08, every=2 * PATIENCE, stake=(600, 3000)),
    Whale(name="long-shot", skill=0.04, every=1.5 * PATIENCE, stake=(2000, 8000)),
    Whale(name="coin-tosser", skill=0.0, every=PATIENCE, stake=(1000, 4000)),
    Whale(name="loud-parrot", skill=0.0, every=1.3 * PATIENCE, stake=(5000, 15000)),
)


class Played(Protocol):
    """A game as a whale sees it."""

    polymarket: Market
    over: bool

    @property
    def winner(self) -> int: ...


class Crowd:
    """Lets the whales trade on Polymarket, one second after the other."""

    def __init__(
        self, exchange: Exchange, *, seed: int, whales: Sequence[Whale], cash: Decimal
    ) -> None:
        self._draw = random.Random(f"crowd {seed}")
        self._exchange = exchange
        self._whales = whales
        self._wallets = {
            each.name: exchange.open_wallet(each.address, cash=cash, name=each.name, invented=True)
            for each in whales
        }
        self._count = 0

    @property
    def wallets(self) -> list[str]:
        """Return the addresses of all whales."""
        return [wallet.address for wallet in self._wallets.values()]

    def step(self, games: Sequence[Played], at: datetime) -> None:
        """Let each whale do what it does in one second; what was won is redeemed."""
        playing = [game for game in games if not game.over]
        for whale in self._whales:
            wallet = self._wallets[whale.name]
            if self._draw.random() < 1 / whale.every and playing:
                if self._draw.random() < SELLS:
                    self._sell(wallet, at)
                else:
                    self._buy(whale, wallet, self._draw.choice(playing), at)
        for condition in self._won():
            for wallet in self._wallets.values():
                self._redeem(wallet, condition, at)

    def _buy(self, whale: Whale, wallet: Wallet, game: Played, at: datetime) -> None:
        token = game.polymarket.tokens[whale.picks(game.winner, self._draw)]
        _, asks = game.polymarket.ladder(token)
        if not asks or not LOWEST <= asks[-1][0] <= HIGHEST:
            return
        price = asks[-1][0]
        shares = whale.bet(price, self._draw)
        self._order(wallet, game.polymarket, token, buy=True, price=price, shares=shares, at=at)

    def _sell(self, wallet: Wallet, at: datetime) -> None:
        """Sell half or all of something held, at the best bid."""
        held = sorted(token for token, shares in wallet.shares.items() if shares >= 1)
        if not held:
            return
        token = self._draw.choice(held)
        part = self._draw.choice((Decimal("0.5"), ONE))
        market = self._exchange.by_token[token]
        bids, _ = market.ladder(token)
        if bids and market.accepting:
            shares = (wallet.shares[token] * part).quantize(CENT, "ROUND_FLOOR")
            price = bids[-1][0]
            self._order(wallet, market, token, buy=False, price=price, shares=shares, at=at)

    def _order(
        self,
        wallet: Wallet,
        market: Market,
        token: str,
        *,
        buy: bool,
        price: Decimal,
        shares: Decimal,
        at: datetime,
    ) -> None:
        self._count += 1
        order = Order(
            order_id="0x" + hashlib.sha256(f"crowd {self._count}".encode()).hexdigest(),
            key=wallet.address,
            wallet=wallet,
            market=market,
            token=token,
            buy=buy,
            price=price,
            shares=shares,
            kind="FAK",
            created_at=at,
        )
        try:
            self._exchange.place(order, now=at)
        except Refused:
            return  # too little money, or nobody on the other side: it looks elsewhere later

    def _won(self) -> Iterator[str]:
        held = {token for wallet in self._wallets.values() for token in wallet.shares}
        for token in sorted(held):
            market = self._exchange.by_token[token]
            if market.payout is not None:
                yield market.condition

    def _redeem(self, wallet: Wallet, condition: str, at: datetime) -> None:
        market = self._exchange.markets[condition]
        owing = any(wallet.owed_shares.get(token) for token in market.tokens)
        if not owing and any(wallet.shares.get(token) for token in market.tokens):
            self._exchange.redeem(wallet.address, condition, now=at)
