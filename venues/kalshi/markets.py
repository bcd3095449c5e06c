"""What Kalshi lists: series, events, games with their contracts, and the exchange's state."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from venues.kalshi import games
from venues.kalshi.fees import FeeChange, FeeTerms, FeeType
from venues.kalshi.games import GameEvent
from venues.kalshi.parse import NO, YES, token_of, written
from venues.kalshi.teams import SERIES, team_code
from venues.reading import BadMessage, clean, moment, moment_or_none, number, optional, text
from venues.types import PriceRange, Terms

ONE = Decimal(1)
STEP = Decimal("0.01")  # of a contract
OPEN = "active"
FINAL = ("finalized",)
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """One market: YES pays a dollar when its team wins."""

    ticker: str
    event: str
    title: str
    team_id: str  # the structured target in `custom_strike`: what a team is, whatever its name
    team: str  # as the exchange words it, a city
    code: str  # of the ticker
    rules: str  # both texts
    rules_hash: str  # SHA-256
    shard: int | None  # None where it is not told: then nothing can be ordered
    ranges: tuple[PriceRange, ...]
    status: str
    closes_at: datetime | None  # not the start: markets trade in play
    expected_at: datetime | None
    value: Decimal | None  # USD per YES, once final
    settled_at: datetime | None
    last: Decimal | None  # price of the last trade; None where there was none

    @property
    def tokens(self) -> tuple[str, str]:
        return token_of(self.ticker, YES), token_of(self.ticker, NO)

    @property
    def is_open(self) -> bool:
        return self.status == OPEN

    @property
    def terms(self) -> Terms | None:
        if self.shard is None:
            return None
        return Terms(
            tick=max(each.step for each in self.ranges),
            min_shares=STEP,
            neg_risk=False,
            protocol="v2",
            ranges=self.ranges,
            shard=self.shard,
        )

    @property
    def payouts(self) -> dict[str, Decimal] | None:
        """Return USD per share by token, once final."""
        if self.value is None or self.status not in FINAL:
            return None
        yes, no = self.tokens
        return {yes: self.value, no: ONE - self.value}


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One game, or whatever else the contracts of an event are about."""

    ticker: str
    series: str
    title: str
    contracts: tuple[Contract, ...]
    kind: FeeType | None  # fees of its own, before those of its series
    multiplier: Decimal | None
    has_known_fees: bool = True
    listed: GameEvent | None = None  # all that says which game it is about, and on what terms

    @property
    def league(self) -> str:
        return SERIES.get(self.series, "")

    @property
    def is_game(self) -> bool:
        """Tell whether it is a game of two known teams, of which one wins."""
        codes = {team_code(self.league, each.code) for each in self.contracts}
        ids = {each.team_id for each in self.contracts}
        return len(codes) == len(ids) == len(self.contracts) == 2 and None not in codes

    def fees(self, series: "Series") -> FeeTerms | None:
        """Return its fees now; None where nobody knows their formula."""
        if not self.has_known_fees:
            return None
        return FeeTerms(
            kind=self.kind or series.fees.kind,
            multiplier=series.fees.multiplier if self.multiplier is None else self.multiplier,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    ticker: str
    title: str
    shard: int
    fees: FeeTerms
    rulebook: str = ""  # address of the document with its terms


@dataclass(frozen=True, slots=True, kw_only=True)
class Milestone:
    """When a game really starts."""

    events: tuple[str, ...]
    starts_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    index: int
    is_active: bool
    is_trading: bool
    takes_transfers: bool


def contract(row: Row) -> Contract:
    """Parse one market. Raises BadMessage for what cannot be traded or settled by."""
    ticker, event = text(row, "ticker", most=120), text(row, "event_ticker", most=120)
    rules = "\n\n".join(
        part for part in (clean(row.get(f"rules_{name}"), most=20_000) for name in _RULES) if part
    )
    strike = row.get("custom_strike")
    team_id = next(iter(strike.values()), "") if isinstance(strike, Mapping) else ""
    shard = optional(row, "exchange_index")
    last = optional(row, "last_price_dollars")
    return Contract(
        ticker=ticker,
        event=event,
        title=clean(row.get("title"), most=300) or ticker,
        team_id=clean(team_id, most=80),
        team=clean(row.get("yes_sub_title"), most=120),
        code=ticker.rpartition("-")[2],
        rules=rules,
        rules_hash=hashlib.sha256(rules.encode()).hexdigest(),
        shard=None if shard is None else int(shard),
        ranges=_ranges(row),
        status=text(row, "status", most=40),
        closes_at=moment_or_none(row.get("close_time")),
        expected_at=moment_or_none(row.get("expected_expiration_time")),
        value=_value(row),
        settled_at=moment_or_none(row.get("settlement_ts")),
        last=last if last and 0 < last < 1 else None,
    )


_RULES = ("primary", "secondary")


def _ranges(row: Row) -> tuple[PriceRange, ...]:
    given = row.get("price_ranges")
    if not given:
        return (PriceRange(start=Decimal(0), end=ONE, step=STEP),)
    found = tuple(
        PriceRange(**{name: written(each.get(name), name) for name in ("start", "end", "step")})
        for each in given
    )
    if any(each.step <= 0 or each.start >= each.end for each in found):
        raise BadMessage(f"price_ranges {str(given)[:120]} is no grid")
    return found


def _value(row: Row) -> Decimal | None:
    value = optional(row, "settlement_value_dollars")
    if value is None:
        # Older markets say it in words alone; anything but yes and no needs its value.
        return {YES: ONE, NO: Decimal(0)}.get(clean(row.get("result"), most=10))
    if not 0 <= value <= 1:
        raise BadMessage(f"settlement_value_dollars {value} is not between 0 and 1")
    return value


def event(row: Row, contracts: list[Row]) -> Event:
    """Parse one event with its markets."""
    kind, known = _fees(row.get("fee_type_override"))
    return Event(
        ticker=text(row, "event_ticker", most=120),
        series=text(row, "series_ticker", most=120)
        if row.get("series_ticker")
        else text(row, "event_ticker", most=120).partition("-")[0],
        title=clean(row.get("title"), most=300),
        contracts=tuple(contract(each) for each in contracts),
        kind=kind,
        multiplier=optional(row, "fee_multiplier_override"),
        has_known_fees=known,
        listed=games.game(
            text(row, "event_ticker", most=120), row, tuple(map(games.side_of, contracts))
        ),
    )


def series(row: Row) -> Series:
    kind = fee_type(row.get("fee_type"))
    if kind is None:
        raise BadMessage("fee_type is missing")
    return Series(
        ticker=text(row, "ticker", most=120),
        title=clean(row.get("title"), most=300),
        shard=int(optional(row, "exchange_index") or 0),
        fees=FeeTerms(kind=kind, multiplier=number(row.get("fee_multiplier"), "fee_multiplier")),
        rulebook=clean(row.get("contract_terms_url"), most=300),
    )


def fee_change(row: Row) -> tuple[str, FeeChange]:
    """Parse a change of fees; returns the event or the series that it is of, and the change."""
    is_event = bool(row.get("event_ticker"))
    end = "_override" if is_event else ""
    kind, known = _fees(row.get(f"fee_type{end}"))
    return text(row, "event_ticker" if is_event else "series_ticker", most=120), FeeChange(
        kind=kind,
        multiplier=optional(row, f"fee_multiplier{end}"),
        at=moment(row.get("scheduled_ts"), "scheduled_ts"),
        is_known=known,
    )


def _fees(value: Any) -> tuple[FeeType | None, bool]:
    """Return a kind of fees, and whether it is known."""
    try:
        return fee_type(value), True
    except UnknownFees:
        return None, False


class UnknownFees(BadMessage):
    """A kind of fees whose formula nobody knows: nothing is traded at a guess."""


def fee_type(value: Any) -> FeeType | None:
    """Return a kind of fees. Raises UnknownFees for one whose formula nobody knows."""
    if value in (None, ""):
        return None
    try:
        return FeeType(value)
    except ValueError:
        raise UnknownFees(f"fee_type {str(value)[:40]!r} has no known formula") from None


def milestone(row: Row) -> Milestone:
    related = row.get("related_event_tickers")
    return Milestone(
        events=tuple(str(each) for each in related) if isinstance(related, list) else (),
        starts_at=moment(row.get("start_date"), "start_date"),
    )


def shards(row: Row) -> dict[int, Shard]:
    """Parse the exchange's state by shard. The top level speaks of shard 0 alone."""
    found = {0: _shard(row, 0)}
    for each in row.get("exchange_index_statuses") or ():
        index = int(number(each.get("exchange_index"), "exchange_index"))
        found[index] = _shard(each, index)
    return found


def _shard(row: Row, index: int) -> Shard:
    active = row.get("exchange_active")
    if not isinstance(active, bool) or not isinstance(row.get("trading_active"), bool):
        raise BadMessage("exchange_active or trading_active is missing")
    return Shard(
        index=index,
        is_active=active,
        is_trading=active and bool(row["trading_active"]),
        takes_transfers=active and row.get("intra_exchange_transfers_active") is not False,
    )
