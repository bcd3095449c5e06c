"""Which venue an order may reach: the only place that picks by mode."""

from collections.abc import Callable

from django.conf import settings

from accounts.models import Account
from venues.errors import NotSent
from venues.protocol import Venue


class LiveTradingOff(NotSent):
    """Nothing can reach a live venue from here; nothing was sent."""


def open_venue(*, mode: str, paper: Callable[[], Venue]) -> Venue:
    """Return the venue for an order born in `mode`. A paper order never reaches a live one.

    Raises LiveTradingOff for every other mode while live trading is off or no live venue is
    connected.
    """
    if mode == Account.Mode.PAPER:
        return paper()
    if not settings.LIVE_TRADING:
        raise LiveTradingOff("Live trading is off on this server. Nothing was sent.")
    raise LiveTradingOff("No live venue is connected to this server. Nothing was sent.")
