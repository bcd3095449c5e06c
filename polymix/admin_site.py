"""What the admin's header says about this server."""

from django.conf import settings
from django.http import HttpRequest


def environment(request: HttpRequest) -> list[str]:
    """Return the label and colour of the badge that unfold shows on every admin page."""
    return ["LIVE TRADING ON", "danger"] if settings.LIVE_TRADING else ["PAPER ONLY", "info"]
