"""From both catalogues to games and pairs of contracts, and what freezes them. Their only writer.

A pair is judged by what both venues list at each look. Whatever changes in what its contracts say
freezes it: nothing is bought until a person has read the new texts. What is held runs on.
"""

import hashlib
import logging
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.db import transaction

from accounts.factors import Proof, required
from accounts.models import Account, User
from markets.domain import contracts
from markets.domain.contracts import APART, Known, Reading
from markets.domain.matching import Match, Refused, match
from markets.models import Game, Market, Outcome, Pair, PairApproval
from notifications.services import record
from venues.kalshi import games as kalshi_games
from venues.kalshi.games import GameEvent
from venues.polymarket import games as polymarket_games

log = logging.getLogger(__name__)

BEGUN = timedelta(hours=12)  # for which a game that has begun is still looked at
LISTED = timedelta(minutes=5)  # for which a catalogue's word counts: then it lists it no more
REFUSED = "pairs-refused"  # what the last look refused; losing it costs a look
KEEP_REFUSED = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Synced:
    """What one look at both catalogues came to."""

    pairs: int
    frozen: int
    refused: tuple[Refused, ...]


class NotApproved(Exception):
    """A person cannot approve, or refuse, this pair now; the text says why."""


def known_texts() -> Known:
    """Return the texts and rulebooks that somebody has read, from the settings."""
    return Known(texts=settings.PAIR_TEXTS, rulebooks=settings.PAIR_RULEBOOKS)


def sync(*, now: datetime) -> Synced:
    """Bring games and pairs up to date with what both catalogues list. Safe to repeat."""
    ours, theirs = _listed("polymarket", now=now), _listed("kalshi", now=now)
    events = {market.event: market for market in theirs}
    matched = match(
        [polymarket_games.from_json(market.listing) for market in ours],
        [_event(market) for market in events.values()],
    )
    by_condition = {market.external_id: market for market in ours}
    by_ticker = {market.external_id: market for market in theirs}
    frozen, seen = 0, set[int]()
    for found in matched.pairs:
        sides = by_ticker.get(found.away_ticker), by_ticker.get(found.home_ticker)
        market = by_condition.get(found.market.market)
        if market is None or sides[0] is None or sides[1] is None:
            continue
        pair, is_frozen = _store(found, market, (sides[0], sides[1]), now=now)
        seen.add(pair.pk)
        frozen += is_frozen
    frozen += _drop(seen, matched.refused, now=now)
    cache.set(REFUSED, [(each.listing, each.why) for each in matched.refused], KEEP_REFUSED)
    return Synced(pairs=len(seen), frozen=frozen, refused=matched.refused)


def refused() -> list[tuple[str, str]]:
    """Return what the last look refused: listing, why."""
    return [(listing, why) for listing, why in cache.get(REFUSED) or ()]


def needs_factor(user: User) -> bool:
    """Tell whether a yes of this person lets real money trade: it holds for all his accounts."""
    real = Account.objects.filter(owner=user, archived_at=None).exclude(mode=Account.Mode.PAPER)
    return real.exists()


def digest_of(pair_id: int, shown: str) -> str:
    """Return what names the texts of a pair that a person says yes to."""
    return hashlib.sha256(f"pair|{pair_id}|{shown}".encode()).hexdigest()


def approve(
    *,
    pair_id: int,
    user: User,
    is_approved: bool,
    shown: str,
    note: str,
    now: datetime,
    proof: Proof | None = None,
) -> PairApproval:
    """Record a person's word on a pair, for his own accounts.

    `shown` is the hash of the texts that he was shown. Raises NotApproved.
    """
    digest = digest_of(pair_id, shown)
    is_proved = proof is not None and proof.covers(user=user, digest=digest, now=now)
    if is_approved and needs_factor(user) and not is_proved:
        raise NotApproved(required(user))
    with transaction.atomic():
        pair = Pair.objects.select_for_update().get(pk=pair_id)
        if pair.state == Pair.State.OVER:
            raise NotApproved("This game is over, or no longer listed.")
        if shown != pair.rules_hash:
            raise NotApproved("The texts have changed since you were shown them. Read them again.")
        if is_approved and pair.blocked_why:
            raise NotApproved(pair.blocked_why)
        said = PairApproval.objects.create(
            pair=pair,
            user=user,
            rules_hash=pair.rules_hash,
            is_approved=is_approved,
            texts=pair.texts,
            note=note,
            at=now,
        )
        word = "approved" if is_approved else "refused"
        record(
            kind=f"pair_{word}",
            sentence=f"{user.username} {word} {pair.game} ({pair.event}) for their accounts.",
            payload={"pair": pair.pk, "rules_hash": pair.rules_hash},
            by=user.username,
            at=now,
        )
    return said


def freeze(*, pair_id: int, why: str, now: datetime, before_start: bool = False) -> bool:
    """Stop entries of a pair until a person has looked; returns whether they went on till now.

    With `before_start` only while its game has not begun: prices part in play, and mean nothing.
    """
    with transaction.atomic():
        pair = Pair.objects.select_for_update().get(pk=pair_id)
        begun = pair.starts_at is not None and pair.starts_at <= now
        if pair.state == Pair.State.OVER or (before_start and begun):
            return False
        if pair.state == Pair.State.FROZEN and not _was_lifted(pair):
            return False
        _freeze(pair, why, now=now)
        pair.save(update_fields=["state", "frozen_why", "frozen_at"])
    return True


def _was_lifted(pair: Pair) -> bool:
    """Tell whether somebody approved a pair after it was frozen."""
    later = PairApproval.objects.filter(pair=pair, is_approved=True, at__gt=pair.frozen_at)
    return pair.frozen_at is not None and later.exists()


def _listed(venue: str, *, now: datetime) -> list[Market]:
    """Return markets of games that a catalogue lists now."""
    found = Market.objects.filter(venue=venue).exclude(listing={})
    found = found.exclude(status=Market.Status.RESOLVED)
    told = {"starts_at__gt": now - BEGUN, "listed_at__gt": now - LISTED}
    return list(found.filter(**told).order_by("external_id"))


def _event(market: Market) -> GameEvent:
    return kalshi_games.from_json(market.listing)


def _store(
    found: Match, market: Market, sides: tuple[Market, Market], *, now: datetime
) -> tuple[Pair, bool]:
    """Store a match with what was read of it; returns its pair, and whether it was frozen now."""
    reading = contracts.read(found, known=known_texts())
    game, _ = Game.objects.update_or_create(
        league=found.identity.league,
        day=found.identity.day,
        away=found.away.code,
        home=found.home.code,
        defaults={
            "title": f"{found.away.nickname} @ {found.home.nickname}",
            "starts_at": found.market.starts_at,
        },
    )
    outcomes = {each.token: each for each in Outcome.objects.filter(market=market)}
    tokens = found.market.tokens
    told = {
        "is_standard": reading.is_standard,
        "blocked_why": reading.blocked_why,
        "reading": as_json(reading),
        "seen_at": now,
    }
    with transaction.atomic():
        pair, is_new = Pair.objects.select_for_update(of=("self",)).get_or_create(
            polymarket=market,
            event=found.event.event,
            defaults={
                **told,
                "game": game,
                "away_outcome": outcomes[tokens[found.away_index]],
                "home_outcome": outcomes[tokens[found.home_index]],
                "kalshi_away": sides[0],
                "kalshi_home": sides[1],
                "rules_hash": reading.rules_hash,
                "texts": texts_of(found),
                "starts_at": _start(found),
                "changed_at": now,
            },
        )
        if is_new:
            return pair, False
        is_frozen = _renew(pair, found, reading, now=now)  # compares: what is told comes after
        for name, value in {**told, "game": game}.items():
            setattr(pair, name, value)
        pair.save()
    return pair, is_frozen


def _renew(pair: Pair, found: Match, reading: Reading, *, now: datetime) -> bool:
    """Let a known pair follow what its venues say now; tells whether that froze it."""
    why = _changed(pair, found, reading)
    is_frozen = bool(why) and pair.state != Pair.State.FROZEN
    if why:
        _freeze(pair, why, now=now)
    elif pair.state == Pair.State.OVER:
        pair.state = Pair.State.FROZEN if pair.frozen_why else Pair.State.READ
    if pair.rules_hash != reading.rules_hash:
        pair.rules_hash, pair.texts, pair.changed_at = reading.rules_hash, texts_of(found), now
    if why or pair.starts_at is None:
        # Drifts add up: a start counts from when it was read first, or froze the pair.
        pair.starts_at = _start(found)
    return is_frozen


def _start(found: Match) -> datetime | None:
    """Return when a game begins: the earlier of what both venues say."""
    said = [at for at in (found.market.starts_at, found.event.starts_at) if at is not None]
    return min(said, default=None)


def _changed(pair: Pair, found: Match, reading: Reading) -> str:
    """Return what freezes a pair that was known before, or an empty string."""
    start = _start(found)
    if pair.rules_hash != reading.rules_hash:
        return "A rule text, or what decides it, changed."
    if pair.starts_at is not None and start is not None and abs(start - pair.starts_at) > APART:
        return f"Its start moved from {contracts.words_of(pair.starts_at)}."
    if pair.game.away != found.away.code or pair.game.home != found.home.code:
        return "The venues changed who is at home."
    return ""


def _freeze(pair: Pair, why: str, *, now: datetime) -> None:
    pair.state, pair.frozen_why, pair.frozen_at = Pair.State.FROZEN, why, now
    record(
        kind="pair_frozen",
        level="ACT",
        sentence=f"{pair.game} is frozen: {why} Nothing new is bought until somebody has read it.",
        payload={"pair": pair.pk, "rules_hash": pair.rules_hash},
        at=now,
    )
    log.warning("Pair %s is frozen: %s", pair.event, why)


def _drop(seen: set[int], refused_now: Iterable[Refused], *, now: datetime) -> int:
    """Let pairs end that are listed no more, and freeze those that are no pair any more."""
    why = {each.listing: each.why for each in refused_now}
    frozen = 0
    for pair in (
        Pair.objects.exclude(state=Pair.State.OVER)
        .exclude(pk__in=seen)
        .select_related("game", "polymarket")
    ):
        reason = why.get(pair.polymarket.slug) or why.get(pair.event)
        fresh = pair.polymarket.listed_at is not None and pair.polymarket.listed_at > now - LISTED
        is_listed = fresh and pair.polymarket.status == Market.Status.OPEN and reason
        if not is_listed:
            Pair.objects.filter(pk=pair.pk).update(state=Pair.State.OVER)
        else:
            frozen += freeze(pair_id=pair.pk, why=str(reason), now=now)
            Pair.objects.filter(pk=pair.pk).update(blocked_why=str(reason))
    return frozen


def texts_of(found: Match) -> dict[str, str]:
    """Return both rule texts, as people read them."""
    sides = sorted(found.event.sides, key=lambda side: side.ticker)
    first = "\n\n".join(dict.fromkeys(side.rules for side in sides if side.rules))
    more = "\n\n".join(dict.fromkeys(side.more_rules for side in sides if side.more_rules))
    return {"polymarket": found.market.rules, "kalshi": "\n\n".join(filter(None, (first, more)))}


def as_json(reading: Reading) -> dict[str, Any]:
    """Return what the dossier shows of a reading."""
    return {
        "polymarket": asdict(reading.polymarket),
        "kalshi": asdict(reading.kalshi),
        "lines": [asdict(line) for line in reading.lines],
        "text_hash": reading.text_hash,
        "tie_pays": reading.tie_pays,
        "counts_overtime": reading.counts_overtime,
    }


def verdicts(user_id: int, pairs: Iterable[Pair]) -> Mapping[int, PairApproval]:
    """Return a person's latest word on each pair, by pair."""
    said = PairApproval.objects.filter(user_id=user_id, pair__in=[pair.pk for pair in pairs])
    return {each.pair_id: each for each in said.order_by("at", "pk")}
