"""What every page says of its server, whatever else it shows."""

from functools import partial

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from accounts.models import User
from markets import clock
from markets.models import Feed
from notifications.services import unseen_alerts
from trading.approvals import waiting_for
from web.queries import newest_account


def server(request: HttpRequest) -> dict[str, object]:
    """Tell templates whether prices are invented, whether real money may move, how many orders wait
    for this person, and, where they ask for it, which account the bar leads to.
    """
    feed, user = clock.current_feed(), request.user if isinstance(request.user, User) else None
    return {
        "unseen": unseen_alerts(user).count() if user else 0,
        "to_approve": waiting_for(user).count() if user else 0,
        "home": SimpleLazyObject(partial(newest_account, user.pk)) if user else None,
        "sandbox": feed is not None and feed.kind == Feed.Kind.SANDBOX,
        "live_trading": settings.LIVE_TRADING,
    }
