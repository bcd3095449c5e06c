"""Addresses of the API: v1, its description, and the endpoints that the guide promised."""

from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.routers import SimpleRouter

from api import promised
from api.v1 import (
    accounts,
    approvals,
    breakers,
    channels,
    credentials,
    events,
    exports,
    pairs,
    profiles,
    session,
    trading,
    whales,
)

router = SimpleRouter()
for name, view in (
    ("accounts", accounts.Accounts),
    ("approvals", approvals.Approvals),
    ("breakers", breakers.Breakers),
    ("channels", channels.Channels),
    ("credentials", credentials.Credentials),
    ("decisions", trading.Decisions),
    ("events", events.Events),
    ("follows", whales.Follows),
    ("ledger", trading.Ledger),
    ("opportunities", pairs.Opportunities),
    ("orders", trading.Orders),
    ("pair-trades", pairs.PairTrades),
    ("pairs", pairs.Pairs),
    ("positions", trading.Positions),
    ("signals", whales.Signals),
    ("whales", whales.Whales),
):
    router.register(name, view, basename=f"api-{name}")

v1 = [
    path("token/", session.SignIn.as_view(), name="api-token"),
    path("token/refresh/", session.Refresh.as_view(), name="api-token-refresh"),
    path("token/revoke/", session.SignOut.as_view(), name="api-token-revoke"),
    path("me/", session.Me.as_view(), name="api-me"),
    path("events/stream/", events.stream, name="api-stream"),
    path(
        "accounts/<uuid:account_id>/risk-profile/",
        profiles.Profile.as_view(),
        name="api-risk-profile",
    ),
    path("accounts/<uuid:account_id>/export/", exports.Export.as_view(), name="api-export"),
    *router.urls,
]
urlpatterns = [
    path("v1/", include(v1)),
    path("schema/", SpectacularAPIView.as_view(), name="api-schema"),
    path("docs/", SpectacularSwaggerSplitView.as_view(url_name="api-schema"), name="api-docs"),
    path("trading/state", promised.TradingState.as_view(), name="trading-state"),
    path("trading/mode", promised.TradingMode.as_view(), name="trading-mode"),
    path("trading/reset", promised.TradingReset.as_view(), name="trading-reset"),
    path("paper/state", promised.PaperState.as_view(), name="paper-state"),
    path("paper/reset", promised.PaperReset.as_view(), name="paper-reset"),
]
