"""Games as Kalshi knows them beside its markets: milestones, the teams in them, and fee changes."""

import uuid
from collections.abc import Iterator
from typing import Any

from starlette.routing import Route

from sandbox.clock import iso
from sandbox.kalshi import refusals, requests
from sandbox.kalshi.exchange import NAMESPACE
from sandbox.kalshi.listing import Event, Market
from sandbox.kalshi.server import Call, Kalshi, page, route

TYPES = {"NBA": "basketball_game", "NFL": "football_game", "NHL": "hockey_match"}

Row = dict[str, Any]


def routes(kalshi: Kalshi) -> list[Route]:
    public = {
        "/milestones": milestones,
        "/milestones/{wanted}": milestone,
        "/structured_targets": targets,
        "/structured_targets/{wanted}": target,
        "/series/fee_changes": series_fee_changes,
        "/events/fee_changes": event_fee_changes,
    }
    return [route(kalshi, "GET", path, handler, signed=False) for path, handler in public.items()]


def milestones(call: Call) -> Row:
    query = call.query
    limit = requests.limit_of(query, default=0, most=500, operation="GetMilestones")
    if not limit:
        raise refusals.flat(400, "invalid_parameters", "limit is required")
    since = requests.moment_of(query, "minimum_start_date")
    found = [
        _milestone(event, markets)
        for event, markets in _games(call)
        if query.get("related_event_ticker", event.ticker) == event.ticker
        and query.get("type") in (None, _type(event))
        and query.get("competition") in (None, _league(event))
        and query.get("category", "Sports") == "Sports"
        and (since is None or event.starts_at >= since)
    ]
    return page(found, call, name="milestones", limit=limit)


def milestone(call: Call) -> Row:
    for event, markets in _games(call):
        if milestone_id(event) == call.path["wanted"]:
            return {"milestone": _milestone(event, markets)}
    raise refusals.nested(404, "not_found", service="")


def targets(call: Call) -> Row:
    wanted, kind = set(call.many.get("ids", [])), call.query.get("type")
    limit = requests.limit_of(
        call.query, default=100, most=2000, operation="GetStructuredTargets", name="page_size"
    )
    found = [
        row
        for row in _targets(call).values()
        if (not wanted or row["id"] in wanted) and kind in (None, row["type"])
    ]
    return page(found, call, name="structured_targets", limit=limit)


def target(call: Call) -> Row:
    found = _targets(call).get(call.path["wanted"])
    if found is None:
        raise refusals.nested(404, "not_found", service="")
    return {"structured_target": found}


def series_fee_changes(call: Call) -> Row:
    """Return changes to come; `show_historical` adds those that were made."""
    wanted, old = call.query.get("series_ticker"), call.query.get("show_historical") == "true"
    return {
        "series_fee_change_arr": [
            {
                "id": each.change_id,
                "series_ticker": each.series.ticker,
                "fee_type": (each.fee_type or each.series.fee_type).value,
                "fee_multiplier": float(
                    each.series.fee_multiplier if each.multiplier is None else each.multiplier
                ),
                "scheduled_ts": iso(each.at),
            }
            for each in call.exchange.fee_changes
            if each.event is None
            and wanted in (None, each.series.ticker)
            and (old or each.at > call.now)
        ]
    }


def event_fee_changes(call: Call) -> Row:
    limit = requests.limit_of(call.query, default=100, most=1000, operation="GetEventFeeChanges")
    wanted = call.query.get("event_ticker")
    found = [
        {
            "id": each.change_id,
            "event_ticker": each.event.ticker,
            "series_ticker": each.series.ticker,
            "fee_type_override": each.fee_type.value if each.fee_type else None,
            "fee_multiplier_override": None if each.multiplier is None else float(each.multiplier),
            "scheduled_ts": iso(each.at),
        }
        for each in call.exchange.fee_changes
        if each.event is not None and wanted in (None, each.event.ticker)
    ]
    return page(found, call, name="event_fee_changes", limit=limit)


def _games(call: Call) -> Iterator[tuple[Event, list[Market]]]:
    for event in call.exchange.events.values():
        yield event, [each for each in call.exchange.markets.values() if each.event is event]


def _milestone(event: Event, markets: list[Market]) -> Row:
    teams = [next(iter(market.strike.values()), "") for market in markets]
    over = bool(markets) and all(market.settlement is not None for market in markets)
    names = dict(zip(("away_team_id", "home_team_id"), teams, strict=False))
    return {
        "id": milestone_id(event),
        "category": "Sports",
        "type": _type(event),
        "start_date": iso(event.starts_at),
        "end_date": iso(event.ends_at) if event.ends_at else None,
        "related_event_tickers": [event.ticker],
        "primary_event_tickers": [event.ticker],
        "title": event.title,
        "notification_message": "",
        "source_ids": {},
        "details": {"league": _league(event), "status": "finished" if over else "none", **names},
        "last_updated_ts": iso(event.starts_at),
    }


def _targets(call: Call) -> dict[str, Row]:
    """Return the teams of all listed games by id."""
    found: dict[str, Row] = {}
    for market in call.exchange.markets.values():
        for kind, name in market.strike.items():
            found[name] = {
                "id": name,
                "name": market.yes,
                "type": kind,
                "details": {"league": _league(market.event)},
                "source_ids": {},
                "last_updated_ts": iso(market.opens_at),
            }
    return found


def milestone_id(event: Event) -> str:
    return str(uuid.uuid5(NAMESPACE, f"milestone:{event.ticker}"))


def _league(event: Event) -> str:
    return event.series.ticker.removeprefix("KX").removesuffix("GAME")


def _type(event: Event) -> str:
    return TYPES.get(_league(event), "sports_game")
