"""The websocket: subscriptions with a sequence number each, books as snapshot and deltas."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from sandbox.book import Side
from sandbox.clock import iso, milliseconds
from sandbox.kalshi import frames, wire
from sandbox.kalshi.accounts import Member, Order
from sandbox.kalshi.exchange import Exchange
from sandbox.kalshi.listing import Market

Frame = dict[str, Any]
Ladder = dict[tuple[str, Decimal], Decimal]  # (side, price of its own) to contracts
SEQUENCED = {"orderbook_delta", "trade", "market_lifecycle_v2"}
CHANNELS = SEQUENCED | {"fill", "user_orders", "ticker", "market_positions"}
ONE, ZERO = Decimal(1), Decimal(0)

UNKNOWN_COMMAND, UNKNOWN_CHANNEL, UNKNOWN_SID, NEEDS_MARKET = 5, 8, 7, 9


@dataclass(slots=True, kw_only=True)
class Subscription:
    """One channel of one connection."""

    sid: int
    channel: str
    tickers: set[str] | None  # None: all markets
    yes_prices: bool
    seq: int = 0
    seen: dict[str, Ladder] = field(default_factory=dict)
    told: dict[str, Frame] = field(default_factory=dict)  # tickers

    def wants(self, ticker: str) -> bool:
        return self.tickers is None or ticker in self.tickers


class Session:
    """One connection: answers commands, and tells what happened since it was last asked."""

    def __init__(self, exchange: Exchange, user_id: str) -> None:
        self._exchange, self._user_id = exchange, user_id
        self._subscriptions: dict[int, Subscription] = {}
        self._next = 1
        self._clock = 0
        self._events: list[tuple[str, dict[str, Any]]] = []

    def note(self, kind: str, fields: dict[str, Any]) -> None:
        """Remember that something happened; a listener of the event log."""
        if kind.startswith("kalshi."):
            self._events.append((kind, fields))

    def command(self, row: object, *, now: datetime) -> list[Frame]:
        """Answer one command."""
        if not isinstance(row, dict) or not isinstance(row.get("params", {}), dict):
            return [_error(None, UNKNOWN_COMMAND, "Unknown command")]
        number, params = row.get("id"), row.get("params", {})
        match row.get("cmd"):
            case "subscribe":
                return self._subscribe(number, params, now=now)
            case "unsubscribe":
                return [self._unsubscribe(number, sid) for sid in params.get("sids", [])]
            case "update_subscription":
                return self._update(number, params, now=now)
            case "list_subscriptions":
                rows = [
                    {"channel": each.channel, "sid": sid}
                    for sid, each in self._subscriptions.items()
                ]
                return [{"id": number, "type": "ok", "msg": rows}]
        return [_error(number, UNKNOWN_COMMAND, "Unknown command")]

    def happened(self, *, now: datetime) -> list[Frame]:
        """Return frames for everything that happened since the last call."""
        events, self._events = self._events, []
        found = []
        for kind, fields in events:
            for each in self._subscriptions.values():
                found += self._tell(each, kind, fields, now=now)
        for each in self._subscriptions.values():
            if each.channel == "orderbook_delta" and events:
                found += self._deltas(each, now=now)
            if each.channel == "ticker" and events:
                found += self._tickers(each, now=now)
        return found

    def _subscribe(self, number: Any, params: dict[str, Any], *, now: datetime) -> list[Frame]:
        one, many = params.get("market_ticker"), params.get("market_tickers")
        named = [one] if isinstance(one, str) else many if isinstance(many, list) else None
        answer: list[Frame] = []
        made = []
        for channel in params.get("channels", []):
            if channel not in CHANNELS:
                return [_error(number, UNKNOWN_CHANNEL, "Unknown channel name")]
            if channel == "orderbook_delta" and not named:
                return [_error(number, NEEDS_MARKET, "Market Ticker required")]
            tickers = {str(each) for each in named} if named else None
            if channel == "market_lifecycle_v2":
                tickers = None
            subscription = Subscription(
                sid=self._next,
                channel=channel,
                tickers=tickers,
                yes_prices=params.get("use_yes_price") is True,
            )
            self._next += 1
            self._subscriptions[subscription.sid] = subscription
            made.append(subscription)
            told = {"channel": channel, "sid": subscription.sid}
            answer.append({"id": number, "type": "subscribed", "msg": told})
        for subscription in made:
            if subscription.channel == "orderbook_delta":
                answer += self._snapshots(subscription, subscription.tickers or (), now=now)
            elif subscription.channel == "ticker":
                first = self._tickers(subscription, now=now)
                answer += first if params.get("send_initial_snapshot") is True else []
        return answer

    def _unsubscribe(self, number: Any, sid: Any) -> Frame:
        gone = self._subscriptions.pop(sid, None)
        if gone is None:
            return _error(number, UNKNOWN_SID, "Unknown subscription ID")
        gone.seq += 1
        return {"id": number, "sid": sid, "seq": gone.seq, "type": "unsubscribed"}

    def _update(self, number: Any, params: dict[str, Any], *, now: datetime) -> list[Frame]:
        sids = params.get("sids") or [params.get("sid")]
        each = self._subscriptions.get(sids[0])
        tickers = {str(ticker) for ticker in params.get("market_tickers", [])}
        if each is None or each.tickers is None:
            return [_error(number, UNKNOWN_SID, "Unknown subscription ID")]
        action = params.get("action")
        if action == "add_markets":
            each.tickers |= tickers
        elif action == "delete_markets":
            each.tickers -= tickers
        elif action != "get_snapshot":
            return [_error(number, UNKNOWN_COMMAND, "Unknown action")]
        each.seq += 1
        done = {"market_tickers": sorted(each.tickers)}
        answer = [{"id": number, "sid": each.sid, "seq": each.seq, "type": "ok", "msg": done}]
        if action != "delete_markets" and each.channel == "orderbook_delta":
            answer += self._snapshots(each, tickers or each.tickers, now=now)
        return answer

    def _snapshots(
        self, each: Subscription, tickers: Iterable[str], *, now: datetime
    ) -> list[Frame]:
        answer: list[Frame] = []
        for ticker in sorted(tickers):
            market = self._exchange.markets.get(ticker)
            if market is None:
                continue
            each.seen[ticker] = _ladder(market)
            sides: dict[str, list[list[str]]] = {}
            for (side, price), count in sorted(each.seen[ticker].items()):
                shown = ONE - price if each.yes_prices and side == "no" else price
                rows = sides.setdefault(f"{side}_dollars_fp", [])  # an empty side has no key
                rows.append([wire.dollars(shown), wire.count(count)])
            answer.append(
                self._frame(each, "orderbook_snapshot", {**self._of(market), **sides}, now=now)
            )
        return answer

    def _deltas(self, each: Subscription, *, now: datetime) -> list[Frame]:
        answer: list[Frame] = []
        for ticker, before in each.seen.items():
            market = self._exchange.markets[ticker]
            after = _ladder(market)
            for key in sorted(before.keys() | after.keys()):
                change = after.get(key, ZERO) - before.get(key, ZERO)
                if change:
                    side, price = key
                    shown = ONE - price if each.yes_prices and side == "no" else price
                    told = {
                        **self._of(market),
                        "price_dollars": wire.dollars(shown),
                        "delta_fp": wire.count(change),
                        "side": side,
                        "ts": iso(now),
                        "ts_ms": milliseconds(now),
                    }
                    answer.append(self._frame(each, "orderbook_delta", told, now=now))
            each.seen[ticker] = after
        return answer

    def _tell(
        self, each: Subscription, kind: str, fields: dict[str, Any], *, now: datetime
    ) -> list[Frame]:
        if kind == "kalshi.traded" and each.wants(fields["ticker"]):
            return self._tell_trade(each, fields, now=now)
        changed = kind in ("kalshi.accepted", "kalshi.canceled")
        if changed and each.channel == "user_orders" and self._own(fields["order"]):
            return [self._order_frame(each, fields["order"], now=now)]
        if each.channel == "market_lifecycle_v2":
            if kind in ("kalshi.closed", "kalshi.settled"):
                told = frames.life(self._exchange.markets[fields["ticker"]], kind, fields)
                return [self._frame(each, "market_lifecycle_v2", told, now=now)]
            if kind == "kalshi.event_fees":
                return [self._frame(each, "event_fee_update", frames.fees(fields), now=now)]
        return []

    def _tell_trade(
        self, each: Subscription, fields: dict[str, Any], *, now: datetime
    ) -> list[Frame]:
        trade = next(t for t in reversed(self._exchange.trades) if t.trade_id == fields["trade"])
        if each.channel == "trade":
            return [self._frame(each, "trade", frames.trade(trade), now=now)]
        mine = [o for o in (fields["taker"], fields["maker"]) if self._own(o)]
        match each.channel:
            case "fill":
                return [
                    self._frame(each, "fill", frames.fill(self._member, trade, order_id), now=now)
                    for order_id in mine
                ]
            case "user_orders":
                return [self._order_frame(each, order_id, now=now) for order_id in mine]
            case "market_positions" if mine:
                told = frames.position(self._member, self._exchange.markets[trade.ticker])
                return [self._frame(each, "market_position", told, now=now)]
        return []

    def _tickers(self, each: Subscription, *, now: datetime) -> list[Frame]:
        """Return the tickers that changed since they were last told."""
        found = []
        for name, market in self._exchange.markets.items():
            if each.wants(name):
                told = frames.ticker(market, now=now)
                key = {k: v for k, v in told.items() if k not in ("ts", "ts_ms", "time")}
                if each.told.get(name) != key:
                    each.told[name] = key
                    found.append(self._frame(each, "ticker", told, now=now))
        return found

    @property
    def _member(self) -> Member:
        return self._exchange.members[self._user_id]

    def _own(self, order_id: str) -> Order | None:
        return self._member.orders.get(order_id)

    def _order_frame(self, each: Subscription, order_id: str, *, now: datetime) -> Frame:
        told = frames.order(self._member.orders[order_id])
        return self._frame(each, "user_order", told, now=now)

    def _of(self, market: Market) -> dict[str, Any]:
        self._clock += 1
        name = frames.market_id(market)
        return {"market_ticker": market.ticker, "market_id": name, "clock": self._clock}

    def _frame(
        self, each: Subscription, kind: str, told: dict[str, Any], *, now: datetime
    ) -> Frame:
        frame: Frame = {"type": kind, "sid": each.sid, "sending_ts_ms": milliseconds(now)}
        if each.channel in SEQUENCED:
            each.seq += 1
            frame["seq"] = each.seq
        return {**frame, "msg": told}


def _ladder(market: Market) -> Ladder:
    yes = {("yes", price): size for price, size in market.book.levels(Side.BID)}
    no = {("no", ONE - price): size for price, size in market.book.levels(Side.ASK)}
    return yes | no


def _error(number: Any, code: int, words: str) -> Frame:
    frame: Frame = {"type": "error", "msg": {"code": code, "msg": words}}
    return frame if number is None else {"id": number, **frame}
