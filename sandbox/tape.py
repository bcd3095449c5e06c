"""A recorded market lived again: its trades and books happen on the sandbox's exchanges.

The tape's first moment is the sandbox's start; from there on time runs as on the tape. Whoever bets
beside it meets its prices: what a tape traded is matched against the house at that price, and
between two trades the house quotes around the last one, or as a recorded book had it.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from sandbox.book import Side
from sandbox.games import Game
from sandbox.kalshi import life
from sandbox.kalshi.exchange import Exchange as KalshiExchange
from sandbox.kalshi.exchange import Placing
from sandbox.kalshi.listing import Event, Series
from sandbox.kalshi.listing import Market as KalshiMarket
from sandbox.kalshi.refusals import Refusal
from sandbox.polymarket.exchange import Exchange as PolymarketExchange
from sandbox.polymarket.markets import Market
from sandbox.polymarket.rows import Order, Refused
from sandbox.polymarket.wallets import Wallet
from sandbox.recorded import (
    Ended,
    Happening,
    Quoted,
    condition_of,
    market_of,
    share_of_first,
    token_of,
    when,
)
from sandbox.world import HOUSE, RICH
from venues import types
from venues.types import Book, Trade

ZERO, ONE, CENT = Decimal(0), Decimal(1), Decimal("0.01")
QUOTED = Decimal(5_000)  # shares of each level that the house quotes around a trade
LEVELS = 3
FOREVER = timedelta(days=3650)
SERIES = "KXTAPE"


class Tape:
    """Moves both exchanges on, as a recording tells."""

    def __init__(
        self,
        happenings: Iterable[Happening],
        *,
        start: datetime,
        kalshi: KalshiExchange,
        polymarket: PolymarketExchange,
    ) -> None:
        self._coming = deque(sorted(happenings, key=when))
        self._kalshi, self._polymarket = kalshi, polymarket
        self._shift = start - when(self._coming[0]) if self._coming else timedelta(0)
        self._start = start
        kalshi.open_member(HOUSE, cash=dict.fromkeys(range(4), RICH))
        kalshi.members[HOUSE].invented = True
        self._house = polymarket.open_wallet(HOUSE, cash=RICH * 1000, invented=True)
        polymarket.house = HOUSE
        self._resting: dict[str, list[str]] = {}  # the house's orders, by market
        self._count = 0
        self.skipped = 0  # trades that no exchange would take: dust, or no price on the grid
        self.games: Sequence[Game] = ()
        self.ended: Sequence[Game] = ()
        self.bends: list[Callable[[datetime], None]] = []
        self._list(self._coming)

    def advance(self, now: datetime) -> None:
        """Let everything happen up to a time, one moment after the other, so that no pace changes
        what happens.
        """
        while (moment := self._next()) is not None and moment <= now:
            self._polymarket.tick(now=moment)
            while self._coming and when(self._coming[0]) + self._shift <= moment:
                self._happen(self._coming.popleft(), moment)
        life.expire(self._kalshi, now=now)
        for bend in self.bends:
            bend(now)

    def _next(self) -> datetime | None:
        """Return the next moment at which something happens."""
        due = self._polymarket.next_due()
        if not self._coming:
            return due
        coming = when(self._coming[0]) + self._shift
        return coming if due is None else min(coming, due)

    def _happen(self, each: Happening, at: datetime) -> None:
        if isinstance(each, Trade):
            self._print(each, at)
        elif isinstance(each, Ended):
            self._end(each, at)
        elif each.venue == "kalshi":
            self._quote_kalshi(each, at)
        else:
            self._quote(each.market, each.book, at)

    def _list(self, coming: Iterable[Happening]) -> None:
        """List every market of the tape; an outcome that it never names is called by its number."""
        outcomes: dict[str, dict[str, str]] = {}
        titles: dict[str, str] = {}
        for each in coming:
            if isinstance(each, Trade):
                outcomes.setdefault(each.market, {})[each.token] = each.outcome
                titles[each.market] = each.title
            elif isinstance(each, Quoted) and each.venue == "polymarket":
                outcomes.setdefault(each.market, {}).setdefault(each.book.token, "")
            elif isinstance(each, Quoted):
                self._list_on_kalshi(each.market)
        for market, tokens in outcomes.items():
            self._polymarket.list_market(market_of(market, titles.get(market, market), tokens))

    def _list_on_kalshi(self, ticker: str) -> None:
        if ticker in self._kalshi.markets:
            return
        series = self._kalshi.series.get(SERIES) or Series(ticker=SERIES, title="Recorded markets")
        name = ticker.rpartition("-")[0] or ticker
        event = self._kalshi.events.get(name) or Event(
            ticker=name, series=series, title=name, starts_at=self._start
        )
        self._kalshi.list_market(
            KalshiMarket(
                ticker=ticker,
                event=event,
                yes=ticker.rpartition("-")[2],
                shard=0,
                opens_at=self._start,
                closes_at=self._start + FOREVER,
                expected_at=self._start + FOREVER,
            )
        )

    def _print(self, trade: Trade, at: datetime) -> None:
        """Let a recorded trade happen between its wallet and the house."""
        market = self._polymarket.markets[condition_of(trade.market)]
        token = token_of(trade.token)
        price = trade.price.quantize(market.tick)
        if (
            token not in market.tokens
            or not market.accepting
            or not market.tick <= price <= ONE - market.tick
        ):
            self.skipped += 1
            return
        self._withdraw(market.condition, at)
        buy = trade.side is types.Side.BUY
        wallet = self._wallet(trade.wallet)
        # The house gives both what the tape's wallet may have got elsewhere: shares to sell.
        for owner, selling in ((self._house, buy), (wallet, not buy)):
            if selling:
                owner.shares[token] = owner.shares.get(token, Decimal(0)) + trade.shares
        made = [
            self._order(self._house, market, token, buy=not buy, price=price, shares=trade.shares),
            self._order(wallet, market, token, buy=buy, price=price, shares=trade.shares),
        ]
        try:
            for order in made:
                order.created_at, order.kind = at, "GTC" if order.wallet is self._house else "FAK"
                self._polymarket.place(order, now=at)
        except Refused:
            self.skipped += 1
            self._polymarket.cancel(HOUSE, made[0].order_id, now=at)
        self._quote_around(market, token, price, at)

    def _quote_around(self, market: Market, token: str, price: Decimal, at: datetime) -> None:
        levels = [CENT * (1 + level) for level in range(LEVELS)]
        for buy in (True, False):
            for away in levels:
                wanted = price - away if buy else price + away
                if market.tick <= wanted <= ONE - market.tick:
                    self._rest(market, token, buy=buy, price=wanted, shares=QUOTED, at=at)

    def _quote(self, name: str, book: Book, at: datetime) -> None:
        """Let the house quote what a recorded book had."""
        market, token = self._polymarket.markets[condition_of(name)], token_of(book.token)
        self._withdraw(market.condition, at)
        for buy, levels in ((True, book.bids), (False, book.asks)):
            for level in levels:
                price = level.price.quantize(market.tick)
                self._rest(market, token, buy=buy, price=price, shares=level.shares, at=at)

    def _quote_kalshi(self, each: Quoted, at: datetime) -> None:
        orders = self._kalshi.members[HOUSE].orders
        for order_id in self._resting.pop(each.market, []):
            if orders[order_id].status == "resting":
                self._kalshi.cancel(HOUSE, order_id, now=at)
            self._kalshi.forget(HOUSE, order_id)
        placed = []
        for side, levels in ((Side.BID, each.book.bids), (Side.ASK, each.book.asks)):
            for level in levels:
                asked = Placing(
                    ticker=each.market,
                    side=side,
                    count=level.shares,
                    price=level.price,
                    time_in_force="good_till_canceled",
                    post_only=True,
                )
                try:
                    placed.append(self._kalshi.place(HOUSE, asked, now=at).order_id)
                except Refusal:
                    self.skipped += 1
        self._resting[each.market] = placed

    def _end(self, each: Ended, at: datetime) -> None:
        market = self._polymarket.markets.get(condition_of(each.market))
        if market is None or market.payout is not None:
            return
        first = share_of_first(market, each.winner)
        if first is None:
            self.skipped += 1  # a winner that nobody knows decides nothing
            return
        self._polymarket.resolve(market.condition, (first, ONE - first), now=at)

    def _wallet(self, address: str) -> Wallet:
        known = self._polymarket.wallets.get(address)
        return known or self._polymarket.open_wallet(address, cash=RICH, invented=True)

    def _rest(
        self,
        market: Market,
        token: str,
        *,
        buy: bool,
        price: Decimal,
        shares: Decimal,
        at: datetime,
    ) -> None:
        if not buy:
            self._house.shares[token] = self._house.shares.get(token, Decimal(0)) + shares
        order = self._order(self._house, market, token, buy=buy, price=price, shares=shares)
        order.created_at, order.post_only = at, True
        try:
            self._polymarket.place(order, now=at)
        except Refused:
            return  # somebody's order stands in the way
        self._resting.setdefault(market.condition, []).append(order.order_id)

    def _withdraw(self, condition: str, at: datetime) -> None:
        for order_id in self._resting.pop(condition, []):
            self._polymarket.cancel(HOUSE, order_id, now=at)
            self._polymarket.forget(order_id)

    def _order(
        self,
        wallet: Wallet,
        market: Market,
        token: str,
        *,
        buy: bool,
        price: Decimal,
        shares: Decimal,
    ) -> Order:
        self._count += 1
        return Order(
            order_id=f"0x{self._count:064x}",
            key=wallet.address,
            wallet=wallet,
            market=market,
            token=token,
            buy=buy,
            price=price,
            shares=shares,
            created_at=self._start,
        )
