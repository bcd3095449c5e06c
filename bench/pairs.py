"""Scans of pairs against oracle3's `check_constraint`, against json with Decimal, and of one book.

oracle3 (Apache-2.0) takes best prices, as floats, for one size; ours walks whole books exactly. It
is asked once for a pair, as a user of it would: two quotes, one call.
"""

import json
import random
import sys
from collections.abc import Callable
from decimal import Decimal
from operator import itemgetter
from pathlib import Path
from statistics import median
from typing import Any

import orjson

from bench.result import Result, seconds
from markets.domain.arbitrage import Caps, Side
from markets.domain.payoff import Route
from markets.domain.scanner import Scanner, Watched
from venues import ladders
from venues.kalshi.fees import taker_fee as kalshi_fee
from venues.ladders import Asks, price_of, size_of
from venues.polymarket.fees import taker_fee

PAIRS, LEVELS, FEW = 1_000, 50, 300
ROUNDS = 15
EARNING = 0.02  # of the pairs: what a busy evening shows
CAPS = Caps(first=Decimal(1000), second=Decimal(1000), total=Decimal(1000))
P_RATE, K_RATE = Decimal("0.05"), Decimal("0.07")
RESERVE = Decimal("0.005")
BENCH = Path(__file__).resolve().parent.parent / ".venv" / "bench"

PRICE_AND_SIZE = itemgetter("price", "size")
Text = list[tuple[str, str]]


def _book(draw: random.Random, best: int) -> Text:
    """Return asks of 50 levels, best first, as venues write them."""
    return [
        (f"{min(best + level, 999) / 1000:.4f}", f"{draw.randint(100, 900_000) / 100:.2f}")
        for level in range(LEVELS)
    ]


def _pairs(draw: random.Random, count: int) -> list[dict[str, Text]]:
    found = []
    for _ in range(count):
        away = draw.randint(150, 700)
        over = -60 if draw.random() < EARNING else draw.randint(5, 40)
        home = 1000 - away + over
        books = {
            "a": _book(draw, away),
            "h": _book(draw, 1000 - away + 10),
            "hy": _book(draw, home),
            "an": _book(draw, home + 2),
            "ay": _book(draw, away + 12),
            "hn": _book(draw, away + 14),
        }
        found.append(books)
    return found


def _rungs(text: Text) -> ladders.Rungs:
    return tuple((price_of(price), size_of(size)) for price, size in text)


def _scanner(pairs: list[dict[str, Text]]) -> Scanner:
    scanner = Scanner([_watched(number) for number in range(len(pairs))], caps=CAPS)
    for number, books in enumerate(pairs):
        for name, text in books.items():
            scanner.update(f"{number}{name}", _rungs(text))
    return scanner


def _watched(number: int) -> Watched:
    legs = zip(Route, ("hy", "an", "ay", "hn"), strict=True)
    return Watched(
        pair=number,
        league="NBA",
        away=Side(token=f"{number}a", asks=(), fee_rate=P_RATE),
        home=Side(token=f"{number}h", asks=(), fee_rate=P_RATE),
        kalshi={
            route: Side(token=f"{number}{name}", asks=(), fee_rate=K_RATE) for route, name in legs
        },
        reserve=RESERVE,
    )


def measure_scan(folder: str) -> Result:
    if not (BENCH / "oracle3").is_dir():
        raise SystemExit("oracle3 is not here: run `make bench`, which installs it.")
    sys.path.insert(0, str(BENCH))
    # Only `make bench` installs it, so no type checker finds it.
    from oracle3.arbitrage import Quote, check_constraint  # type: ignore[import-not-found]
    from oracle3.fees import PolymarketSchedule  # type: ignore[import-not-found]

    pairs = _pairs(random.Random(5), PAIRS)
    scanner = _scanner(pairs)
    schedule = PolymarketSchedule(rate=P_RATE)
    tops = [{name: float(text[0][0]) for name, text in books.items()} for books in pairs]

    def theirs() -> int:
        found = 0
        for top in tops:
            ours = Quote("p", "polymarket", yes_ask=top["a"], no_ask=top["h"], schedule=schedule)
            other = Quote("k", "kalshi", yes_ask=top["ay"], no_ask=top["an"])
            result = check_constraint("same_event", [ours, other], contracts=1.0)
            found += result.best is not None and result.best.net_edge > float(RESERVE)
        return found

    found = {each.pair for each in scanner.scan()}
    if not abs(len(found) - theirs()) <= PAIRS // 50:
        raise SystemExit(f"pairs: ours finds {len(found)}, oracle3 {theirs()}")
    return Result(
        name=f"exact scan of {PAIRS:,} pairs of {LEVELS}-level books against oracle3's "
        "check_constraint",
        measured=_ratio(theirs, scanner.scan, rounds=ROUNDS),
        promised=10,
        unit="times the pairs a second",
    )


def measure_wire(folder: str) -> Result:
    """Whole books as bytes to what they earn, against json and Decimal all the way."""
    draw = random.Random(6)
    pairs = _pairs(draw, 60)
    frames = [_frames(books) for books in pairs]
    scanner = Scanner([_watched(number) for number in range(len(pairs))], caps=CAPS)

    def ours() -> int:
        for number, (away, home, kalshi) in enumerate(frames):
            for name, body in (("a", away), ("h", home)):
                rows = list(map(PRICE_AND_SIZE, orjson.loads(body)))
                scanner.update(f"{number}{name}", Asks(rows, mirrored=False))
            for name, body in zip(("hy", "an", "ay", "hn"), kalshi, strict=True):
                rows = list(map(PRICE_AND_SIZE, orjson.loads(body)))
                scanner.update(f"{number}{name}", Asks(rows, mirrored=True))
        return len({each.pair for each in scanner.scan()})

    def plain() -> int:
        return sum(_plain(each) for each in frames)

    if ours() != plain():
        raise SystemExit(f"pairs: {ours()} by whole numbers, {plain()} by Decimal")
    return Result(
        name="wire bytes to opportunities against json and Decimal",
        measured=_ratio(plain, ours, rounds=25),
        promised=2.5,
        unit="times faster",
    )


def measure_one(folder: str) -> Result:
    scanner = _scanner(_pairs(random.Random(7), FEW))
    draw = random.Random(8)
    changed = [
        (f"{number}a", _rungs(_book(draw, scanner.asks(f"{number}a")[0][0] // 10)))
        for number in (draw.randrange(FEW) for _ in range(400))
    ]

    def one() -> None:
        for token, asks in changed:
            scanner.update(token, asks)
            scanner.scan_token(token)

    return Result(
        name=f"one changed book against scanning {FEW} pairs again",
        measured=_ratio(scanner.scan, one, rounds=ROUNDS) * len(changed),
        promised=50,
        unit="times cheaper",
    )


def _ratio(slow: Callable[[], object], fast: Callable[[], object], *, rounds: int) -> float:
    """Return how much longer one thing takes than the other, measured in turns."""
    return median(seconds(slow) / seconds(fast) for _ in range(rounds))


def _frames(books: dict[str, Text]) -> tuple[bytes, bytes, list[bytes]]:
    def body(text: Text) -> bytes:
        return json.dumps([{"price": price, "size": size} for price, size in text]).encode()

    # Kalshi tells bids of the other outcome: what is asked is a dollar less.
    bids = [
        [(f"{1 - Decimal(price):.4f}", size) for price, size in books[name]]
        for name in ("hy", "an", "ay", "hn")
    ]
    return body(books["a"]), body(books["h"]), [body(each) for each in bids]


def _plain(frames: tuple[bytes, bytes, list[bytes]]) -> bool:
    """Return whether a pair earns something, in json and Decimal throughout."""
    away, home, kalshi = frames

    def asks(body: bytes, *, mirrored: bool) -> list[tuple[Decimal, Decimal]]:
        rows: list[dict[str, Any]] = json.loads(body)
        found = {Decimal(row["price"]): Decimal(row["size"]) for row in rows}
        if mirrored:
            found = {1 - price: size for price, size in found.items()}
        return sorted(found.items())

    first = {True: asks(away, mirrored=False), False: asks(home, mirrored=False)}
    earns = False
    for route, body in zip(Route, kalshi, strict=True):
        ours, theirs = list(first[route.buys_away]), asks(body, mirrored=True)
        earns |= _walk_plain(ours, theirs) > 0
    return earns


def _walk_plain(
    ours: list[tuple[Decimal, Decimal]], theirs: list[tuple[Decimal, Decimal]]
) -> Decimal:
    net, i, j = Decimal(0), 0, 0
    left1, left2 = ours[0][1], theirs[0][1]
    while i < len(ours) and j < len(theirs):
        p, q = ours[i][0], theirs[j][0]
        size = min(left1, left2)
        fees = taker_fee(price=p, shares=size, rate=P_RATE) + kalshi_fee(
            price=q, shares=size, rate=K_RATE
        )
        earned = size * (1 - p - q - RESERVE) - fees
        if earned <= 0:
            break
        net, left1, left2 = net + earned, left1 - size, left2 - size
        if not left1:
            i += 1
            left1 = ours[i][1] if i < len(ours) else left1
        if not left2:
            j += 1
            left2 = theirs[j][1] if j < len(theirs) else left2
    return net
