"""What the venues' catalogues and books say of our markets. The only writer of those columns."""

import hashlib
import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.core.cache import cache
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from markets import resolutions
from markets.domain.categories import category_of
from markets.models import Market, Outcome
from markets.queries import rows
from venues.errors import Unreadable
from venues.polymarket import games
from venues.polymarket.markets import Listing
from venues.polymarket.public import Public
from venues.types import Book

log = logging.getLogger(__name__)

CURSOR = "catalogue-cursor"  # losing it costs a round, no more
# What the catalogue says of a market each time, and not only when it is new.
TOLD = (
    "title",
    "closes_at",
    "fee_rate",
    "listed_at",
    "slug",
    "sport",
    "starts_at",
    "tick",
    "min_shares",
    "neg_risk",
    "protocol",
    "seconds_delay",
    "rules",
    "rules_hash",
    "listing",
)
DISPUTED = timedelta(days=3)  # for how long a result is asked for again

BIDS = """
UPDATE markets_outcome o SET bid = new.bid, bid_at = %(now)s
  FROM unnest(%(tokens)s::text[], %(bids)s::numeric[]) AS new(token, bid)
 WHERE o.token = new.token
"""


def record(listings: Iterable[Listing], *, now: datetime) -> int:
    """Bring our markets up to date, and record what final ones pay; returns how many ended.

    Raises BadPayout where a market was settled by another vector: a person must look.
    """
    ended, told = 0, list(listings)
    ours = Market.objects.filter(venue="polymarket", external_id__in=[one.market for one in told])
    known = {market.external_id: market for market in ours.prefetch_related("outcomes")}
    for each in told:
        market = known.get(each.market)
        if market is None:
            continue
        _update(market, each)
        if each.payouts is not None:
            # The same vector again changes nothing; another one after the payment is a dispute.
            resolutions.resolve(
                market=market,
                payouts=dict(each.payouts),
                source="Polymarket's catalogue",
                resolved_at=min(each.resolved_at or now, now),
            )
            ended += market.status != Market.Status.RESOLVED
    return ended


def _update(market: Market, listing: Listing) -> None:
    """Store what the catalogue knows better than a trade's row does."""
    known: dict[str, Any] = {"title": listing.title or market.title}
    if listing.closes_at is not None:
        known["closes_at"] = listing.closes_at
    if listing.category:
        known["category"] = listing.category
    if listing.fee_rate is not None:
        known["fee_rate"] = listing.fee_rate
    known |= _terms(listing)
    changed = [name for name, value in known.items() if getattr(market, name) != value]
    for name in changed:
        setattr(market, name, known[name])
    if changed:
        market.save(update_fields=changed)
    there = {outcome.token for outcome in market.outcomes.all()}
    missing = [
        Outcome(market=market, token=token, name=name)
        for token, name in zip(listing.tokens, listing.outcomes, strict=True)
        if token not in there
    ]
    if missing:
        Outcome.objects.bulk_create(missing, ignore_conflicts=True)


def _terms(listing: Listing) -> dict[str, Any]:
    """Return what real orders must know of a market, as far as the catalogue told it."""
    known: dict[str, Any] = {"slug": listing.slug, "sport": listing.sport}
    if listing.starts_at is not None:
        known["starts_at"] = listing.starts_at
    if listing.listed is not None:
        known |= {
            "rules": listing.listed.rules,
            "rules_hash": hashlib.sha256(listing.listed.rules.encode()).hexdigest(),
            "listing": games.as_json(listing.listed),
        }
    if listing.terms is not None:
        known |= {
            "tick": listing.terms.tick,
            "min_shares": listing.terms.min_shares,
            "neg_risk": listing.terms.neg_risk,
            "protocol": listing.terms.protocol,
            "seconds_delay": listing.terms.seconds_delay,
        }
    return known


def undecided() -> list[str]:
    """Return markets on Polymarket that nobody knows the end of yet, by name."""
    found = _traded().filter(resolutions__isnull=True)
    return list(found.order_by("external_id").values_list("external_id", flat=True))


def _traded() -> QuerySet[Market]:
    """Return markets that somebody we know traded: the catalogue lists many thousands more."""
    known = Outcome.objects.filter(market=OuterRef("pk"), trades__isnull=False)
    return Market.objects.filter(Exists(known), venue="polymarket")


def to_ask(*, after: str, most: int, now: datetime) -> list[str]:
    """Return some markets whose end is not known, or may still be disputed, in order of name.

    `after` is the last one that was asked for; a shorter answer than `most` is the end of the list.
    """
    found = (
        _traded()
        .filter(external_id__gt=after)
        .filter(Q(resolutions__isnull=True) | Q(resolutions__resolved_at__gte=now - DISPUTED))
    )
    names = found.order_by("external_id").values_list("external_id", flat=True).distinct()
    return list(names[:most])


def record_ticks(ticks: Mapping[str, Decimal]) -> None:
    """Store tick sizes that changed, by token: an order on the old one would be refused."""
    for token, tick in ticks.items():
        Market.objects.filter(outcomes__token=token).update(tick=tick)


def sync(public: Public, *, pages: int, now: datetime) -> int:
    """Read some pages of the catalogue from where the last call stopped; returns how many markets
    they told of. New ones are stored. Raises Unreadable.
    """
    told = 0
    for _ in range(pages):
        found, cursor = public.page_of_markets(cache.get(CURSOR) or "")
        _store(found, now=now)
        cache.set(CURSOR, cursor, None)
        told += len(found)
        if not cursor:
            break
    return told


def sync_games(public: Public, series: Mapping[str, str], *, now: datetime) -> int:
    """Read the open games of some leagues; returns how many markets were told of.

    `series` names each league's series by the catalogue's number. One league that cannot be read
    costs no other.
    """
    told = 0
    for league, number in series.items():
        try:
            found = public.games(number)
        except Unreadable as problem:
            log.warning("Polymarket's games of the %s cannot be read: %s", league, problem)
            continue
        _store(found, now=now)
        told += len(found)
    return told


def restart() -> None:
    """Let the next call of `sync` begin anew."""
    cache.delete(CURSOR)


def is_at_its_end() -> bool:
    """Tell whether the next call of `sync` begins anew."""
    return not cache.get(CURSOR)


def _store(listings: Sequence[Listing], *, now: datetime) -> None:
    """Store markets with their outcomes, the new and the known, in two statements."""
    known = {"venue": "polymarket"}
    rows_of = [
        Market(
            **known,
            external_id=each.market,
            title=each.title or each.market,
            category=each.category or category_of(each.title),
            closes_at=each.closes_at,
            fee_rate=each.fee_rate,
            listed_at=now,
            **_terms(each),
        )
        for each in {each.market: each for each in listings}.values()
    ]
    with transaction.atomic():
        Market.objects.bulk_create(
            rows_of,
            update_conflicts=True,
            unique_fields=["venue", "external_id"],
            update_fields=[*TOLD],
        )
        ids = dict(
            Market.objects.filter(
                **known, external_id__in=[each.market for each in listings]
            ).values_list("external_id", "pk")
        )
        Outcome.objects.bulk_create(
            [
                Outcome(market_id=ids[each.market], token=token, name=name)
                for each in listings
                for token, name in zip(each.tokens, each.outcomes, strict=True)
            ],
            ignore_conflicts=True,
        )


def record_bids(books: Mapping[str, Book], *, now: datetime) -> None:
    """Store the best bid of each book: what a holder would get now."""
    if books:
        bids = [each.bids[0].price if each.bids else None for each in books.values()]
        rows(BIDS, {"tokens": list(books), "bids": bids, "now": now})
