"""What every page says of its server, whatever else it shows."""

from django.conf import settings
from django.http import HttpRequest

from accounts.models import User
from markets import clock
from markets.models import Feed
from notifications.services import unseen_alerts
from trading.approvals import waiting_for


def server(request: HttpRequest) -> dict[str, object]:
    """Tell templates whether prices are invented, whether real money may move, and how many orders
    wait for this person.
    """
    feed = clock.current_feed()
    return {
        "unseen": unseen_alerts(request.user).count() if isinstance(request.user, User) else 0,
        "to_approve": waiting_for(request.user).count() if isinstance(request.user, User) else 0,
        "sandbox": feed is not None and feed.kind == Feed.Kind.SANDBOX,
        "live_trading": settings.LIVE_TRADING,
    }
