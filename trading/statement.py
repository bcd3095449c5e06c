"""An account in the shape that the guide promised: balance, bets with legs, today's trades, errors.

A constant number of queries, whatever the account's history: sums come from its tally, and lists
are the latest ones. `bets_of` walks all of them for an export.
"""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet

from accounts.models import Account
from notifications.models import Event
from risk.domain.breakers import day_start
from risk.models import RiskState
from trading.models import Chapter, Order, PairTrade, Tally
from venues.money import ZERO, nearest_cents

LATEST = 100  # bets and errors that a state shows; an export has all of them
CHUNK = 500
VENUES = {"polymarket": "Polymarket", "kalshi": "Kalshi", "paper": "Paper"}
OVER = ("HEDGED", "FLAT", "ABORTED", "MANUAL")


def state_of(account: Account, *, now: datetime) -> dict[str, Any]:
    """Return the promised state; money in dollars as numbers, as it was promised."""
    told = _sums(account, now=now)
    start = _begin(account)
    return told | {
        "bets": [*_latest(pair_bets(account, since=start), copies(account, since=start))]
    }


def exported(account: Account, *, now: datetime) -> dict[str, Any]:
    """Return the whole account in the guide's file structure."""
    told, start = _sums(account, now=now), _begin(account)
    today = day_start(now)
    bets = list(bets_of(account))
    return {
        "balance": told["balance"],
        "initial_balance": told["initial_balance"],
        "bets": bets,
        "daily_trades": [
            {"id": bet["id"], "timestamp": bet["timestamp"]}
            for bet in bets
            if datetime.fromisoformat(bet["timestamp"]) >= today and _is_trade(bet)
        ],
        "daily_loss": told["daily_loss"],
        "errors": _errors(account, since=start),
        "account": account.name,
        "mode": told["mode"],
        "exported_at": now.isoformat(),
    }


def _is_trade(bet: dict[str, Any]) -> bool:
    """Tell whether a bet counts among the day's trades: entries that were not given up."""
    if bet["type"] == "pair":
        return bool(bet["state"] != "ABORTED")
    return bool(bet["legs"][0]["side"] == "BUY")


def bets_of(account: Account) -> Iterator[dict[str, Any]]:
    """Return every bet since the account's count began, oldest first."""
    start = _begin(account)
    for trade in pair_bets(account, since=start).order_by("created_at", "pk").iterator(CHUNK):
        yield _pair(trade)
    for order in copies(account, since=start).order_by("created_at", "pk").iterator(CHUNK):
        yield _copy(order)


def pair_bets(account: Account, *, since: datetime) -> QuerySet[PairTrade]:
    rows = PairTrade.objects.filter(account=account, created_at__gte=since)
    return rows.select_related("game", "first__market", "second__market").prefetch_related(
        "orders__outcome"
    )


def copies(account: Account, *, since: datetime) -> QuerySet[Order]:
    rows = Order.objects.filter(account=account, created_at__gte=since, pair_trade__isnull=True)
    return rows.filter(filled_shares__gt=0).select_related("outcome__market")


def _latest(pairs: QuerySet[PairTrade], orders: QuerySet[Order]) -> list[dict[str, Any]]:
    found = [_pair(each) for each in pairs.order_by("-created_at", "pk")[:LATEST]]
    found += [_copy(each) for each in orders.order_by("-created_at", "pk")[:LATEST]]
    return sorted(found, key=lambda bet: bet["timestamp"], reverse=True)[:LATEST]


def _begin(account: Account) -> datetime:
    last = Chapter.objects.filter(account=account).order_by("-at").first()
    return last.at if last else account.created_at


def _sums(account: Account, *, now: datetime) -> dict[str, Any]:
    tally, _ = Tally.objects.get_or_create(account=account)
    risk = RiskState.objects.get(account=account)
    chapter = Chapter.objects.filter(account=account).order_by("-at").first()
    today = day_start(now)
    current = risk.day == today
    open_pairs = PairTrade.objects.filter(account=account, settled_at=None, state="HEDGED")
    return {
        "balance": number(tally.cash),
        "initial_balance": number(chapter.cash if chapter else account.starting_balance),
        "total_profit": number(-tally.realised - (chapter.realised if chapter else ZERO)),
        "estimated_profit": number(sum(open_pairs.values_list("expected", flat=True), ZERO)),
        "total_trades": tally.trades - (chapter.trades if chapter else 0),
        "daily_loss": number(max(-risk.day_realised, ZERO) if current else ZERO),
        "daily_trades": _traded_today(account, today),
        "mode": "paper" if account.is_paper else "real",
    }


def _traded_today(account: Account, today: datetime) -> int:
    began = PairTrade.objects.filter(account=account, created_at__gte=today)
    pairs = began.exclude(state="ABORTED").count()
    return pairs + copies(account, since=today).filter(side="BUY").count()


def _errors(account: Account, *, since: datetime) -> list[dict[str, str]]:
    rows = Event.objects.filter(account=account, at__gte=since, level__in=["WARN", "ACT"])
    return [
        {"timestamp": each.at.isoformat(), "error": each.sentence}
        for each in rows.order_by("-at", "-pk").iterator(CHUNK)
    ]


def _pair(trade: PairTrade) -> dict[str, Any]:
    orders = sorted(trade.orders.all(), key=lambda each: (each.created_at, str(each.pk)))
    settled = trade.settled_at is not None or trade.state in ("FLAT", "ABORTED")
    profit = trade.expected if trade.realised is None else trade.realised
    cost = sum((each.filled_cost + each.fees for each in orders if each.side == "BUY"), ZERO)
    return {
        "id": f"{trade.game.away}@{trade.game.home}",
        "trade": str(trade.pk),
        "type": "pair",
        "game": trade.game.title,
        "sport": trade.game.league,
        "timestamp": trade.created_at.isoformat(),
        "status": "settled" if settled else "pending",
        "state": trade.state,
        "legs": [_leg(each) for each in orders],
        "order_ids": {
            VENUES.get(each.venue, each.venue): each.venue_order_id or str(each.pk)
            for each in reversed(orders)
        },
        "cost": number(cost),
        "profit": number(ZERO if trade.state == "ABORTED" else profit),
    }


def _copy(order: Order) -> dict[str, Any]:
    market = order.outcome.market
    bought = order.side == "BUY"
    return {
        "id": str(order.pk),
        "trade": str(order.pk),
        "type": "copy" if order.whale_id else "close",
        "game": market.title,
        "sport": market.category,
        "timestamp": order.created_at.isoformat(),
        "status": "pending" if order.outcome.payout is None else "settled",
        "state": order.state,
        "legs": [_leg(order)],
        "order_ids": {VENUES.get(order.venue, order.venue): order.venue_order_id or str(order.pk)},
        "cost": number(order.filled_cost + order.fees if bought else ZERO),
        "profit": _copy_profit(order),
    }


def _copy_profit(order: Order) -> float | None:
    """Return what the shares of a purchase brought more than they cost; None until they pay."""
    payout = order.outcome.payout
    if order.side == "SELL" or payout is None:
        return None
    return number(order.filled_shares * payout - order.filled_cost - order.fees)


def _leg(order: Order) -> dict[str, Any]:
    shares = order.filled_shares
    return {
        "venue": order.venue,
        "role": order.role,
        "outcome": order.outcome.name if "outcome" in order._state.fields_cache else "",
        "side": order.side,
        "state": order.state,
        "shares": number(shares),
        "price": float(order.filled_cost / shares) if shares else None,
        "fee": number(order.fees),
    }


def number(amount: Decimal) -> float:
    """Return dollars as the number that the guide shows; only its shapes are told in floats."""
    return float(nearest_cents(amount))
