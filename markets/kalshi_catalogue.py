"""What Kalshi lists of games, and how they ended: into the same rows as every venue's markets."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.core.cache import cache
from django.db import transaction
from django.db.models import Q

from markets import resolutions
from markets.models import Market, Outcome
from venues.errors import Unreadable
from venues.kalshi import games
from venues.kalshi.fees import FeeChange, dearest
from venues.kalshi.markets import Contract, Event, Series, UnknownFees
from venues.kalshi.public import GAMES, Public
from venues.kalshi.teams import SERIES
from venues.types import Terms

log = logging.getLogger(__name__)

VENUE = "kalshi"
RESTS = timedelta(hours=2)  # for which an order may rest, and fees be others before it fills
READ_RULEBOOK = timedelta(hours=6)  # between two looks
SINCE = timedelta(days=2)  # of games that have begun
TOLD = (
    "title",
    "status",
    "closes_at",
    "fee_rate",
    "tick",
    "min_shares",
    "neg_risk",
    "protocol",
    "sport",
    "starts_at",
    "event",
    "team_id",
    "shard",
    "ranges",
    "rules",
    "rules_hash",
    "listing",
    "listed_at",
)


def sync(public: Public, series: Sequence[str], *, now: datetime) -> int:
    """Read the open games of some series, and the ends of markets that we know; returns how many
    contracts were told of. One series that cannot be read costs no other.
    """
    told = 0
    for ticker in series:
        try:
            told += _sync_series(public, ticker, now=now)
        except Unreadable as problem:
            log.warning("Kalshi's %s cannot be read: %s", ticker, problem)
        except UnknownFees as problem:
            log.error("Nothing of Kalshi's %s is traded: %s", ticker, problem)
            Market.objects.filter(venue=VENUE, event__startswith=f"{ticker}-").update(
                fee_rate=None  # nothing is bought without; what is held can be sold
            )
    record_ends(public, now=now)
    return told


def _sync_series(public: Public, ticker: str, *, now: datetime) -> int:
    series, changes = public.series(ticker), _by_what(public.fee_changes(ticker))
    events = public.events(ticker)
    starts = _starts(public, ticker, now=now)
    rulebook = _rulebook(public, series)
    rows = [
        (
            contract,
            _row(
                contract,
                terms,
                event=event,
                series=series,
                changes=changes,
                starts_at=starts.get(event.ticker),
                rulebook=rulebook,
                now=now,
            ),
        )
        for event in events
        for contract in event.contracts
        if (terms := contract.terms) is not None
    ]
    _store(rows)
    return len(rows)


def _listing(event: Event, *, starts_at: datetime | None, rulebook: str) -> dict[str, Any]:
    """Return what says which game an event is, and on what terms, with its rulebook's hash."""
    if event.listed is None or not event.is_game:
        return {}
    return games.as_json(replace(event.listed, starts_at=starts_at, rulebook=rulebook))


def _rulebook(public: Public, series: Series) -> str:
    """Return the hash of a series' terms, read anew now and then; the last one that was read where
    it cannot be now, and an empty text where it never could.
    """
    key = f"kalshi-rulebook-{series.ticker}-{series.rulebook}"
    known, is_new = cache.get(key) or "", cache.get(f"{key}-read")
    if not is_new:
        try:
            known = public.rulebook_hash(series)
        except Unreadable as problem:
            log.warning("The rulebook of %s cannot be read: %s", series.ticker, problem)
            return str(known)
        cache.set(key, known, None)
        cache.set(f"{key}-read", True, READ_RULEBOOK.total_seconds())
    return str(known)


def _starts(public: Public, ticker: str, *, now: datetime) -> dict[str, datetime]:
    """Return when games start, by event: a market's own close says nothing of it."""
    league = SERIES.get(ticker, "")
    if league not in GAMES:
        return {}
    found = public.milestones(league, since=now - SINCE)
    return {event: each.starts_at for each in found for event in each.events}


def _by_what(changes: Iterable[tuple[str, FeeChange]]) -> dict[str, list[FeeChange]]:
    found: dict[str, list[FeeChange]] = {}
    for what, change in changes:
        found.setdefault(what, []).append(change)
    return found


def _row(
    contract: Contract,
    terms: Terms,
    *,
    event: Event,
    series: Series,
    changes: Mapping[str, list[FeeChange]],
    starts_at: datetime | None,
    rulebook: str,
    now: datetime,
) -> dict[str, Any]:
    """Return our columns of a contract. Its fee is the dearest while an order may rest, and
    nothing where nobody knows it: then nothing is bought.
    """
    coming = [*changes.get(event.ticker, ()), *changes.get(series.ticker, ())]
    fees = event.fees(series)
    if fees is not None:
        fees = dearest(fees, coming, series=series.fees, until=now + RESTS)
    return {
        "title": f"{event.title}: {contract.title}"[:300],
        "status": Market.Status.OPEN if contract.is_open else Market.Status.CLOSED,
        "closes_at": contract.expected_at or contract.closes_at,
        "fee_rate": None if fees is None else fees.rate,
        "tick": terms.tick,
        "min_shares": terms.min_shares,
        "neg_risk": terms.neg_risk,
        "protocol": terms.protocol,
        "sport": "moneyline" if event.is_game else "",
        "starts_at": starts_at,
        "event": event.ticker,
        "team_id": contract.team_id,
        "shard": terms.shard,
        "ranges": [[str(each.start), str(each.end), str(each.step)] for each in contract.ranges],
        "rules": contract.rules,
        "rules_hash": contract.rules_hash,
        "listing": _listing(event, starts_at=starts_at, rulebook=rulebook),
        "listed_at": now,
    }


def _store(rows: Sequence[tuple[Contract, dict[str, Any]]]) -> None:
    """Store contracts with their two outcomes, the new and the known."""
    with transaction.atomic():
        Market.objects.bulk_create(
            [
                Market(venue=VENUE, external_id=contract.ticker, category="Sports", **row)
                for contract, row in rows
            ],
            update_conflicts=True,
            unique_fields=["venue", "external_id"],
            update_fields=[*TOLD],
        )
        tickers = [contract.ticker for contract, _ in rows]
        ids = dict(
            Market.objects.filter(venue=VENUE, external_id__in=tickers).values_list(
                "external_id", "pk"
            )
        )
        Outcome.objects.bulk_create(
            [
                Outcome(
                    market_id=ids[contract.ticker],
                    token=token,
                    name=name[:120],
                    last_price=price,
                    last_at=row["listed_at"] if price else None,
                )
                for contract, row in rows
                for token, name, price in _outcomes(contract)
            ],
            update_conflicts=True,
            unique_fields=["market", "token"],
            update_fields=["name", "last_price", "last_at"],
        )


def _outcomes(contract: Contract) -> Iterable[tuple[str, str, Decimal | None]]:
    yes, no = contract.tokens
    last = contract.last
    yield yes, f"{contract.team or contract.code} wins", last
    yield no, f"{contract.team or contract.code} does not win", None if last is None else 1 - last


def record_ends(public: Public, *, now: datetime) -> int:
    """Record what markets paid that trade no more, or are not listed any more; returns how many."""
    waiting = Market.objects.filter(venue=VENUE, resolutions__isnull=True).filter(
        ~Q(status=Market.Status.OPEN) | Q(listed_at__lt=now)
    )
    known = {market.external_id: market for market in waiting}
    ended = 0
    try:
        found = public.contracts(sorted(known))
    except Unreadable as problem:
        log.warning("How Kalshi's markets ended cannot be read: %s", problem)
        return 0
    for contract in found:
        if not contract.is_open:
            Market.objects.filter(pk=known[contract.ticker].pk, status=Market.Status.OPEN).update(
                status=Market.Status.CLOSED
            )
        try:
            ended += record_end(known[contract.ticker], contract, now=now)
        except resolutions.BadPayout as problem:
            log.error("%s", problem)  # for a person; the others go on
    return ended


def record_end(market: Market, contract: Contract, *, now: datetime) -> bool:
    """Record what a contract pays, if that is final. Raises BadPayout."""
    if contract.payouts is None:
        return False
    resolutions.resolve(
        market=market,
        payouts=contract.payouts,
        source="Kalshi's settlement value",
        resolved_at=min(contract.settled_at or now, now),
    )
    return True
