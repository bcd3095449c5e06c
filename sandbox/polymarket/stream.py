"""The websockets: books and trades of tokens for everybody, orders and trades of one's own."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

from sandbox.clock import milliseconds
from sandbox.polymarket import wire
from sandbox.polymarket.exchange import Exchange
from sandbox.polymarket.markets import Market
from sandbox.polymarket.rows import Order, Trade

Frame = dict[str, Any]
Ladder = dict[tuple[str, Decimal], Decimal]  # (BUY or SELL, price) to shares
ZERO = Decimal(0)


class MarketSession:
    """Books of some tokens: one whole, then the levels that changed. No sequence number."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._seen: dict[str, Ladder] = {}
        self._trades = len(exchange.trades)

    def note(self, kind: str, fields: dict[str, Any]) -> None:
        """Need nothing of an event: books and trades are looked at as they are."""

    def command(self, row: object, *, now: datetime) -> list[Frame]:
        """Subscribe to tokens, or leave them; what is no command is not answered."""
        if not isinstance(row, dict) or not isinstance(row.get("assets_ids"), list):
            return []
        tokens = [str(each) for each in row["assets_ids"]]
        if row.get("operation") == "unsubscribe":
            for token in tokens:
                self._seen.pop(token, None)
            return []
        return [self._book(token, now=now) for token in tokens if token in self._exchange.by_token]

    def happened(self, *, now: datetime) -> list[Frame]:
        """Return frames for everything that changed since the last call."""
        frames = []
        for market in {id(m): m for m in map(self._market, self._seen)}.values():
            changes = [
                change
                for token in market.tokens
                if token in self._seen
                for change in self._changes(market, token)
            ]
            if changes:
                at = str(milliseconds(now))
                frames.append(
                    {
                        "event_type": "price_change",
                        "market": market.condition,
                        "price_changes": changes,
                        "timestamp": at,
                    }
                )
        trades, self._trades = self._exchange.trades[self._trades :], len(self._exchange.trades)
        return frames + [
            _last_trade(trade) for trade in trades if trade.taker.order.token in self._seen
        ]

    def _market(self, token: str) -> Market:
        return self._exchange.by_token[token]

    def _book(self, token: str, *, now: datetime) -> Frame:
        market = self._market(token)
        self._seen[token] = _ladder(market, token)
        return {"event_type": "book", **wire.book(market, token, at=now)}

    def _changes(self, market: Market, token: str) -> list[dict[str, str]]:
        before, after = self._seen[token], _ladder(market, token)
        self._seen[token] = after
        bid, ask = wire.best(market, token, buy=True), wire.best(market, token, buy=False)
        return [
            {
                "asset_id": token,
                "price": wire.plain(price),
                "side": side,
                "size": wire.plain(after.get((side, price), ZERO)),  # the new total, 0 to delete
                "hash": wire.digest(token, after),
                "best_bid": wire.plain(bid or ZERO),
                "best_ask": wire.plain(ask if ask is not None else Decimal(1)),
            }
            for side, price in sorted(before.keys() | after.keys())
            if before.get((side, price)) != after.get((side, price))
        ]


class UserSession:
    """Orders and trades of one API key."""

    def __init__(self, exchange: Exchange, key: str, markets: Iterable[str] = ()) -> None:
        self._exchange, self._key = exchange, key
        self._markets = set(markets)  # conditions; empty means all
        self._events: list[tuple[str, dict[str, Any]]] = []

    def note(self, kind: str, fields: dict[str, Any]) -> None:
        """Remember that something happened; a listener of the event log."""
        if kind.startswith("polymarket."):
            self._events.append((kind, fields))

    def happened(self, *, now: datetime) -> list[Frame]:
        events, self._events = self._events, []
        frames: list[Frame] = []
        for kind, fields in events:
            if "trade" in fields:
                frames += self._of_trade(kind, fields, now=now)
            elif kind in ("polymarket.accepted", "polymarket.canceled"):
                placed = kind == "polymarket.accepted"
                order = self._exchange.orders.get(fields["order"])
                if order and self._mine(order):
                    word = "PLACEMENT" if placed else "CANCELLATION"
                    frames.append(_order(order, word, now=now))
        return frames

    def _of_trade(self, kind: str, fields: dict[str, Any], *, now: datetime) -> list[Frame]:
        found = reversed(self._exchange.trades)
        trade = next(each for each in found if each.trade_id == fields["trade"])
        legs = [leg.order for leg in (trade.taker, *trade.makers) if self._mine(leg.order)]
        if not legs:
            return []
        row = wire.trade(trade, key=self._key)
        status = fields.get("status", "MATCHED")
        row |= {"event_type": "trade", "status": str(status), "timestamp": str(milliseconds(now))}
        orders = [_order(order, "UPDATE", now=now) for order in legs]
        return [*orders, row] if kind == "polymarket.matched" else [row]

    def _mine(self, order: Order) -> bool:
        wanted = not self._markets or order.market.condition in self._markets
        return order.key == self._key and wanted


def _ladder(market: Market, token: str) -> Ladder:
    bids, asks = market.ladder(token)
    return {("BUY", price): size for price, size in bids} | {
        ("SELL", price): size for price, size in asks
    }


def _last_trade(trade: Trade) -> Frame:
    order = trade.taker.order
    return {
        "event_type": "last_trade_price",
        "market": trade.market.condition,
        "asset_id": order.token,
        "price": wire.plain(trade.taker.price),
        "size": wire.plain(trade.taker.shares),
        "side": "BUY" if order.buy else "SELL",
        "fee_rate_bps": "",
        "timestamp": str(milliseconds(trade.at)),
    }


def _order(order: Order, kind: str, *, now: datetime) -> Frame:
    row = wire.open_order(order)
    return {
        **row,
        "event_type": "order",
        "type": kind,
        "status": order.status,
        "order_owner": order.key,
        "created_at": str(milliseconds(order.created_at)),
        "timestamp": str(milliseconds(now)),
    }
