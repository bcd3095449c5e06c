"""The equity line: points for the chart, a static picture for those without JavaScript."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from accounts.models import Account
from trading.models import EquityPoint
from venues.words import dollars, percent

MOST_POINTS = 2000
RANGES = {"24h": timedelta(hours=24), "7d": timedelta(days=7), "30d": timedelta(days=30)}
WIDTH, HEIGHT = 600, 160


@dataclass(frozen=True, slots=True, kw_only=True)
class EquityLine:
    points: list[tuple[datetime, Decimal, Decimal]]  # when, equity, high-water mark
    sentence: str
    picture: str  # the points attribute of an SVG polyline


def equity_line(account: Account, *, span: str, now: datetime) -> EquityLine:
    rows = EquityPoint.objects.filter(account=account)
    if span in RANGES:
        rows = rows.filter(at__gte=now - RANGES[span])
    points = thinned(list(rows.order_by("at").values_list("at", "equity", "high_water")))
    return EquityLine(points=points, sentence=_sentence(points), picture=_picture(points))


def thinned(
    points: list[tuple[datetime, Decimal, Decimal]],
) -> list[tuple[datetime, Decimal, Decimal]]:
    """Keep the lowest and highest point of each of 1,000 slices: no peak is lost."""
    if len(points) <= MOST_POINTS:
        return points
    slices = MOST_POINTS // 2
    kept: set[int] = {0, len(points) - 1}
    for number in range(slices):
        part = range(number * len(points) // slices, (number + 1) * len(points) // slices)
        kept.add(min(part, key=lambda index: points[index][1]))
        kept.add(max(part, key=lambda index: points[index][1]))
    return [points[index] for index in sorted(kept)]


def _sentence(points: list[tuple[datetime, Decimal, Decimal]]) -> str:
    if not points:
        return "No line yet: it begins with the first fill."
    first, last = points[0], points[-1]
    worst = max(points, key=lambda point: (point[2] - point[1]) / point[2] if point[2] else 0)
    fall = (worst[2] - worst[1]) / worst[2] if worst[2] else Decimal(0)
    went = "rose" if last[1] >= first[1] else "fell"
    return (
        f"Equity {went} from {dollars(first[1])} to {dollars(last[1])}; worst fall "
        f"{percent(fall)} on {worst[0]:%-d %b %Y}."
    )


def _picture(points: list[tuple[datetime, Decimal, Decimal]]) -> str:
    if len(points) < 2:
        return ""
    low = min(float(point[1]) for point in points)
    high = max(float(point[1]) for point in points)
    start, end = points[0][0], points[-1][0]
    span, height = (end - start).total_seconds() or 1, (high - low) or 1
    placed = (
        (
            WIDTH * (at - start).total_seconds() / span,
            HEIGHT - 8 - (HEIGHT - 16) * (float(equity) - low) / height,
        )
        for at, equity, _ in points
    )
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in placed)
