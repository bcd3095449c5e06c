"""Pay out positions of resolved markets, once, by the payout vector."""

from collections.abc import Collection, Mapping
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db import transaction

from accounts.models import Account
from markets.models import Market, Outcome, Resolution
from notifications.services import record
from risk.models import RiskState
from trading import orders, pair_figures, pair_views, positions, purses
from trading.models import Entry, Fill, MarketSettlement, Order, Position, Redemption
from trading.windows import after_money_moved, roll
from venues.money import ZERO
from venues.types import Settlement
from venues.words import dollars

PAYS_BY_ITSELF = frozenset({"kalshi"})  # and keeps a record of each market that it paid


def settle_due(*, now: datetime) -> list[int]:
    """Settle every market whose resolution is known by `now`; returns their ids."""
    waiting = (
        Resolution.objects.filter(settled_at__isnull=True, resolved_at__lte=now)
        .order_by("resolved_at", "market__external_id", "-version")
        .values_list("market_id", flat=True)
    )
    markets = list(dict.fromkeys(waiting))
    ours = _open(markets)
    _close_others(set(markets) - ours, now=now)
    for market_id in markets:
        if market_id in ours:
            settle_market(market_id=market_id, now=now)
    return markets


def settle_market(*, market_id: int, now: datetime) -> None:
    """Cancel what rests, then pay each account in a transaction of its own. Safe to repeat."""
    resolution = Resolution.objects.filter(market_id=market_id).order_by("-version")[0]
    _close({market_id: resolution})
    for order_id in (
        Order.objects.holding()
        .filter(outcome__market_id=market_id)
        .order_by("created_at", "decision__source")
        .values_list("pk", flat=True)
    ):
        if not orders.deny(order_id=order_id, why="The market resolved.", now=now):
            orders.cancel(order_id=order_id, by="settlement", now=now)
    holders = (
        Position.objects.filter(outcome__market_id=market_id, closed_at__isnull=True)
        .order_by("account_id")
        .values_list("account_id", flat=True)
        .distinct()
    )
    for account_id in holders:
        _settle(account_id, resolution, now=now)
    if not _open([market_id]):
        Resolution.objects.filter(market_id=market_id, settled_at__isnull=True).update(
            settled_at=now
        )


def _close_others(markets: Collection[int], *, now: datetime) -> None:
    """Close markets in which nobody holds anything, all at once: whales leave many of them."""
    found = Resolution.objects.filter(market_id__in=markets).order_by("market_id", "version")
    _close({each.market_id: each for each in found})  # the latest version stands
    # Whoever came to hold something meanwhile is paid the next time.
    quiet = set(markets) - _open(markets)
    Resolution.objects.filter(market_id__in=quiet, settled_at__isnull=True).update(settled_at=now)


def _close(ended: Mapping[int, Resolution]) -> None:
    """Let the outcomes of markets be worth what they pay, whatever was last bid for them."""
    # One row at a time: whoever stores trades or marks locks the same rows in another order.
    still = Market.objects.filter(pk__in=ended).exclude(status=Market.Status.RESOLVED)
    for market_id in still.values_list("pk", flat=True):
        Market.objects.filter(pk=market_id).update(status=Market.Status.RESOLVED)
    for outcome in Outcome.objects.filter(market_id__in=ended):
        payout = Decimal(ended[outcome.market_id].payouts.get(outcome.token, "0"))
        if outcome.payout != payout:
            Outcome.objects.filter(pk=outcome.pk).update(payout=payout)


def pay_redeemed(
    account_id: UUID, market_id: int, *, now: datetime, is_written_off: bool = False
) -> None:
    """Book what a market paid, now that a real wallet holds the money, or that there is none to
    hold. Safe to repeat.
    """
    resolution = Resolution.objects.filter(market_id=market_id).order_by("-version")[0]
    _pay(account_id, resolution, now=now, is_written_off=is_written_off)


def pay_alone(
    account_id: UUID, market: Market, payouts: Mapping[str, Decimal], *, now: datetime
) -> None:
    """Pay one account's positions of a market, whatever it pays to others. Safe to repeat."""
    vector = {token: str(payout) for token, payout in payouts.items()}
    _pay(account_id, Resolution(market=market, version=0, payouts=vector), now=now)


def _settle(account_id: UUID, resolution: Resolution, *, now: datetime) -> None:
    """Pay at once on paper. Real shares are money once their venue's own record says that it paid
    them, or once they were redeemed; a match that is not confirmed may still fail.
    """
    account = Account.objects.get(pk=account_id)
    if account.is_paper:
        _pay(account_id, resolution, now=now)
        return
    if resolution.market.venue in PAYS_BY_ITSELF:
        if account.is_demo():
            return  # its play money has another end
        paid = MarketSettlement.objects.filter(
            account=account,
            venue=resolution.market.venue,
            ticker=resolution.market.external_id,
        )
        if paid.exists():
            _pay(account_id, resolution, now=now)
        return
    provisional = Fill.objects.filter(
        account=account,
        order__outcome__market_id=resolution.market_id,
        settlement__in=[each.value for each in Settlement if not each.is_final],
    )
    if provisional.exists():
        return
    expected = sum(
        (
            position.shares * Decimal(resolution.payouts.get(position.outcome.token, "0"))
            for position in Position.objects.filter(
                account=account, outcome__market_id=resolution.market_id, closed_at__isnull=True
            ).select_related("outcome")
        ),
        ZERO,
    )
    # What lost waits too: it is written off once the oracle's own record says the same.
    Redemption.objects.get_or_create(
        account=account,
        market_id=resolution.market_id,
        done_at=None,
        defaults={"expected": expected, "at": now, "next_at": now},
    )


def _open(markets: Collection[int]) -> set[int]:
    """Return markets whose orders may still bring a fill, or where positions wait for money."""
    orders_left = Order.objects.holding().filter(outcome__market_id__in=markets)
    held = Position.objects.filter(outcome__market_id__in=markets, closed_at__isnull=True)
    named = "outcome__market_id"
    return {*orders_left.values_list(named, flat=True), *held.values_list(named, flat=True)}


def _pay(
    account_id: UUID, resolution: Resolution, *, now: datetime, is_written_off: bool = False
) -> None:
    with transaction.atomic():
        risk = RiskState.objects.select_for_update().get(pk=account_id)
        cash = risk.cash
        roll(risk, now=now)
        for position in (
            Position.objects.select_for_update(of=("self",))
            .select_related("outcome__market")
            .filter(
                account_id=account_id,
                outcome__market_id=resolution.market_id,
                closed_at__isnull=True,
            )
            .order_by("outcome__token")
        ):
            source = f"settlement:{position.pk}:{resolution.version}"
            if Entry.objects.filter(account_id=account_id, source=source).exists():
                continue
            payout = Decimal(resolution.payouts.get(position.outcome.token, "0"))
            payout = ZERO if is_written_off else payout
            shares = position.shares
            apart = positions.settled(
                risk=risk,
                position=position,
                payout=payout,
                source=source,
                at=now,
                paired=pair_views.held(account_id, position.outcome_id),
            )
            if apart:
                pair_figures.keep_apart(
                    account_id=account_id, outcome_id=position.outcome_id, gain=apart
                )
            record(
                kind="settled",
                account_id=account_id,
                sentence=(
                    f"{position.outcome} settled: {shares} shares paid {dollars(payout)} each, "
                    f"{dollars(position.realised, signed=True)} in all."
                ),
                payload={"position": str(position.pk)},
                at=now,
            )
        if not Account.objects.get(pk=account_id).is_paper:
            purses.follow(account_id, resolution.market, before=cash, after=risk.cash)
        after_money_moved(risk, now=now)
