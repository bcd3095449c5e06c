"""Which Polymarket market and which Kalshi event are about the same game.

A game is its league, its date in New York and its two teams, each known by code and by name from
one table. Nothing is matched by how alike two texts look. Whether two contracts about one game are
the same bet is another question: `markets.domain.contracts`.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from venues.kalshi.games import GameEvent
from venues.kalshi.teams import SERIES, playing, team_code
from venues.polymarket.games import GameMarket
from venues.teams import BY_CODE, Team, by_name, by_slug

NEW_YORK = ZoneInfo("America/New_York")  # whose date a game has on both venues
LEAGUES = ("NBA", "NFL", "NHL")
SLUG = re.compile(r"([a-z]+)-([a-z0-9]+)-([a-z0-9]+)-(\d{4}-\d{2}-\d{2})(.*)")
NOT_TEAMS = {"yes", "no", "draw", "over", "under"}
SCHEDULED = re.compile(
    r"scheduled for (January|February|March|April|May|June|July|August|September|October|November"
    r"|December) (\d{1,2})(?:, \d{4})?(?: at (\d{1,2}):(\d{2}) ?(AM|PM) ET)?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Identity:
    """One game, whoever lists it."""

    league: str
    day: date  # in New York
    teams: tuple[str, str]  # codes, in order of the alphabet

    def __str__(self) -> str:
        return f"{self.league} {' and '.join(self.teams)} on {self.day:%Y-%m-%d}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A listing that is no half of a pair, and why."""

    listing: str  # slug or ticker
    why: str
    identity: Identity | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A listing with the game that it is about."""

    identity: Identity
    away: Team
    home: Team


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """The two listings of one game, and which side is which."""

    identity: Identity
    away: Team
    home: Team
    market: GameMarket
    event: GameEvent
    away_index: int  # of Polymarket's outcomes, by name
    away_ticker: str
    home_ticker: str
    warnings: tuple[str, ...] = ()  # why no rule may approve it

    @property
    def home_index(self) -> int:
        return 1 - self.away_index


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched:
    pairs: tuple[Match, ...]
    refused: tuple[Refused, ...]


@dataclass(kw_only=True)
class _Found:
    markets: list[tuple[GameMarket, Named, tuple[str, ...]]] = field(default_factory=list)
    events: list[tuple[GameEvent, Named, tuple[str, ...]]] = field(default_factory=list)


def match(markets: Iterable[GameMarket], events: Iterable[GameEvent]) -> Matched:
    """Pair the listings of both venues; what is no half of a pair is refused with a reason."""
    found: dict[Identity, _Found] = {}
    refused: list[Refused] = []
    for market in markets:
        named = of_market(market)
        if isinstance(named, Refused):
            refused.append(named)
        else:
            at = found.setdefault(named[0].identity, _Found())
            at.markets.append((market, *named))
    for event in events:
        told = of_event(event)
        if isinstance(told, Refused):
            refused.append(told)
        else:
            at = found.setdefault(told[0].identity, _Found())
            at.events.append((event, *told))
    pairs: list[Match] = []
    for identity in sorted(found):
        made = _pair(identity, found[identity], found)
        if isinstance(made, Match):
            pairs.append(made)
        else:
            refused += made
    return Matched(pairs=tuple(pairs), refused=tuple(refused))


def of_market(market: GameMarket) -> tuple[Named, tuple[str, ...]] | Refused:
    """Say which game a market of Polymarket is about, with warnings; or why it is none."""
    if market.is_us:
        return _no(market, "It is listed by Polymarket US, another exchange with other contracts.")
    slug = SLUG.fullmatch(market.slug)
    if slug is None:
        return _no(market, "Its slug names no game.")
    league = slug.group(1).upper()
    if league not in LEAGUES:
        return _no(market, f"{league} is not a league that is matched.")
    why = _not_the_game(market, league, rest=slug.group(5))
    if why:
        return _no(market, why)
    teams = _teams_of(market, league, (slug.group(2), slug.group(3)))
    if isinstance(teams, str):
        return _no(market, teams)
    away, home = teams
    try:
        said = date.fromisoformat(slug.group(4))
    except ValueError:
        return _no(market, f"{slug.group(4)} is no date.")
    day, warnings = _day(market, said)
    if day is None:
        return _no(market, warnings[0])
    return Named(identity=_identity(league, day, away, home), away=away, home=home), warnings


def of_event(event: GameEvent) -> tuple[Named, tuple[str, ...]] | Refused:
    """Say which game an event of Kalshi is about, with warnings; or why it is none."""
    if event.series not in SERIES:
        return _no_event(event, f"{event.series} is not a series of single games.")
    told = playing(event.event)
    if told is None:
        return _no_event(event, "Its ticker is not one clear pair of teams and a date.")
    if told.league not in LEAGUES:
        return _no_event(event, f"{told.league} is not a league that is matched.")
    if told.is_one_of_several:
        return _no_event(event, "It is one of several games of these teams on one day.")
    if event.scope not in ("", "Game"):
        return _no_event(event, f"It is about {event.scope}, not about one game.")
    codes = [team_code(told.league, code) for code in told.codes]
    away, home = (BY_CODE[told.league, code] for code in codes if code is not None)
    wrong = _wrong_sides(event, (away, home))
    if wrong:
        return _no_event(event, wrong)
    identity = _identity(told.league, told.day, away, home)
    return Named(identity=identity, away=away, home=home), ()


def away_index(market: GameMarket, away: Team) -> int:
    """Return which of a market's outcomes is the away team, by its name."""
    return next(
        index for index, name in enumerate(market.outcomes) if by_name(away.league, name) == away
    )


def described(rules: str, *, year: int) -> tuple[date, tuple[int, int] | None] | None:
    """Return the date that a text names, with its time in New York if it names one."""
    found = SCHEDULED.search(rules)
    if found is None:
        return None
    month = datetime.strptime(found.group(1).title() + " 1 2000+0000", "%B %d %Y%z").month
    day = date(year, month, 1) + timedelta(days=int(found.group(2)) - 1)
    if found.group(3) is None:
        return day, None
    hour = int(found.group(3)) % 12 + (12 if found.group(5).upper() == "PM" else 0)
    return day, (hour, int(found.group(4)))


def _not_the_game(market: GameMarket, league: str, *, rest: str) -> str:
    """Return why a market that bears a game's name is not about who wins it."""
    if rest:
        return f"It is a part or a prop of a game ({rest.strip('-')}), not the game."
    if market.kind not in ("", "moneyline"):
        return f"It is a market of {market.kind}, not of who wins."
    if market.line or market.group:
        return f"It has a line or a group of its own ({market.line or market.group})."
    if market.event_slug not in ("", market.slug):
        return f"It belongs to another event, {market.event_slug}."
    if market.series and not any(name.startswith(league.lower()) for name in market.series):
        return f"It belongs to the series {market.series[0]}, not to the {league}'s."
    if len(market.outcomes) != 2:
        return f"It has {len(market.outcomes)} outcomes, not two teams."
    if any(name.casefold() in NOT_TEAMS for name in market.outcomes):
        return f"Its outcomes are {' and '.join(market.outcomes)}, not two teams."
    return ""


def _teams_of(market: GameMarket, league: str, codes: tuple[str, str]) -> tuple[Team, Team] | str:
    """Return away and home team, if codes and names say the same; otherwise what is wrong."""
    teams = [by_slug(league, code) for code in codes]
    for code, team in zip(codes, teams, strict=True):
        if team is None:
            return f"{code!r} is no team of the {league} that we know."
    names = [by_name(league, name) for name in market.outcomes]
    for name, team in zip(market.outcomes, names, strict=True):
        if team is None:
            return f"{name[:60]!r} is no team of the {league} that we know."
    away, home = teams
    assert away is not None
    assert home is not None
    if {id(each) for each in teams} != {id(each) for each in names} or away is home:
        return "Its outcomes are not the two teams of its slug."
    return away, home


def _day(market: GameMarket, said: date) -> tuple[date | None, tuple[str, ...]]:
    """Return the game's date in New York, with warnings; None, with the reason, for a game that
    does not start on the day of its name.
    """
    if market.starts_at is None:
        return said, ("Nobody says when it starts.",)
    start = market.starts_at.astimezone(NEW_YORK)
    text = described(market.rules, year=said.year)
    words = "It was postponed or moved: its {} says {}, it starts on {:%Y-%m-%d}."
    if text is not None and (text[0].month, text[0].day) != (start.month, start.day):
        return None, (words.format("text", f"{text[0]:%-d %B}", start),)
    if start.date() == said:
        return said, ()
    if start.date() == said - timedelta(days=1) and text is not None:
        return start.date(), ("Its slug has the date of UTC, a day late.",)
    return None, (words.format("slug", said, start),)


def _wrong_sides(event: GameEvent, teams: tuple[Team, Team]) -> str:
    """Return what is wrong with an event's contracts, as far as they are told."""
    codes = {team.code for team in teams}
    for side in event.sides:
        code = team_code(teams[0].league, side.code)
        if code not in codes:
            return f"{side.ticker} is a contract on something else than its two teams."
        named = by_name(teams[0].league, side.label) if side.label else None
        if named is not None and named.code != code:
            return f"{side.ticker} is labelled {side.label!r}, which is another team."
    return ""


def _pair(
    identity: Identity, at: _Found, found: dict[Identity, _Found]
) -> Match | Sequence[Refused]:
    if len(at.markets) > 1 or len(at.events) > 1:
        why = "Several listings are about this game; none of them is taken."
        return _all_refused(at, why)
    if not at.markets or not at.events:
        other = "Kalshi" if at.markets else "Polymarket"
        return _all_refused(at, f"{other} does not list it." + _neighbours(identity, at, found))
    (market, named, warnings), (event, told, more) = at.markets[0], at.events[0]
    if (named.away, named.home) != (told.away, told.home):
        more = (*more, "The venues do not agree on who is at home.")
    tickers = {team_code(identity.league, side.code): side.ticker for side in event.sides}
    return Match(
        identity=identity,
        away=named.away,
        home=named.home,
        market=market,
        event=event,
        away_index=away_index(market, named.away),
        away_ticker=tickers.get(named.away.code) or _ticker(event, named.away),
        home_ticker=tickers.get(named.home.code) or _ticker(event, named.home),
        warnings=(*warnings, *more),
    )


def _ticker(event: GameEvent, team: Team) -> str:
    """Compose a contract's ticker, with the code that its event uses."""
    told = playing(event.event)
    codes = told.codes if told else ()
    own = next((code for code in codes if team_code(team.league, code) == team.code), team.code)
    return f"{event.event}-{own}"


def _neighbours(identity: Identity, at: _Found, found: dict[Identity, _Found]) -> str:
    """Say that the other venue lists these teams a day before or after: that is another game."""
    for days in (-1, 1):
        near = Identity(
            league=identity.league, day=identity.day + timedelta(days=days), teams=identity.teams
        )
        beside = found.get(near)
        if beside and (beside.events if at.markets else beside.markets):
            return f" It lists these teams on {near.day:%Y-%m-%d}, which is another game."
    return ""


def _all_refused(at: _Found, why: str) -> list[Refused]:
    listings = [(each[0].slug, each[1]) for each in at.markets]
    listings += [(each[0].event, each[1]) for each in at.events]
    return [
        Refused(listing=listing, why=why, identity=named.identity) for listing, named in listings
    ]


def _identity(league: str, day: date, away: Team, home: Team) -> Identity:
    first, second = sorted((away.code, home.code))
    return Identity(league=league, day=day, teams=(first, second))


def _no(market: GameMarket, why: str) -> Refused:
    return Refused(listing=market.slug or market.market, why=why)


def _no_event(event: GameEvent, why: str) -> Refused:
    return Refused(listing=event.event, why=why)
