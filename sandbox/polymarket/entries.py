"""Events and markets as Gamma's catalogue has them: lists are JSON inside of text."""

import json
import zlib
from datetime import datetime
from decimal import Decimal
from typing import Any

from sandbox.book import Side
from sandbox.clock import iso
from sandbox.polymarket import trimmings
from sandbox.polymarket.markets import Market
from sandbox.polymarket.trimmings import BORN

TAGS = {"nba": 745, "nfl": 450, "mlb": 100381, "nhl": 899}
SERIES = {"nba": 10345, "nfl": 10187, "mlb": 3, "nhl": 10346}
GAMES = 100639
KIND = "moneyline"

Row = dict[str, Any]


def event(market: Market, number: int, *, nested: bool = True) -> Row:
    """Return the event of a market; `nested` puts the market into it."""
    league = market.slug.partition("-")[0]
    starts = iso(market.starts_at) if market.starts_at else None
    over = market.payout is not None
    row = {
        **trimmings.EVENT,
        "id": str(number),
        "ticker": market.slug,
        "slug": market.slug,
        "title": market.question,
        "description": market.description,
        "resolutionSource": market.source,
        "startTime": starts,
        "eventDate": starts[:10] if starts else None,
        "endDate": iso(market.ends_at) if market.ends_at else starts,
        "closed": over,
        "closedTime": iso(market.resolved_at) if market.resolved_at else None,
        "finishedTimestamp": iso(market.resolved_at) if market.resolved_at else None,
        "live": market.cleared and not over,
        "ended": over,
        "liquidity": float(liquidity(market)),
        "liquidityClob": float(liquidity(market)),
        "negRisk": market.neg_risk,
        "seriesSlug": league,
        "sport": sport(league, TAGS.get(league, 0)),
        "gameId": number,
        "score": "",
        "period": "",
        "version": market.version,
        **_volumes(market, ""),
    }
    if not nested:
        return row
    tags = (("1", "sports"), (str(GAMES), "games"), (str(TAGS.get(league, 0)), league))
    return {
        **row,
        "tags": [tag(number, name) for number, name in tags],
        "series": [{**trimmings.SERIES, **_series(league)}],
        "teams": _teams(market, league),
        "markets": [_entry(market, number)],
    }


def market(found: Market, number: int) -> Row:
    return {**_entry(found, number), "events": [event(found, number, nested=False)]}


def sport(league: str, number: int) -> Row:
    tag_id = TAGS.get(league, 0)
    return {
        "id": number,
        "sport": league,
        "name": league.upper(),
        "image": "",
        "resolution": "",
        "ordering": "away",
        "tags": f"1,{tag_id},{GAMES}",
        "primaryTagId": tag_id,
        "series": str(SERIES.get(league, 0)),
        "createdAt": BORN,
    }


def _series(league: str) -> Row:
    name = {"slug": league, "ticker": league, "title": league.upper()}
    return {"id": str(SERIES.get(league, 0)), **name}


def tag(number: str, name: str) -> Row:
    return {
        "id": number,
        "label": name.upper() if name in TAGS else name.title(),
        "slug": name,
        "forceShow": False,
        "createdAt": BORN,
        "publishedAt": BORN,
        "updatedAt": BORN,
        "updatedBy": 15,
        "requiresTranslation": False,
    }


def liquidity(market: Market) -> Decimal:
    """Return what the book offers on both sides, USD."""
    bids, asks = market.book.levels(Side.BID), market.book.levels(Side.ASK)
    offered = [price * size for price, size in bids] + [(1 - price) * size for price, size in asks]
    return sum(offered, Decimal(0))


def _teams(market: Market, league: str) -> list[Row]:
    return [
        {
            "id": zlib.crc32(name.encode()) % 1_000_000,
            "name": name,
            "league": league,
            "record": "0-0",
            "abbreviation": code.lower(),
            "alias": alias,
            "createdAt": BORN,
            "providerId": zlib.crc32(name.encode()) % 1000,
            "color": "#555555",
            "ordering": "home" if place else "away",
        }
        for place, (name, alias, code) in enumerate(market.teams)
    ]


def _entry(market: Market, number: int) -> Row:
    bid, ask = market.book.best(Side.BID), market.book.best(Side.ASK)
    prices = market.payout or (
        (market.last_price, 1 - market.last_price) if market.last_price else ("0.5", "0.5")
    )
    ends, over = market.ends_at, market.payout is not None
    row: Row = {
        **trimmings.MARKET,
        "id": str(number),
        "question": market.question,
        "conditionId": market.condition,
        "questionID": market.condition,
        "slug": market.slug,
        "description": market.description,
        "resolutionSource": market.source,
        "outcomes": json.dumps(market.outcomes),
        "outcomePrices": json.dumps([f"{price}" for price in prices]),
        "clobTokenIds": json.dumps(market.tokens),
        "endDate": iso(ends) if ends else None,
        "endDateIso": iso(ends)[:10] if ends else None,
        "closedTime": _with_space(market.resolved_at),
        "umaEndDate": iso(market.resolved_at) if market.resolved_at else None,
        "closed": over,
        "acceptingOrders": market.accepting,
        "orderPriceMinTickSize": float(market.tick),
        "orderMinSize": float(market.min_size),
        "negRisk": market.neg_risk,
        "feesEnabled": market.fee_rate > 0,
        "feeType": "sports_fees_v3",
        "feeSchedule": {
            "exponent": 1,
            "rate": float(market.fee_rate),
            "takerOnly": True,
            "rebateRate": 0.15,
        },
        "bestBid": float(bid) if bid is not None else None,
        "bestAsk": float(ask) if ask is not None else None,
        "liquidity": f"{liquidity(market):f}",
        "liquidityNum": float(liquidity(market)),
        "liquidityClob": float(liquidity(market)),
        "lastTradePrice": float(market.last_price) if market.last_price is not None else None,
        "spread": float(ask - bid) if bid is not None and ask is not None else None,
        "secondsDelay": market.delay,
        "clearBookOnStart": market.clears_book,
        "gameId": str(number),
        "gameStartTime": _with_space(market.starts_at),
        "eventStartTime": iso(market.starts_at) if market.starts_at else None,
        "sportsMarketType": KIND,
        "groupItemTitle": None,
        "line": None,
        "umaResolutionStatus": "resolved" if over else None,
        "umaResolutionStatuses": json.dumps(["proposed", "resolved"] if over else []),
        "version": market.version,
        "volume": f"{market.volume:f}",
        "volumeNum": float(market.volume),
        **_volumes(market, "Clob"),
    }
    row["volume"] = f"{market.volume:f}"
    if market.version == "v2":
        row["positionIds"] = row["clobTokenIds"]
    return row


def _volumes(market: Market, kind: str) -> Row:
    """Return what was traded, USD; the sandbox counts no weeks apart."""
    names = ["volume", "volume24hr", "volume1wk", "volume1mo", "volume1yr"]
    total = float(market.volume)
    return dict.fromkeys(names, total) | (
        {f"{name}{kind}": total for name in names} if kind else {}
    )


def _with_space(at: datetime | None) -> str | None:
    """Return `2026-09-27 20:25:00+00`, as markets have it and events do not."""
    return f"{at:%Y-%m-%d %H:%M:%S}+00" if at else None
