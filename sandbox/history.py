"""What the whales did before the sandbox began: games of past weeks with their bets, all settled.

Written straight into the exchange's records: nothing of it moves money or books any more.
"""

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from sandbox.crowd import Whale
from sandbox.polymarket.exchange import Exchange
from sandbox.polymarket.markets import Market
from sandbox.polymarket.rows import Leg, Order, Redemption, Settlement, Trade
from sandbox.polymarket.wallets import Wallet
from sandbox.teams import LEAGUES

ZERO, ONE, CENT = Decimal(0), Decimal(1), Decimal("0.01")
DAYS = 60
GAMES_A_DAY = 6
BETS = 0.6  # the chance that a whale bets on a game
HALF_SPREAD = Decimal("0.01")
LASTS = timedelta(hours=3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """A game that is over."""

    market: Market
    winner: int  # 0 or 1
    price: Decimal  # what the first outcome cost before


def write(
    exchange: Exchange, whales: Sequence[Whale], *, house: Wallet, seed: int, until: datetime
) -> None:
    """Add `DAYS` days of settled bets that end the day before `until`.

    A day is always the same, whenever the sandbox starts: who has read it once has read it.
    """
    digest = hashlib.sha256()
    midnight = until.replace(hour=0, minute=0, second=0, microsecond=0)
    for day in range(DAYS, 0, -1):
        draw = random.Random(f"history {seed} {(midnight - timedelta(days=day)).date()}")
        for number in range(GAMES_A_DAY):
            starts = midnight - timedelta(days=day) + timedelta(hours=14 + number)
            game = _game(draw, starts, number)
            exchange.list_market(game.market)
            won = ONE if game.winner == 0 else ZERO
            game.market.resolve((won, ONE - won), starts + LASTS)
            for whale in whales:
                if draw.random() < BETS:
                    trade = _bet(exchange, whale, game, house=house, draw=draw)
                    digest.update(f"{trade.trade_id}{trade.taker.shares}".encode())
    exchange.trades.sort(key=lambda trade: trade.at)
    exchange.log.write(
        "polymarket.history", until, days=DAYS, trades=len(exchange.trades), sha=digest.hexdigest()
    )


def _game(draw: random.Random, starts: datetime, number: int) -> Past:
    league = LEAGUES[number % len(LEAGUES)]
    away, home = draw.sample(league.teams, 2)
    cents = draw.randint(25, 75)
    winner = 0 if draw.uniform(0, 100) < cents else 1
    market = Market(
        condition=f"0x{draw.getrandbits(256):064x}",
        slug=f"{league.name}-{away.code}-{home.code}-{starts:%Y-%m-%d}".lower(),
        question=f"{away.nickname} vs. {home.nickname}",
        outcomes=(away.nickname, home.nickname),
        tokens=(str(draw.getrandbits(250)), str(draw.getrandbits(250))),
        teams=tuple((f"{t.city} {t.nickname}", t.nickname, t.code) for t in (away, home)),
        starts_at=starts,
        ends_at=starts + LASTS,
        last_price=Decimal(cents) * CENT,
        cleared=True,
    )
    return Past(market=market, winner=winner, price=Decimal(cents) * CENT)


def _bet(
    exchange: Exchange,
    whale: Whale,
    game: Past,
    *,
    house: Wallet,
    draw: random.Random,
) -> Trade:
    market = game.market
    assert market.starts_at is not None
    at = market.starts_at - timedelta(seconds=draw.randint(60, 7000))
    index = whale.picks(game.winner, draw)
    paid = (game.price if index == 0 else ONE - game.price) + HALF_SPREAD
    wallet = exchange.wallets[whale.address]
    shares = whale.bet(paid, draw)
    taker = _leg(market, wallet, market.tokens[index], price=paid, shares=shares, at=at)
    maker = _leg(market, house, market.tokens[1 - index], price=ONE - paid, shares=shares, at=at)
    taker.fee = market.taker_fee(price=paid, shares=shares)
    name = hashlib.sha256(f"{market.condition} {whale.name}".encode()).hexdigest()
    trade = Trade(
        trade_id=f"{name[:8]}-{name[8:12]}-4{name[13:16]}-8{name[17:20]}-{name[20:32]}",
        market=market,
        taker=taker,
        makers=[maker],
        at=at,
        changed_at=at,
        mined_at=at,
        status=Settlement.CONFIRMED,
        transaction=f"0x{name}",
    )
    exchange.trades.append(trade)
    market.volume += shares * paid
    if index == game.winner:
        exchange.redemptions.append(
            Redemption(
                wallet=wallet.address,
                market=market,
                paid=shares,
                at=market.starts_at + LASTS + timedelta(minutes=5),
            )
        )
    return trade


def _leg(
    market: Market,
    wallet: Wallet,
    token: str,
    *,
    price: Decimal,
    shares: Decimal,
    at: datetime,
) -> Leg:
    """Return a purchase that the chain confirmed long ago."""
    order = Order(
        order_id="0x" + hashlib.sha256(f"{wallet.address}{token}{at}".encode()).hexdigest(),
        key=wallet.address,
        wallet=wallet,
        market=market,
        token=token,
        buy=True,
        price=price,
        shares=shares,
        kind="FAK",
        created_at=at,
        matched=shares,
        paid=shares * price,
        status="MATCHED",
    )
    return Leg(order=order, shares=shares, price=price, dollars=shares * price, fee=Decimal(0))
