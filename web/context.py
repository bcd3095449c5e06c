"""What every page says of its server, whatever else it shows."""

from django.conf import settings
from django.http import HttpRequest

from markets import clock
from markets.models import Feed


def server(request: HttpRequest) -> dict[str, bool]:
    """Tell templates whether prices are invented, and whether real money may move."""
    feed = clock.current_feed()
    return {
        "sandbox": feed is not None and feed.kind == Feed.Kind.SANDBOX,
        "live_trading": settings.LIVE_TRADING,
    }
