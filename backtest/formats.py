"""The formats of recorded trades, told apart by what is in the file and not by its name.

Four: the 2022 midterms tape (CSV), Polymarket Data API rows v1 and v2 (JSON lines, one JSON array,
or a wrapped page), and our own recordings: one raw message a line, as
`{"venue": ..., "channel": ..., "received_at": ..., "message": {...}}`. Plain or gzip.
"""

import csv
import gzip
import io
import json
import zlib
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from venues.polymarket import parse
from venues.polymarket.parse import NotATrade
from venues.reading import BadMessage, text
from venues.types import Trade

MIDTERMS_COLUMNS = [
    *("market", "timestamp_utc", "account", "type", "outcome"),
    *("amount_usdc", "shares", "price"),
]
LINE_BYTES = 1_000_000  # a longer line is no trade
SNIFF_LINES = 50

Parser = Callable[[str], Trade]
Plain = io.BufferedReader | gzip.GzipFile


class UnreadableRecording(Exception):
    """A file that is none of the formats; the text names it and what was expected."""


def sniff(path: Path) -> Parser:
    """Return the parser that fits the file's content. Raises UnreadableRecording."""
    if not path.exists():
        raise UnreadableRecording(f"{path}: there is no such file.")
    if path.is_dir():
        raise UnreadableRecording(f"{path} is a folder; name the files in it.")
    try:
        head: list[bytes] = []
        with suppress(EOFError, zlib.error, gzip.BadGzipFile), open_plain(path) as stream:
            for _ in range(SNIFF_LINES):
                head.append(stream.readline(LINE_BYTES))
    except OSError as error:
        raise UnreadableRecording(f"{path} cannot be read: {error.strerror}.") from error
    lines = [line.removeprefix(b"\xef\xbb\xbf").strip() for line in head]
    if not any(lines):
        raise UnreadableRecording(f"{path} is empty, or not readable as plain or gzip text.")
    first = next(line for line in lines if line)
    if first.split(b",")[:8] == [name.encode() for name in MIDTERMS_COLUMNS]:
        return midterms_trade
    text = b"\n".join(lines)
    if first[:1] in (b"{", b"[") and (b"proxyWallet" in text or b"proxy_wallet" in text):
        return json_trade
    raise UnreadableRecording(
        f"{path} is none of the formats PolyMix reads: the 2022 midterms tape (CSV), Polymarket "
        "Data API rows v1 or v2 (JSON), or PolyMix recordings (JSON lines)."
    )


def json_trade(line: str) -> Trade:
    """Parse a Data API row, or one of our own recorded messages around it."""
    row = json.loads(line, parse_float=Decimal, parse_constant=Decimal)
    if not isinstance(row, dict):
        raise BadMessage("not a JSON object")
    if "message" in row and "channel" in row:
        return _recorded(row)
    return parse.data_api_trade(row)


def midterms_trade(line: str) -> Trade:
    """Parse a row of the 2022 midterms tape. It has no transactions, so they are digests."""
    cells = next(csv.reader([line]), [])
    if len(cells) != len(MIDTERMS_COLUMNS):
        raise BadMessage(f"{len(cells)} columns instead of {len(MIDTERMS_COLUMNS)}")
    row = dict(zip(MIDTERMS_COLUMNS, cells, strict=True))
    market = text(row, "market", most=100)
    outcome = text(row, "outcome", most=50)
    wallet = parse.address(row["account"])
    price, shares = parse.share_price(row["price"]), parse.share_count(row["shares"])
    token = f"{market}:{outcome}"
    return Trade(
        venue="polymarket",
        transaction=parse.digest(market, outcome, wallet, row["timestamp_utc"]),
        counter=parse.fill_counter(wallet=wallet, token=token, price=price, shares=shares),
        wallet=wallet,
        market=market,
        token=token,
        outcome=outcome,
        outcome_index=None,
        title=market.replace("_", " ").title(),
        side=parse.trade_side(row["type"]),
        price=price,
        shares=shares,
        at=_utc(row["timestamp_utc"]),
    )


def record_message(message: dict[str, Any], *, venue: str, channel: str, at: datetime) -> str:
    """Return one line of our own recording format."""
    line = {"venue": venue, "channel": channel, "received_at": at.isoformat(), "message": message}
    return json.dumps(line, separators=(",", ":"), default=str)


def _recorded(row: dict[str, Any]) -> Trade:
    if row.get("venue") != "polymarket":
        raise NotATrade(f"venue {str(row.get('venue'))[:20]}")
    if row["channel"] not in ("trades", "activity"):
        raise NotATrade(f"channel {str(row['channel'])[:20]}")
    message = row["message"]
    if not isinstance(message, dict):
        raise BadMessage("message is not a JSON object")
    return parse.data_api_trade(message)


def _utc(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise BadMessage(f"time {text[:40]!r} is no time") from None
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    if not parse.EARLIEST <= at < parse.LATEST:
        raise BadMessage(f"time {text[:40]!r} is not of this time")
    return at


def open_plain(path: Path) -> Plain:
    """Open a file to read its bytes, gzip taken off."""
    with path.open("rb") as probe:
        magic = probe.read(2)
    if magic == b"\x1f\x8b":
        return gzip.open(path, "rb")
    return path.open("rb")
