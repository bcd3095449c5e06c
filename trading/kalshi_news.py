"""What Kalshi says of an account's money and of itself, read again and again by the keeper.

Cash by shard, settlements, which the exchange keeps no history of, the worth of what is held, and
which shards trade. Nothing here sends an order.
"""

import logging
from datetime import datetime, timedelta
from decimal import Decimal

from django.db import transaction
from django.db.models import Max, QuerySet, Sum

from accounts import kalshi_keys
from accounts.limits import shared_buckets
from accounts.models import VenueCredential
from accounts.venues import kalshi_of, kalshi_public
from markets import catalogue, kalshi_catalogue, resolutions
from markets.models import Market
from notifications.services import record_once
from risk.models import RiskState
from trading import purses, settlement
from trading.models import MarketSettlement, Order, Position
from trading.reconciliation import one_alone
from venues.errors import Unreadable
from venues.kalshi.client import KalshiClient, shard_pause
from venues.kalshi.parse import NO, YES, ticker_of, token_of
from venues.kalshi.public import Public
from venues.kalshi.reports import Settled
from venues.money import CENT, ZERO
from venues.words import dollars

log = logging.getLogger(__name__)

VENUE = kalshi_keys.VENUE
AGAIN = timedelta(days=3)  # before the last stored settlement, from which they are read again
PAUSED_FOR = 45.0  # seconds for which a shard's word that it does not trade is believed


def take(credential: VenueCredential, *, now: datetime) -> None:
    """Read what Kalshi says of one account. Raises Unreadable or VaultClosed."""
    client = kalshi_of(credential)
    told = client.portfolio.balance()
    with transaction.atomic():
        RiskState.objects.select_for_update().get(account_id=credential.account_id)
        purses.hear(credential.account_id, VENUE, told.by_shard, now=now)
    _take_settlements(credential, client, now=now)
    # What a holder would get is said by the real exchange, beside a demo key too.
    _take_bids(credential, kalshi_public(), now=now)


def take_state(*, now: datetime, environment: str = kalshi_keys.PRODUCTION) -> None:
    """Read which shards trade and when the exchange is closed. Raises Unreadable."""
    public = kalshi_public(environment)
    buckets = shared_buckets(kalshi_keys.url_of(environment))
    for shard in public.shards().values():
        if not shard.is_trading:
            buckets.pause(shard_pause(shard.index), seconds=PAUSED_FOR)
    kalshi_keys.keep_hours(public.hours(now=now), environment)


def _take_settlements(credential: VenueCredential, client: KalshiClient, *, now: datetime) -> None:
    """Store how markets ended, and book what they paid."""
    known = MarketSettlement.objects.filter(account_id=credential.account_id, venue=VENUE)
    last = known.aggregate(last=Max("settled_at"))["last"]
    for each in client.portfolio.settlements(since=last - AGAIN if last else None):
        row, is_new = MarketSettlement.objects.get_or_create(
            account_id=credential.account_id,
            venue=VENUE,
            ticker=each.ticker,
            defaults=_columns(each, now=now),
        )
        if not is_new and (row.result, row.revenue) != (each.result, each.revenue):
            _tell_amended(row, each, now=now)
    for row in known.filter(booked_at__isnull=True).order_by("settled_at"):
        with one_alone(f"the settlement of {row.ticker}"):
            _book(row, credential.environment, now=now)


def _tell_amended(row: MarketSettlement, each: Settled, *, now: datetime) -> None:
    """A settlement that is another one now needs a person; the books keep the first."""
    record_once(
        about="settlement",
        kind="settlement_conflict",
        account_id=row.account_id,
        level="ACT",
        sentence=(
            f"Kalshi settled {row.ticker} as {row.result} for {dollars(row.revenue)}, and says "
            f"{each.result} and {dollars(each.revenue)} now. Compare its page; nothing was changed."
        ),
        payload={"settlement": row.pk},
        at=now,
    )


def _columns(each: Settled, *, now: datetime) -> dict[str, object]:
    return {
        "shard": each.shard,
        "result": each.result,
        "yes_count": each.yes_count,
        "no_count": each.no_count,
        "yes_cost": each.yes_cost,
        "no_cost": each.no_cost,
        "fees": each.fees,
        "revenue": each.revenue,
        "value": each.value,
        "profit": each.profit,
        "settled_at": each.at,
        "at": now,
    }


def _book(row: MarketSettlement, environment: str, *, now: datetime) -> None:
    """Settle our positions of a market that the exchange has paid, and compare the profit."""
    market = Market.objects.filter(venue=VENUE, external_id=row.ticker).first()
    traded = Order.objects.filter(
        account_id=row.account_id, outcome__market=market, submission__isnull=False
    )
    if market is not None and traded.exists():
        if environment == kalshi_keys.DEMO:
            _pay_demo(row, market, now=now)
        elif not _resolve(market, row, now=now):
            return  # what a YES is worth is not told yet: asked again
        else:
            settlement.settle_market(market_id=market.pk, now=now)
        if _positions(row, market).filter(closed_at__isnull=True).exists():
            return
        _compare(row, market, now=now)
    MarketSettlement.objects.filter(pk=row.pk).update(booked_at=now)


def _pay_demo(row: MarketSettlement, market: Market, *, now: datetime) -> None:
    """Pay one account of play money by its own record: how a demo's games end is no news of the
    real ones, though they have the same names.
    """
    if row.value is None:
        return
    payouts = {token_of(row.ticker, YES): row.value, token_of(row.ticker, NO): 1 - row.value}
    settlement.pay_alone(row.account_id, market, payouts, now=now)


def _resolve(market: Market, row: MarketSettlement, *, now: datetime) -> bool:
    """Record what the market pays; the market's own value comes first, as it is not rounded."""
    contract = kalshi_public().market(row.ticker)
    if contract is not None and kalshi_catalogue.record_end(market, contract, now=now):
        return True
    if row.result not in (YES, NO):
        return False
    yes = Decimal(int(row.result == YES))
    resolutions.resolve(
        market=market,
        payouts={token_of(row.ticker, YES): yes, token_of(row.ticker, NO): 1 - yes},
        source="Kalshi's settlement record",
        resolved_at=min(row.settled_at, now),
    )
    return True


def _positions(row: MarketSettlement, market: Market) -> QuerySet[Position]:
    return Position.objects.filter(account_id=row.account_id, outcome__market=market)


def _compare(row: MarketSettlement, market: Market, *, now: datetime) -> None:
    """Tell a person when the exchange's profit of a market is not ours."""
    ours = _positions(row, market).aggregate(total=Sum("realised"))["total"] or ZERO
    if abs(ours - row.profit) >= CENT:
        record_once(
            about="settlement",
            kind="books_differ",
            account_id=row.account_id,
            level="ACT",
            sentence=(
                f"{market}: Kalshi's figures make {dollars(row.profit, signed=True)} of it, our "
                f"books {dollars(ours, signed=True)}. Somebody traded it elsewhere too, or a fill "
                "is missing."
            ),
            payload={"settlement": row.pk},
            at=now,
        )


def _take_bids(credential: VenueCredential, public: Public, *, now: datetime) -> None:
    """Store the best bids of what is held: what a holder would get now."""
    tokens = Position.objects.filter(
        account_id=credential.account_id, outcome__market__venue=VENUE, closed_at__isnull=True
    ).values_list("outcome__token", flat=True)
    tickers = sorted({ticker_of(token) for token in tokens})
    if not tickers:
        return
    try:
        catalogue.record_bids(public.books(tickers, at=now), now=now)
    except Unreadable as problem:
        log.warning("The books of what is held cannot be read: %s", problem)
