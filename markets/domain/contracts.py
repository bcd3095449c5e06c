"""Are two contracts about one game the same bet? Read from their texts, clause by clause.

It fails closed: each line must hold, or the pair is no standard one and the page says which line
failed. Texts are recognised by a hash with the teams and the date masked, and by clauses that must
be there once; a sentence that nobody knows is a reason to ask a person.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from markets.domain.matching import NEW_YORK, Match, described
from markets.domain.overtime import SHOOTOUT, read_overtime
from venues.kalshi.games import GameEvent, Side
from venues.teams import by_name

APART = timedelta(minutes=30)  # that two venues' starts of one game may be apart
WINDOWS = {"48 hours": 48, "two days": 48, "2 days": 48}
HOSTS = {"NBA": "nba.com", "NFL": "nfl.com", "NHL": "nhl.com"}
WHEN = re.compile(r"scheduled for \w+ \d+ at \d+:\d\d ?[AP]M ET")
SENTENCE = re.compile(r"(?<=[\w\")%])\.(?:\s+(?=[A-Z\"])|\s*$)")
NOTICE = re.compile(r"Kalshi is not affiliated.*", re.DOTALL)

# Polymarket's clauses: each one says what the game's end, or its lack, pays.
POLYMARKET = {
    "postponed": re.compile(r"postponed\b.*\b(?:remains?|stays?) open until\b.*\bcompleted"),
    "cancelled": re.compile(r"cancell?ed\b.*\bno make-?up\b.*\b50-50"),
    "overtime": re.compile(r"including any overtime|overtime is included", re.IGNORECASE),
}
TIE = re.compile(r"\bends? in a tie\b.*\b50-50")
# Kalshi's sentences beside the one that says who wins.
KALSHI = {
    "subject": re.compile(r"The following market refers to the .+ originally scheduled for .+"),
    "tie": re.compile(r"(?:If|In the event of)\b.*\btie\b.*(?:\$0\.50 for each team|50c)"),
    "postponed": re.compile(
        r"If (?:the|this) game is postponed but begins within (48 hours|two days) (?:from|of) its "
        r"originally scheduled start time, the market will remain open and resolve based on the "
        r"official final result"
    ),
    "fallback": re.compile(
        r"If (?:the|this) game is not started within (48 hours|two days),? the market will resolve "
        r"to a fair(?: market)? price(?: in accordance with the rules)?"
    ),
    # Included unless stated otherwise: a sentence that denies it is one that nobody knows.
    "overtime": re.compile(
        r"(?!.*\b(?:not|no|never|except\w*|exclud\w+)\b).*\bovertime\b.*\bincluded\b.*",
        re.IGNORECASE,
    ),
}
WINS = re.compile(
    r"If (?P<team>.+?) wins the (?P<game>.+?) game originally scheduled for (?P<day>.+?), then the "
    r"market resolves to Yes\.?"
)
NEEDED = re.compile(r"\bGame \d+:|\bif necessary\b", re.IGNORECASE)
# What nobody can approve: without these it is not known to be one game with two sides, or it is
# not before its end. The other lines a person may accept who has read both texts.
HARD = {
    "identity",
    "moneyline",
    "two winners",
    "oracle",
    "two contracts",
    "exclusive",
    "contracts",
    "who wins",
    "active",
    "date",
    "start",
    "tie",
    "tie at Kalshi",
}
PART = re.compile(r"\b(half|quarter|period|inning|series)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One thing that must hold of a standard pair."""

    name: str
    holds: bool
    sentence: str
    is_hard: bool  # nobody can approve a pair without it

    @property
    def blocks(self) -> bool:
        return self.is_hard and not self.holds


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What one contract says of each way in which a game can end, in words."""

    overtime: str
    tie: str
    postponed: str
    cancelled: str
    source: str
    deadline: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Texts that somebody has read: hashes, or their first digits, by league."""

    texts: Mapping[str, tuple[str, ...]]
    rulebooks: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What the two contracts of a match say, and whether that is the standard shape."""

    polymarket: Terms
    kalshi: Terms
    lines: tuple[Line, ...]
    text_hash: str  # of Polymarket's text, teams and date masked
    rules_hash: str  # of everything that the two contracts say
    tie_pays: bool  # both pay half a dollar, in words
    counts_overtime: bool  # both do, in words or by a rulebook that was read

    @property
    def is_standard(self) -> bool:
        return all(line.holds for line in self.lines)

    @property
    def failed(self) -> tuple[Line, ...]:
        return tuple(line for line in self.lines if not line.holds)

    @property
    def blocked_why(self) -> str:
        """Return why nobody can approve this pair as it is listed now, or an empty string."""
        return " ".join(line.sentence for line in self.lines if line.blocks)


def masked_hash(rules: str, outcomes: tuple[str, ...]) -> str:
    """Return the SHA-256 of a text with its teams and its date masked, blanks squeezed."""
    text = WHEN.sub("scheduled for <WHEN>", rules)
    for name in outcomes:
        text = text.replace(name, "<TEAM>")
    return hashlib.sha256(re.sub(r"\s+", " ", text).strip().encode()).hexdigest()


def read(match: Match, *, known: Known) -> Reading:
    """Read both contracts of a match."""
    league, market, event = match.identity.league, match.market, match.event
    text_hash = masked_hash(market.rules, market.outcomes)
    ours = _sentences(market.rules)
    clauses = {name: [s for s in ours if rule.search(s)] for name, rule in POLYMARKET.items()}
    theirs, strange = _kalshi_clauses(match)
    lines = (
        _line("identity", not match.warnings, "Both list one game in one way.", match.warnings),
        *_polymarket_lines(match, clauses, text_hash, known),
        *_kalshi_lines(match, theirs, strange, known),
        *_start_lines(match),
    )
    window = "; ".join(theirs["postponed"]) or "not said"
    tie = [s for s in ours if TIE.search(s)]
    overtime = read_overtime(
        league,
        polymarket=ours,
        kalshi=_told(match),
        rulebook=event.rulebook,
        is_known=_is_read(event, known.rulebooks.get(league, ())),
    )
    return Reading(
        polymarket=Terms(
            overtime=overtime.polymarket,
            tie="; ".join(tie) or ("cannot happen" if league != "NFL" else "not said"),
            postponed="; ".join(clauses["postponed"]) or "not said",
            cancelled="; ".join(clauses["cancelled"]) or "not said",
            source=market.source or "not said",
            deadline="none: it stays open",
        ),
        kalshi=Terms(
            overtime=overtime.kalshi,
            tie="; ".join(theirs["tie"]) or ("cannot happen" if league != "NFL" else "not said"),
            postponed=window,
            cancelled="; ".join(theirs["fallback"]) or "not said",
            source=", ".join(event.sources) or "not said",
            deadline=_deadline(event.sides),
        ),
        lines=lines,
        text_hash=text_hash,
        rules_hash=rules_hash(match),
        tie_pays=league != "NFL" or (bool(tie) and bool(theirs["tie"])),
        counts_overtime=overtime.is_alike,
    )


def rules_hash(match: Match) -> str:
    """Return the SHA-256 of all that the two contracts say; another one needs a new approval.

    The window is part of it, the start is not: a game that moves is judged by how far.
    """
    market, event = match.market, match.event
    said = [
        market.slug,
        market.rules,
        market.source,
        *market.outcomes,
        *market.tokens,
        event.event,
        event.rulebook,
        *sorted(event.sources),
        *(
            part
            for side in sorted(event.sides, key=lambda side: side.ticker)
            for part in (side.ticker, side.team_id, side.rules, side.more_rules, side.closes_early)
        ),
        str(window_hours(match)),
    ]
    return hashlib.sha256("\x00".join(said).encode()).hexdigest()


def window_hours(match: Match) -> int | None:
    """Return how long Kalshi waits for a game: from its start to the scheduled expiry."""
    start, ends = match.market.starts_at, {side.expires_at for side in match.event.sides}
    if start is None or len(ends) != 1 or None in ends:
        return None
    (end,) = ends
    assert end is not None
    return round((end - (match.event.starts_at or start)) / timedelta(hours=1))


def _polymarket_lines(
    match: Match, clauses: Mapping[str, list[str]], text_hash: str, known: Known
) -> list[Line]:
    league, market = match.identity.league, match.market
    texts = known.texts.get(league, ())
    wins = {
        name
        for name in market.outcomes
        if len(
            re.findall(
                rf'If (?:the )?{re.escape(name)} wins?\b[^.]*"{re.escape(name)}"', market.rules
            )
        )
        == 1
    }
    host = (urlsplit(market.source).hostname or "").removeprefix("www.")
    shootout = league != "NHL" or bool(SHOOTOUT.search(market.rules))
    tie = league != "NFL" or bool(TIE.search(market.rules))
    missing = [name for name, found in clauses.items() if len(found) != 1]
    return [
        _line(
            "moneyline",
            market.kind == "moneyline" and not market.is_neg_risk and bool(market.tokens),
            "Polymarket's market is a moneyline of two teams.",
        ),
        _line(
            "text known",
            any(text_hash.startswith(each) for each in texts),
            f"Polymarket's text is one that was read (hash {text_hash[:16]}).",
        ),
        _line("two winners", len(wins) == 2, "It says for each team what its win pays."),
        _line(
            "clauses", not missing, "It says postponed, cancelled and overtime once each.", missing
        ),
        _line("shootout", shootout, "It counts shootouts, as the NHL decides games by them."),
        _line("tie", tie, "It says what a tie pays, which the NFL has."),
        _line("source", host == HOSTS.get(league), "The league's own site decides it."),
        _line("oracle", not market.oracle, "Nobody has proposed a result yet."),
    ]


def _kalshi_lines(
    match: Match,
    theirs: Mapping[str, list[str]],
    strange: list[str],
    known: Known,
) -> list[Line]:
    league, event = match.identity.league, match.event
    books = known.rulebooks.get(league, ())
    tickers = {side.ticker for side in event.sides}
    both = tickers == {match.away_ticker, match.home_ticker} and len(event.sides) == 2
    usual = all(
        (side.kind, side.strike, side.bounds or "default") == ("binary", "structured", "default")
        for side in event.sides
    )
    words = event.competition
    season = not any(each in words for each in ("Preseason", "Summer", "All-Star", "Spring"))
    tie = league != "NFL" or len(theirs["tie"]) == 1
    hours = {
        WINDOWS.get(each) for each in (*_group(theirs, "postponed"), *_group(theirs, "fallback"))
    }
    return [
        _line("two contracts", both, "Kalshi lists its two teams and nothing else, no tie."),
        _line("exclusive", event.is_exclusive is True, "One of the two pays, never both."),
        _line("contracts", usual, "They are plain yes-or-no contracts on a team."),
        _line(
            "closes",
            all("winner is declared" in side.closes_early for side in event.sides),
            "They close once a winner is declared.",
        ),
        _line(
            "active",
            all(side.status in ("active", "open", "") for side in event.sides),
            "Both contracts are traded.",
        ),
        _line(
            "needed",
            not any(NEEDED.search(each) for each in (event.title, *(s.rules for s in event.sides))),
            "It is no game of a series, which may not be needed.",
        ),
        _line("season", event.scope == "Game" and season, f"It is a game of the season ({words})."),
        _line(
            "who wins", _wins_named(match), "Each contract is about its own team's win of the game."
        ),
        _line("tie at Kalshi", tie, "A tie pays half a dollar, which the NFL has."),
        _line("window", hours == {48}, "A game begins within 48 hours, or a fair price is paid."),
        _line("expiry", window_hours(match) == 48, "Its scheduled expiry says the same 48 hours."),
        _line("no surprise", not strange, "Its text has no sentence that nobody knows.", strange),
        _line(
            "rulebook",
            _is_read(event, books),
            f"Its rulebook is one that was read (hash {event.rulebook[:8] or 'unknown'}).",
        ),
    ]


def _start_lines(match: Match) -> list[Line]:
    start, theirs = match.market.starts_at, match.event.starts_at
    text = described(match.market.rules, year=match.identity.day.year)
    agrees = False
    if start is not None and text is not None and text[1] is not None:
        local = start.astimezone(NEW_YORK)
        named = (text[0].month, text[0].day, *text[1])
        agrees = named == (local.month, local.day, local.hour, local.minute)
    return [
        _line("date", agrees, "The date and time in the text are those of the start."),
        _line(
            "start",
            start is not None and theirs is not None and abs(start - theirs) <= APART,
            "Both venues know one start.",
        ),
    ]


def _kalshi_clauses(match: Match) -> tuple[dict[str, list[str]], list[str]]:
    """Sort the sentences of both contracts by clause, each once; the rest is strange."""
    found: dict[str, list[str]] = {name: [] for name in KALSHI}
    strange: list[str] = []
    told = dict.fromkeys(
        sentence
        for side in match.event.sides
        for sentence in _sentences(NOTICE.sub("", side.more_rules))
    )
    for sentence in told:
        for name, rule in KALSHI.items():
            if rule.fullmatch(sentence):
                found[name].append(sentence)
                break
        else:
            strange.append(sentence)
    return found, strange


def _told(match: Match) -> tuple[str, ...]:
    """Return the sentences of both contracts, each once."""
    texts = (
        text for side in match.event.sides for text in (side.rules, NOTICE.sub("", side.more_rules))
    )
    return tuple(dict.fromkeys(sentence for text in texts for sentence in _sentences(text)))


def _is_read(event: GameEvent, books: tuple[str, ...]) -> bool:
    return bool(event.rulebook) and event.rulebook.startswith(books)


def _wins_named(match: Match) -> bool:
    """Tell whether each contract's first rule is about its own team and the whole game."""
    for side in match.event.sides:
        said = WINS.fullmatch(side.rules.strip())
        team = match.away if side.ticker == match.away_ticker else match.home
        if said is None or PART.search(said["game"]) or by_name(team.league, said["team"]) != team:
            return False
        if by_name(team.league, side.label) != team:
            return False
    ids = {side.team_id for side in match.event.sides}
    return len(ids) == 2 and "" not in ids


def _group(theirs: Mapping[str, list[str]], name: str) -> list[str]:
    found = (KALSHI[name].fullmatch(sentence) for sentence in theirs[name])
    return [each.group(1) for each in found if each] or [""]


def _sentences(text: str) -> list[str]:
    parts = (SENTENCE.split(line) for line in text.splitlines())
    return [part.strip() for line in parts for part in line if part.strip()]


def _deadline(sides: tuple[Side, ...]) -> str:
    ends = sorted(side.expires_at for side in sides if side.expires_at is not None)
    return words_of(ends[0]) if ends else "not said"


def words_of(at: datetime) -> str:
    return f"{at:%-d %b %Y %H:%M} UTC"


def _line(name: str, holds: bool, sentence: str, why: object = ()) -> Line:
    """Say what must hold, and what was found where it does not."""
    found = [str(each) for each in why] if isinstance(why, (tuple, list)) else []
    if not holds:
        sentence = f"Not so: {sentence[0].lower()}{sentence[1:]}"
        sentence += f" Found: {'; '.join(found)}" if found else ""
    return Line(name=name, holds=holds, sentence=sentence, is_hard=name in HARD)
