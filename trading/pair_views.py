"""What is known of pair trades: the view that a step is decided on, and how much is open."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Case, Q, Sum, When

from accounts.models import Account
from markets.models import Game
from risk.domain.pairs import PairLimits
from risk.models import RiskState
from trading.domain.legs import Legs, LegTerms, OrderView
from trading.domain.order_state import OrderState
from trading.domain.pair_state import ONE_SIDED, OPEN, RUNNING, PairState, Role
from trading.domain.pairing import LegRisk
from trading.models import Order, OrderEvent, PairTrade
from venues.money import ZERO
from venues.types import Settlement, Side

MEASURED = 200  # of the latest trades, from which the leg risk is known
PRESSING = timedelta(minutes=1)  # for which a trade without an open side comes first
LATE = timedelta(hours=1)  # for which a match may be told of a pair that ended


def view(trade: PairTrade, *, now: datetime, is_stopped: bool) -> Legs:
    """Return what is known of a trade now."""
    confirmed = Sum("fills__shares", filter=Q(fills__settlement=Settlement.CONFIRMED.value))
    found = trade.orders.annotate(sure=confirmed).order_by("created_at", "pk")
    return Legs(
        state=PairState(trade.state),
        orders=tuple(_order_view(each) for each in found),
        bounds=bounds_of(trade),
        first=terms_of(trade, first=True),
        second=terms_of(trade, first=False),
        second_price=trade.second_price,
        min_edge=Decimal(trade.figures["min_edge"]),
        unhedged_for=None
        if trade.unhedged_at is None
        else max((now - trade.unhedged_at).total_seconds(), 0.0),
        is_stopped=is_stopped,
        refused_for=_refused_for(trade, now=now),
        free=_free(trade),
    )


def bounds_of(trade: PairTrade) -> PairLimits:
    """Return the bounds of a trade, as they were when it began."""
    kept: dict[str, Any] = {}
    for name, value in trade.bounds.items():
        known = getattr(PairLimits(), name)
        if isinstance(known, tuple):
            kept[name] = tuple(value)
        else:
            kept[name] = Decimal(value) if isinstance(known, Decimal) else value
    return PairLimits(**kept)


def terms_of(trade: PairTrade, *, first: bool) -> LegTerms:
    """Return what limits are made from; a fee that nobody knows now is that of the beginning."""
    market = (trade.first if first else trade.second).market
    kept = Decimal(trade.figures["first_rate" if first else "second_rate"])
    rate = kept if market.fee_rate is None else market.fee_rate
    return LegTerms(tick=market.tick or Decimal("0.01"), rate=rate)


def runs(account: Account, game: Game) -> bool:
    """Tell whether a trade of a game runs on an account."""
    running = {"state__in": sorted(RUNNING), "settled_at__isnull": True}
    return PairTrade.objects.filter(account=account, game=game, **running).exists()


def held(account_id: UUID, outcome_id: int) -> Decimal:
    """Return shares of an outcome that an account holds for pairs which are not settled."""
    return sum(held_by_trade(account_id, outcome_id).values(), ZERO)


def held_by_trade(account_id: UUID, outcome_id: int) -> dict[UUID, Decimal]:
    """Return the same for each pair trade that holds some."""
    running = Order.objects.filter(
        account_id=account_id,
        outcome_id=outcome_id,
        pair_trade__settled_at__isnull=True,
        pair_trade__state__in=sorted(RUNNING - {PairState.MANUAL.value}),
    ).exclude(pair_trade__figures__has_key="taken_over")
    found: dict[UUID, Decimal] = {}
    for trade_id, side, count in running.values_list("pair_trade", "side", "filled_shares"):
        signed = -count if side == Side.SELL else count
        found[trade_id] = found.get(trade_id, ZERO) + signed
    return {trade_id: count for trade_id, count in found.items() if count > 0}


def one_sided(account: Account) -> int:
    """Return how many trades of an account may have one side open."""
    sided = [each.value for each in ONE_SIDED]
    return PairTrade.objects.filter(state__in=sided, account=account).count()


def server_is_full(*, is_paper: bool) -> str:
    """Return why this server begins no more pairs now, or an empty string: real ones and paper
    ones count apart, and those that wait for a person hold up their own account alone.
    """
    sided = [each.value for each in ONE_SIDED - {PairState.MANUAL}]
    running = PairTrade.objects.filter(_kind(is_paper), state__in=sided).count()
    if running < settings.PAIR_OPEN_LEGS:
        return ""
    return f"{running} pairs of this server have one side open; that is its limit."


def open_trades(*, urgent: bool = False) -> list[UUID]:
    """Return trades that a coordinator must look at: those with a side open first, then by age;
    with `urgent` those alone.
    """
    sided = [each.value for each in ONE_SIDED - {PairState.MANUAL}]
    found = PairTrade.objects.filter(state__in=sided if urgent else sorted(OPEN))
    first = Case(When(state__in=sided, then=0), default=1)
    return list(found.order_by(first, "created_at", "pk").values_list("pk", flat=True))


def is_pressing(*, now: datetime) -> bool:
    """Tell whether some trade must be looked at at once: nothing that takes seconds may begin.

    One whose first leg is in doubt for long, with nothing known to be bought, presses nobody.
    """
    sided = PairTrade.objects.filter(
        state__in=[each.value for each in ONE_SIDED - {PairState.MANUAL}]
    )
    return sided.filter(Q(unhedged_at__isnull=False) | Q(created_at__gt=now - PRESSING)).exists()


def just_ended(*, now: datetime) -> list[UUID]:
    """Return trades that ended of late: a match may still be told of them."""
    found = PairTrade.objects.filter(ended_at__gt=now - LATE, settled_at__isnull=True)
    return list(found.exclude(state__in=sorted(OPEN)).values_list("pk", flat=True))


def leg_risk(*, bounds: PairLimits, is_paper: bool) -> LegRisk:
    """Return how often second legs failed on this server, and what a share of that cost: of real
    trades, or of paper ones.
    """
    real = _kind(is_paper)
    latest = (
        PairTrade.objects.exclude(state=PairState.ABORTED.value)
        .filter(real, Q(ended_at__isnull=False) | Q(state=PairState.MANUAL.value))
        .order_by("-created_at")[:MEASURED]
    )
    trades, failed, shares, loss = 0, 0, ZERO, ZERO
    for trade in latest:
        trades += 1
        unwound = Decimal(str(trade.figures.get("unwound_shares", "0")))
        dear = Decimal(str(trade.figures.get("dear_shares", "0")))
        if unwound or dear or trade.state == PairState.MANUAL or trade.figures.get("was_manual"):
            failed += 1
            shares += unwound + dear
            for name in ("unwound_loss", "dear_loss"):
                loss += max(Decimal(str(trade.figures.get(name, "0"))), ZERO)
    return LegRisk(
        trades=trades, failed=failed, loss=loss / shares if shares > 0 else bounds.hedge_loss
    )


def _kind(is_paper: bool) -> Q:
    return Q(mode=Account.Mode.PAPER) if is_paper else ~Q(mode=Account.Mode.PAPER)


def _refused_for(trade: PairTrade, *, now: datetime) -> float | None:
    """Return how long ago an order was refused before it was sent; waiting ones do not count."""
    last = (
        OrderEvent.objects.filter(
            order__pair_trade=trade, order__waits=False, new=OrderState.DENIED.value
        )
        .order_by("-at")
        .values_list("at", flat=True)
        .first()
    )
    return None if last is None else max((now - last).total_seconds(), 0.0)


def _free(trade: PairTrade) -> Decimal:
    """Return cash that another hedge could be paid with."""
    risk = RiskState.objects.get(account_id=trade.account_id)
    return risk.cash - risk.reserved


def _order_view(order: Any) -> OrderView:
    sale = order.side == Side.SELL
    return OrderView(
        role=Role(order.role),
        state=OrderState(order.state),
        waits=order.waits,
        filled=order.filled_shares,
        confirmed=order.sure or ZERO,
        cost=order.filled_cost - order.fees if sale else order.filled_cost + order.fees,
    )
