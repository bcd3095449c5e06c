"""The websockets: books of tokens, orders and trades of one's own, and what everybody traded."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

from sandbox.clock import milliseconds
from sandbox.polymarket import data, wire
from sandbox.polymarket.exchange import Exchange
from sandbox.polymarket.markets import Market
from sandbox.polymarket.paging import old_row
from sandbox.polymarket.rows import Order, Trade

Frame = dict[str, Any]
Ladder = dict[tuple[str, Decimal], Decimal]  # (BUY or SELL, price) to shares
ZERO = Decimal(0)


class MarketSession:
    """Books of some tokens: one whole, then the levels that changed. No sequence number."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._seen: dict[str, Ladder] = {}
        self._ticks: dict[str, Decimal] = {}
        self._resolved: set[str] = set()  # markets whose end was told, or known before
        self._custom = False
        self._trades = len(exchange.trades)

    def note(self, kind: str, fields: dict[str, Any]) -> None:
        """Need nothing of an event: books and trades are looked at as they are."""

    def command(self, row: object, *, now: datetime) -> list[Frame]:
        """Subscribe to tokens, or leave them; what is no command is not answered."""
        if not isinstance(row, dict) or not isinstance(row.get("assets_ids"), list):
            return []
        tokens = [str(each) for each in row["assets_ids"]]
        self._custom = bool(row.get("custom_feature_enabled", self._custom))
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
            at = str(milliseconds(now))
            frames += self._news(market, at)
            if changes:
                frames.append(
                    {
                        "event_type": "price_change",
                        "market": market.condition,
                        "price_changes": changes,
                        "timestamp": at,
                    }
                )
                told = {change["asset_id"] for change in changes}
                for token in sorted(told):
                    frames += self._touch(market, token, at)
        trades, self._trades = self._exchange.trades[self._trades :], len(self._exchange.trades)
        return frames + [
            _last_trade(trade) for trade in trades if trade.taker.order.token in self._seen
        ]

    def _market(self, token: str) -> Market:
        return self._exchange.by_token[token]

    def _book(self, token: str, *, now: datetime) -> Frame:
        market = self._market(token)
        self._seen[token] = _ladder(market, token)
        self._ticks[token] = market.tick
        if market.payout is not None:
            self._resolved.add(market.condition)
        return {"event_type": "book", **wire.book(market, token, at=now)}

    def _news(self, market: Market, at: str) -> list[Frame]:
        """Return what is new of a market itself: a finer tick, and its end."""
        frames: list[Frame] = []
        for token in market.tokens:
            if token in self._seen and self._ticks[token] != market.tick:
                frames.append(
                    {
                        "event_type": "tick_size_change",
                        "market": market.condition,
                        "asset_id": token,
                        "old_tick_size": wire.plain(self._ticks[token]),
                        "new_tick_size": wire.plain(market.tick),
                        "timestamp": at,
                    }
                )
                self._ticks[token] = market.tick
        if self._custom and market.payout is not None and market.condition not in self._resolved:
            self._resolved.add(market.condition)
            winner = 0 if market.payout[0] >= market.payout[1] else 1
            frames.append(
                {
                    "event_type": "market_resolved",
                    "id": market.slug,
                    "market": market.condition,
                    "assets_ids": list(market.tokens),
                    "winning_asset_id": market.tokens[winner],
                    "winning_outcome": market.outcomes[winner],
                    "timestamp": at,
                    "tags": [],
                }
            )
        return frames

    def _touch(self, market: Market, token: str, at: str) -> list[Frame]:
        """Return the best bid and ask of a token, for those who asked for more than books."""
        bid, ask = wire.best(market, token, buy=True), wire.best(market, token, buy=False)
        if not self._custom or bid is None or ask is None:
            return []
        return [
            {
                "event_type": "best_bid_ask",
                "market": market.condition,
                "asset_id": token,
                "best_bid": wire.plain(bid),
                "best_ask": wire.plain(ask),
                "spread": wire.plain(ask - bid),
                "timestamp": at,
            }
        ]

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
        row |= {"type": "TRADE", "trade_owner": trade.taker.order.key}
        row |= {"event_type": "trade", "status": str(status), "timestamp": str(milliseconds(now))}
        orders = [_order(order, "UPDATE", now=now) for order in legs]
        return [*orders, row] if kind == "polymarket.matched" else [row]

    def _mine(self, order: Order) -> bool:
        wanted = not self._markets or order.market.condition in self._markets
        return order.key == self._key and wanted


class ActivitySession:
    """Every trade of everybody, once the chain has it; the feed of what whales do."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._mined: list[str] = []
        self._subscribed = False

    def note(self, kind: str, fields: dict[str, Any]) -> None:
        if kind == "polymarket.mined" and self._subscribed:
            self._mined.append(fields["trade"])

    def command(self, row: object) -> list[Frame]:
        """Subscribe. One topic that does not exist ends the whole subscription."""
        wanted = row.get("subscriptions") if isinstance(row, dict) else None
        if not isinstance(row, dict) or not isinstance(wanted, list):
            return []
        known = all(
            isinstance(each, dict)
            and each.get("topic") == "activity"
            and each.get("type") in ("trades", "*")
            for each in wanted
        )
        if row.get("action") == "subscribe":
            self._subscribed = bool(wanted) and known
        elif row.get("action") == "unsubscribe":
            self._subscribed = False
        return []

    def happened(self, *, now: datetime) -> list[Frame]:
        mined, self._mined = set(self._mined), []
        found: list[Trade] = []
        for trade in reversed(self._exchange.trades if mined else ()):
            if len(found) == len(mined):
                break
            if trade.trade_id in mined:
                found.append(trade)
        return [
            {
                "topic": "activity",
                "type": "trades",
                "timestamp": milliseconds(now),
                "payload": old_row(data.fill_row(trade, leg)),
            }
            for trade in reversed(found)
            for leg in (trade.taker, *trade.makers)
        ]


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
