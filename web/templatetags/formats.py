"""Template filters over the one formatter."""

from datetime import datetime
from decimal import Decimal

from django import template

from venues import words

register = template.Library()

register.filter("dollars", words.dollars)
register.filter("price", words.price)
register.filter("shares", words.shares)
register.filter("percent", words.percent)
register.filter("wallet", words.wallet)


@register.filter
def pnl(amount: words.Number | None) -> str:
    return words.dollars(amount, signed=True)


@register.filter
def trend(amount: words.Number | None) -> str:
    """Return the class that colours a result; sign and arrow say the same without colour."""
    if not amount:
        return "flat"
    return "gain" if amount > 0 else "loss"


@register.filter
def points(percentage: words.Number | None) -> str:
    """Return a percentage that is already one, with its sign."""
    return words.percent(None if percentage is None else percentage / 100, signed=True)


@register.filter
def spaced(name: str) -> str:
    """Return a name of code as people write it."""
    return name.replace("_", " ")


@register.filter
def plain(value: object) -> object:
    """Return a number without zeros that say nothing."""
    return f"{value.normalize():f}" if isinstance(value, Decimal) else value


@register.filter
def stamp(at: datetime) -> str:
    """Return a moment to the millisecond."""
    return f"{at:%-d %b %Y %H:%M:%S}.{at.microsecond // 1000:03d} UTC"
