"""What the admin's header says about this server."""

from django.http import HttpRequest

from web.context import server


def environment(request: HttpRequest) -> list[str]:
    """Return the label and colour of the badge that unfold shows on every admin page."""
    marks = server(request)
    if marks["live_trading"]:
        return ["LIVE TRADING ON", "danger"]
    return ["SANDBOX", "warning"] if marks["sandbox"] else ["PAPER ONLY", "info"]
