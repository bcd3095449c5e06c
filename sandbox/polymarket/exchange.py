"""The authoritative books of Polymarket's order book: orders, matches, and what the chain says."""

import base64
import hashlib
import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from sandbox.book import Resting
from sandbox.log import EventLog
from sandbox.polymarket import admission, chain
from sandbox.polymarket.markets import Market
from sandbox.polymarket.matching import NAMESPACE, execute, plan
from sandbox.polymarket.rows import (
    OPEN,
    Leg,
    Order,
    Redemption,
    Refused,
    Rules,
    Trade,
)
from sandbox.polymarket.wallets import ApiKey, Wallet

ZERO, ONE = Decimal(0), Decimal(1)
MARKETABLE_MINIMUM = ONE  # USD of an order that buys at once


class Exchange:
    """Polymarket's state. Every method takes the time; `tick` does what has fallen due."""

    def __init__(self, log: EventLog, *, rules: Rules | None = None, epoch: str = "") -> None:
        self.log = log
        self.epoch = epoch  # tells the ids of one start from those of another
        self.rules = rules or Rules()
        self.markets: dict[str, Market] = {}
        self.by_token: dict[str, Market] = {}
        self.wallets: dict[str, Wallet] = {}
        self.keys: dict[str, ApiKey] = {}
        self.relayer_keys: dict[str, str] = {}  # by the address they were made for, lower case
        self.orders: dict[str, Order] = {}
        self.trades: list[Trade] = []
        self.redemptions: list[Redemption] = []
        self.house = ""  # the wallet of whoever runs the place: it is on no leaderboard
        self.paused = False  # nothing new is taken
        self._watched = 0  # matches that somebody who is not invented has part in
        self._placed = 0  # orders that passed every check
        self._matches = 0  # since the exchange began; what is older has no number
        self._to_clear: dict[str, Market] = {}  # books that end when their games start
        self._timed: dict[str, Order] = {}  # orders that end, or are looked at again, by time
        self._unsettled: dict[int, Trade] = {}  # trades that the chain has not decided, by number

    def list_market(self, market: Market) -> None:
        self.markets[market.condition] = market
        if market.clears_book and not market.cleared:
            self._to_clear[market.condition] = market
        for token in market.tokens:
            self.by_token[token] = market

    def open_wallet(
        self,
        address: str,
        *,
        owner: str | None = None,
        signature_type: int = 0,
        cash: Decimal,
        name: str = "",
        invented: bool = False,
    ) -> Wallet:
        wallet = Wallet(
            address=address.lower(),
            owner=(owner or address).lower(),
            signature_type=signature_type,
            name=name,
            invented=invented,
            cash=cash,
        )
        self.wallets[wallet.address] = wallet
        return wallet

    def key_for(self, address: str, nonce: int) -> ApiKey:
        """Return the API key of an address and a nonce: the same one each time."""
        seed = hashlib.sha256(f"{address.lower()}:{nonce}".encode()).digest()
        key = ApiKey(
            key=str(uuid.uuid5(NAMESPACE, f"key:{address.lower()}:{nonce}")),
            secret=base64.urlsafe_b64encode(seed).decode(),
            passphrase=hashlib.sha256(seed).hexdigest(),
            address=address.lower(),
        )
        self.keys[key.key] = key
        return key

    # Orders

    def place(self, order: Order, *, now: datetime) -> Order:
        """Take a signed and checked order: match it, hold it, or let it rest. Raises Refused."""
        market = order.market
        admission.check(self, order, now=now)
        side, price = market.on_book(order.token, buy=order.buy, price=order.price)
        crossing = next(market.book.crossing(side, price), None) is not None
        if order.post_only and order.kind in ("FOK", "FAK"):
            raise Refused("invalid post-only order: only GTC and GTD orders can rest")
        if order.post_only and crossing:
            raise Refused("invalid post-only order: order crosses book")
        if crossing and order.buy and order.shares * order.price < MARKETABLE_MINIMUM:
            raise Refused(
                f"invalid amount for a marketable BUY order (${order.shares * order.price:.2f}), "
                "min size: $1"
            )
        order.number = 0 if order.wallet.invented else self._placed + 1
        held = self._held_for(order) if crossing else timedelta(0)
        meeting = plan(self, order, held=bool(held))  # an order that is killed was never accepted
        admission.check_cost(self, order, meeting)
        self._placed = max(self._placed, order.number)
        self.orders[order.order_id] = order.wallet.open[order.order_id] = order
        if order.expires_at is not None or held:
            self._timed[order.order_id] = order
        self.log.write(
            "polymarket.accepted",
            now,
            order=order.order_id,
            wallet=order.wallet.address,
            token=order.token,
            buy=order.buy,
            price=order.price,
            shares=order.shares,
        )
        if held:
            order.status, order.release_at = "DELAYED", now + held
            return order
        execute(self, order, now=now)
        return order

    def cancel(self, key: str, order_id: str, *, now: datetime) -> str:
        """Take an order back; returns why not, or nothing when it is done."""
        order = self.orders.get(order_id)
        if order is None or order.key != key:
            return "order not found"
        if order.status == "DELAYED":
            return "order is delayed and cannot be canceled"
        if order.order_id not in order.market.book:
            return "order can't be found - already canceled or matched"
        self._end(order, "CANCELED", now=now)
        return ""

    def tick(self, *, now: datetime) -> None:
        """Release held orders, expire, clear books at the start of games, move the chain on."""
        for order in list(self._timed.values()):
            if order.release_at is not None and order.release_at <= now:
                order.release_at = None
                self._release(order, now=now)
            expired = order.expires_at is not None and order.expires_at <= now
            if expired and order.order_id in order.market.book:
                self._end(order, "CANCELED_EXPIRED_ORDER", now=now)
            if order.status not in OPEN:
                del self._timed[order.order_id]
        for market in list(self._to_clear.values()):
            if market.starts_at is not None and market.starts_at <= now:
                del self._to_clear[market.condition]
                market.cleared = True
                self._clear(market, "CANCELED", now=now)
        for place, trade in list(self._unsettled.items()):
            while chain.move(trade, self.rules, now=now):
                kind = "settled" if chain.is_final(trade) else "mined"
                self.log.write(f"polymarket.{kind}", now, trade=trade.trade_id, status=trade.status)
            if chain.is_final(trade):
                del self._unsettled[place]

    def next_due(self) -> datetime | None:
        """Return when `tick` has something to do next."""
        moments = [chain.due(trade, self.rules) for trade in self._unsettled.values()]
        for order in self._timed.values():
            ends = order.release_at if order.status == "DELAYED" else order.expires_at
            moments += [ends] if ends is not None else []
        moments += [each.starts_at for each in self._to_clear.values() if each.starts_at]
        return min(moments, default=None)

    def resolve(self, condition: str, payout: tuple[Decimal, Decimal], *, now: datetime) -> None:
        """End a market: what a share of each token pays, USD."""
        market = self.markets[condition]
        market.resolve(payout, now)
        self._to_clear.pop(condition, None)
        self._clear(market, "CANCELED_MARKET_RESOLVED", now=now)
        self.log.write("polymarket.resolved", now, condition=condition, payout=list(payout))

    def redeem(
        self, address: str, condition: str, *, now: datetime, index: int | None = None
    ) -> Decimal:
        """Turn the shares of a resolved market into pUSD; twice gives nothing more.

        `index` names one outcome; without it both are redeemed. Raises Refused.
        """
        wallet, market = self.wallets[address.lower()], self.markets[condition]
        if market.payout is None:
            raise Refused("the market is not resolved")
        paid = ZERO
        for place, (token, unit) in enumerate(zip(market.tokens, market.payout, strict=True)):
            if index in (None, place):
                # What was sold and is on its way belongs to the buyer already.
                free = max(wallet.free_shares(token, ZERO), ZERO)
                wallet.shares[token] = wallet.shares.get(token, ZERO) - free
                paid += free * unit
                if not wallet.shares[token]:
                    del wallet.shares[token]
        wallet.cash += paid
        done = Redemption(wallet=wallet.address, market=market, paid=paid, at=now)
        self.redemptions.append(done)
        self.log.write("polymarket.redeemed", now, wallet=address, condition=condition, paid=paid)
        return paid

    def forget(self, order_id: str) -> None:
        """Drop an order that ended without a match: nobody will ask for it again."""
        order = self.orders.get(order_id)
        if order is not None and order.status not in OPEN and not order.matched:
            del self.orders[order_id]
            order.wallet.open.pop(order_id, None)

    def held_cash(self, wallet: Wallet) -> Decimal:
        """Return what open orders of a wallet may still cost, USD."""
        return sum((o.reserve for o in self._open(wallet)), ZERO)

    def held_shares(self, wallet: Wallet, token: str) -> Decimal:
        return sum(
            (o.remaining for o in self._open(wallet) if not o.buy and o.token == token), ZERO
        )

    # Inside

    def _open(self, wallet: Wallet) -> list[Order]:
        for order_id in [key for key, order in wallet.open.items() if order.status not in OPEN]:
            del wallet.open[order_id]
        return list(wallet.open.values())

    def _held_for(self, order: Order) -> timedelta:
        """Return how long an order that would take is held before it may."""
        bent = self.rules.delay if order.number in self.rules.delayed else timedelta(0)
        return max(timedelta(seconds=order.market.delay), bent)

    def new_trade_id(self) -> str:
        """Return an id that no other trade has, not even one of another start."""
        self._matches += 1
        return str(uuid.uuid5(NAMESPACE, f"trade:{self.epoch}:{self._matches}"))

    def watched(self, legs: Sequence[Leg]) -> int:
        """Return the number of a match that somebody who is not invented has part in, else 0."""
        if all(leg.order.wallet.invented for leg in legs):
            return 0
        self._watched += 1
        return self._watched

    def take_trade(self, trade: Trade) -> None:
        """Keep a match, and let the chain have it."""
        self.trades.append(trade)
        self._unsettled[self._matches] = trade

    def _release(self, order: Order, *, now: datetime) -> None:
        """Match an order that was held, if it still may; else it is unmatched."""
        try:
            order.status = "UNMATCHED"
            if order.market.accepting:
                admission.check_funds(self, order)
                admission.check_cost(self, order, plan(self, order))
                execute(self, order, now=now)
        except Refused:
            order.status = "UNMATCHED"

    def _clear(self, market: Market, status: str, *, now: datetime) -> None:
        for resting in market.book:
            self._end(self.orders[resting.order_id], status, now=now)

    def withdraw(self, resting: Iterable[Resting], *, now: datetime) -> None:
        """Let those who are invented take back what still rests."""
        for each in resting:
            if self.orders[each.order_id].wallet.invented:
                self._end(self.orders[each.order_id], "CANCELED", now=now)

    def end_own(self, order: Order, *, now: datetime) -> None:
        """Take back the wallet's own orders that a new one would cross: nobody trades with himself,
        and no book stands crossed.
        """
        side, limit = order.market.on_book(order.token, buy=order.buy, price=order.price)
        for each in list(order.market.book.crossing(side, limit)):
            own = self.orders[each.order_id]
            if own.wallet is order.wallet:
                self._end(own, "CANCELED", now=now)

    def _end(self, order: Order, status: str, *, now: datetime) -> None:
        order.market.book.remove(order.order_id)
        order.status = status
        self.log.write("polymarket.canceled", now, order=order.order_id, status=status)
