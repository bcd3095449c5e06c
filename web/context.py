"""What every page says of its server, whatever else it shows."""

from django.conf import settings
from django.http import HttpRequest

from accounts.models import Account, User
from markets import clock
from markets.models import Feed
from trading.domain.order_state import OrderState
from trading.domain.pair_state import Role
from trading.models import Order


def server(request: HttpRequest) -> dict[str, object]:
    """Tell templates whether prices are invented, whether real money may move, and how many orders
    wait for this person.
    """
    feed = clock.current_feed()
    return {
        "to_approve": _waiting(request.user) if isinstance(request.user, User) else 0,
        "sandbox": feed is not None and feed.kind == Feed.Kind.SANDBOX,
        "live_trading": settings.LIVE_TRADING,
    }


def _waiting(user: User) -> int:
    waiting = Order.objects.filter(
        state=OrderState.AWAITING_APPROVAL, account__in=Account.objects.answerable_by(user)
    )
    return waiting.exclude(role=Role.HEDGE).count()  # a pair asks once
