"""The one formatter of numbers for pages, live ticks, messages and refusals (see ux.md 4)."""

from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

from venues.money import nearest_cents

MINUS = "\N{MINUS SIGN}"
CENT_SIGN = "\N{CENT SIGN}"
UNKNOWN = "\N{EM DASH}"

Number = Decimal | float | int


def dollars(amount: Number | None, *, signed: bool = False) -> str:
    """Return `$1,234.56`; with `signed`, `+$12.40` and a true minus."""
    if amount is None:
        return UNKNOWN
    cents = nearest_cents(Decimal(str(amount)))
    sign = MINUS if cents < 0 else "+" if signed and cents > 0 else ""
    return f"{sign}${abs(cents):,.2f}"


def price(per_share: Number | None) -> str:
    """Return `55.0¢`, or two decimals where the price is finer than a tenth of a cent."""
    if per_share is None:
        return UNKNOWN
    cents = Decimal(str(per_share)) * 100
    tenth = cents.quantize(Decimal("0.1"), ROUND_HALF_UP)
    exact = cents.quantize(Decimal("0.01"), ROUND_HALF_UP)
    return f"{tenth if tenth == exact else exact}{CENT_SIGN}"


def shares(count: Number | None) -> str:
    return UNKNOWN if count is None else f"{Decimal(str(count)):,.2f} sh"


def percent(fraction: Number | None, *, signed: bool = False) -> str:
    """Return `2.1%` of a fraction such as 0.021."""
    if fraction is None:
        return UNKNOWN
    points = (Decimal(str(fraction)) * 100).quantize(Decimal("0.1"), ROUND_HALF_UP)
    sign = MINUS if points < 0 else "+" if signed and points > 0 else ""
    return f"{sign}{abs(points)}%"


def factor(multiplier: Number) -> str:
    return f"{Decimal(str(multiplier)).quantize(Decimal('0.01'), ROUND_HALF_UP)}"


def wallet(address: str) -> str:
    """Return `0x3f..a1`: enough to recognise, short enough to read."""
    return f"{address[:4]}..{address[-2:]}" if address.startswith("0x") else address


def moment(at: datetime) -> str:
    return f"{at:%H:%M} UTC"


def duration(span: timedelta) -> str:
    """Return `5 h 12 min`, `12 min`, or `4.1 s` under a minute."""
    seconds = max(span.total_seconds(), 0)
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes = int(seconds // 60)
    if minutes < 60:
        return f"{minutes} min"
    hours = minutes // 60
    if hours < 48:
        return f"{hours} h {minutes % 60} min"
    return f"{hours // 24} d {hours % 24} h"
