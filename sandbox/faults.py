"""Misbehaviour on command: a script says where, when and how the exchanges fail.

- venue: kalshi                      # or polymarket
  endpoint: POST /portfolio/events/orders   # method and path; * matches any part
  nth: 2                             # the second call; or every: 3, or probability: 0.1
  do: accept_then_silence            # one of Kind
  seconds: 2                         # of what lasts
  from: 30                           # seconds after the start; with until: 60, a span of time

Kinds of three sorts: of calls and of frames of a websocket (`failing`), and of the exchange
itself (`bending`), which have no endpoint.
"""

import math
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any

import yaml

TICKS = tuple(map(Decimal, ("0.1", "0.01", "0.005", "0.0025", "0.001", "0.0001")))
LONGEST = 1_000_000  # seconds
PLACE = re.compile(r"\*|(GET|POST|PUT|DELETE|WS|\*) [/*]\S*")
SILENCE = 30.0  # seconds, when the script names none
VENUES = ("kalshi", "polymarket")


class Kind(StrEnum):
    # Calls
    ACCEPT_THEN_SILENCE = "accept_then_silence"  # done, and never told
    ACCEPT_THEN_CLOSE = "accept_then_close"  # done, and hung up
    CLOSE_AFTER_BODY = "close_after_body"  # read, not done, and hung up
    STATUS = "status"
    HTML = "html"
    TRUNCATED = "truncated"
    MALFORMED = "malformed"
    MISSING_FIELD = "missing_field"  # a part of the answer is not there
    STALE = "stale"  # what was answered some time ago
    SLOW = "slow"
    # Frames
    DUPLICATE_FRAME = "duplicate_frame"
    DROP_FRAME = "drop_frame"
    SWAP_FRAMES = "swap_frames"  # the next one comes first
    STALE_FRAME = "stale_frame"  # an old one comes again
    STALL = "stall"  # nothing more comes, and nobody hangs up
    # The exchange itself
    DEDUP_OPEN_ONLY = "dedup_open_only"
    READ_LAG = "read_lag"
    CLOCK_SKEW = "clock_skew"
    TRADE_FAILED = "trade_failed"
    TRADE_RETRIED = "trade_retried"
    PARTIAL_FILL = "partial_fill"
    DELAYED_MATCH = "delayed_match"
    PAUSE = "pause"
    TICK_SIZE = "tick_size"


FRAMES = (
    Kind.DUPLICATE_FRAME,
    Kind.DROP_FRAME,
    Kind.SWAP_FRAMES,
    Kind.STALE_FRAME,
    Kind.STALL,
)
BENT: Mapping[Kind, Sequence[str]] = {  # and at which venues
    Kind.DEDUP_OPEN_ONLY: ("kalshi",),
    Kind.READ_LAG: ("kalshi",),
    Kind.CLOCK_SKEW: VENUES,
    Kind.TRADE_FAILED: ("polymarket",),
    Kind.TRADE_RETRIED: ("polymarket",),
    Kind.PARTIAL_FILL: VENUES,
    Kind.DELAYED_MATCH: ("polymarket",),
    Kind.PAUSE: VENUES,
    Kind.TICK_SIZE: ("polymarket",),
}


class BadScript(Exception):
    """A script of faults that cannot be read; the text says where and why."""


@dataclass(slots=True, kw_only=True)
class Rule:
    """One way to fail, and when."""

    venue: str
    kind: Kind
    endpoint: str = ""
    nth: int | None = None
    every: int | None = None
    probability: float | None = None
    since: float = 0.0  # seconds after the start
    until: float | None = None
    seconds: float = SILENCE
    status: int = 503
    name: str = ""  # of a field
    tick: Decimal = Decimal("0.001")
    calls: int = field(default=0)

    def strikes(self, draw: random.Random, *, elapsed: float = 0.0) -> bool:
        """Count one call and tell whether this one fails, so long after the start."""
        if not self.holds(elapsed):
            return False
        self.calls += 1
        if self.nth is not None:
            return self.calls == self.nth
        if self.every is not None:
            return self.calls % self.every == 0
        return self.probability is None or draw.random() < self.probability

    def holds(self, elapsed: float) -> bool:
        return self.since <= elapsed and (self.until is None or elapsed < self.until)

    def chooses(self, number: int, *, seed: int) -> bool:
        """Tell whether the thing with a number (from 1) fails: the same whenever it is asked."""
        if self.nth is not None:
            return number == self.nth
        if self.every is not None:
            return number % self.every == 0
        if self.probability is None:
            return True
        return random.Random(f"{seed} {self.kind} {number}").random() < self.probability


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The numbers of those that fail, as a script says; empty without a rule."""

    rules: Sequence[Rule] = ()
    seed: int = 0

    def __contains__(self, number: object) -> bool:
        return isinstance(number, int) and any(
            rule.chooses(number, seed=self.seed) for rule in self.rules
        )


# What a script may name, with the attribute it becomes.
WHOLE = {"nth": "nth", "every": "every", "status": "status"}
NUMBERS = {"probability": "probability", "seconds": "seconds", "from": "since", "until": "until"}
TEXTS = {"endpoint": "endpoint", "field": "name"}


def read(path: Path) -> list[Rule]:
    """Read a script. Raises BadScript."""
    try:
        rows = yaml.safe_load(path.read_text())
    except OSError as error:
        raise BadScript(f"{path}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadScript(f"{path} is not YAML: {error}") from error
    if not isinstance(rows, list):
        raise BadScript(f"{path} must hold a list of faults")
    return [_rule(row, f"{path}, fault {number}") for number, row in enumerate(rows, start=1)]


def _rule(row: object, where: str) -> Rule:
    if not isinstance(row, dict):
        raise BadScript(f"{where} is not a set of names and values")
    unknown = set(row) - {"venue", "do", "tick", *WHOLE, *NUMBERS, *TEXTS}
    if unknown:
        raise BadScript(f"{where}: there is no {sorted(map(str, unknown))[0]!r}")
    try:
        kind = Kind(str(row.get("do")))
    except ValueError:
        raise BadScript(f"{where}: `do` is one of {', '.join(Kind)}") from None
    _check_place(row, kind, where)
    options: dict[str, Any] = {}
    for name, attribute in WHOLE.items():
        if name in row:
            options[attribute] = _number(row[name], f"{where}: {name}", whole=True)
    for name, attribute in NUMBERS.items():
        if name in row:
            options[attribute] = _number(row[name], f"{where}: {name}", whole=False)
    for name, attribute in TEXTS.items():
        if name in row:
            options[attribute] = str(row[name])
    if "tick" in row:
        options["tick"] = _tick(row["tick"], where)
    _check_values(options, where)
    return Rule(venue=row["venue"], kind=kind, **options)


def _tick(value: object, where: str) -> Decimal:
    for tick in TICKS:
        if str(value) == f"{tick}":
            return tick
    raise BadScript(f"{where}: tick is one of {', '.join(map(str, TICKS))}")


def _check_values(options: Mapping[str, Any], where: str) -> None:
    if len({"nth", "every", "probability"} & set(options)) > 1:
        raise BadScript(f"{where}: nth, every or probability, not two of them")
    if not 0 <= options.get("probability", 0) <= 1:
        raise BadScript(f"{where}: probability lies between 0 and 1")
    if not 400 <= options.get("status", 503) <= 599:
        raise BadScript(f"{where}: status lies between 400 and 599")
    if any(abs(options.get(name) or 0) > LONGEST for name in ("seconds", "since", "until")):
        raise BadScript(f"{where}: no span is longer than {LONGEST:,} seconds")


def _check_place(row: Mapping[str, object], kind: Kind, where: str) -> None:
    venue, endpoint = row.get("venue"), row.get("endpoint")
    if venue not in VENUES:
        raise BadScript(f"{where} needs a venue (kalshi or polymarket)")
    if kind in BENT and (endpoint is not None or venue not in BENT[kind]):
        raise BadScript(f"{where}: {kind} is of {' or '.join(BENT[kind])}, without an endpoint")
    if kind not in BENT and not isinstance(endpoint, str):
        raise BadScript(f"{where} needs an endpoint")
    if kind not in BENT and not PLACE.fullmatch(str(endpoint)):
        raise BadScript(f"{where}: an endpoint is `*`, or a method and a path like `POST /order`")
    if kind in FRAMES and not str(endpoint).startswith("WS "):
        raise BadScript(f"{where}: {kind} needs an endpoint like `WS /ws/market`")


def _number(value: object, what: str, *, whole: bool) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadScript(f"{what} is a number")
    if not math.isfinite(value):
        raise BadScript(f"{what} is a number")
    if whole and (not isinstance(value, int) or value < 1):
        raise BadScript(f"{what} is a whole number over 0")
    return value
