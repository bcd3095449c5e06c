"""Whether both contracts of a pair count overtime, and in the NHL shootouts (game-rules.md 1).

Kalshi's text says nothing of it, as a rule. What a text leaves out its rulebook fills, but only a
rulebook that somebody has read.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

NAMED = re.compile(r"\b(?:overtime|shoot-?outs?)\b", re.IGNORECASE)
OVERTIME = re.compile(r"\bovertime\b", re.IGNORECASE)
SHOOTOUT = re.compile(r"\bshoot-?outs?\b", re.IGNORECASE)
NEGATED = re.compile(r"\b(?:not|no|never|without|exclud\w+|except\w*)\b", re.IGNORECASE)
# Kalshi's rulebook for hockey of September 2026: it never mentioned a shootout.
NO_SHOOTOUT = ("4243633b",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Overtime:
    """What each side says of overtime, in words, and whether both say that it counts."""

    polymarket: str
    kalshi: str
    is_alike: bool


def read_overtime(
    league: str,
    *,
    polymarket: Iterable[str],
    kalshi: Iterable[str],
    rulebook: str,
    is_known: bool,
) -> Overtime:
    """Read the sentences of both texts; `is_known` tells that Kalshi's rulebook was read."""
    ours = [each for each in polymarket if NAMED.search(each)]
    theirs = [each for each in kalshi if NAMED.search(each)]
    their_words, is_filled = _words(league, theirs), False
    if not _counts(league, theirs) and not _denies(theirs):
        is_filled = is_known and not (league == "NHL" and rulebook.startswith(NO_SHOOTOUT))
        their_words += _of_rulebook(league, rulebook, is_known=is_known, is_filled=is_filled)
    return Overtime(
        polymarket=_words(league, ours),
        kalshi=their_words,
        is_alike=_counts(league, ours) and (_counts(league, theirs) or is_filled),
    )


def _counts(league: str, said: list[str]) -> bool:
    """Tell whether sentences count all that a game of the league may need after its time."""
    if _denies(said) or not any(OVERTIME.search(each) for each in said):
        return False
    return league != "NHL" or any(SHOOTOUT.search(each) for each in said)


def _denies(said: list[str]) -> bool:
    return any(NEGATED.search(each) for each in said)


def _words(league: str, said: list[str]) -> str:
    if not said:
        return "not said"
    silent = league == "NHL" and not any(SHOOTOUT.search(each) for each in said)
    return "; ".join(said) + ("; of shootouts it says nothing" if silent else "")


def _of_rulebook(league: str, rulebook: str, *, is_known: bool, is_filled: bool) -> str:
    """Say what Kalshi's rulebook adds where its text is silent."""
    name = rulebook[:8] or "unknown"
    if not is_known:
        return f"; its rulebook ({name}) is not one that was read"
    if not is_filled:
        return f"; its rulebook, which was read ({name}), says nothing of shootouts"
    what = "overtime and shootouts" if league == "NHL" else "overtime"
    return f"; its rulebook, which was read ({name}), counts {what}"
