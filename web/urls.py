"""URLs of the pages. The account is in the URL, never in the session."""

from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path

from web import (
    acts,
    approvals,
    dossiers,
    kalshi,
    keys,
    live,
    opportunities,
    pair_settings,
    pair_trades,
    views,
    whales,
)

account = "a/<uuid:account_id>/"

urlpatterns = [
    path("", views.home, name="home"),
    path("login/", LoginView.as_view(), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("start/", views.start, name="start"),
    path("help/<slug:word>/", views.explain, name="explain"),
    path("live/", live.stream, name="live"),
    path("approvals/", approvals.inbox, name="approvals"),
    path("approvals/<uuid:order_id>/", approvals.review, name="approval"),
    path("real/", keys.open_real, name="open-real"),
    path(account + "whales/", whales.whales, name="whales"),
    path(account + "whales/change/", whales.change, name="whales-change"),
    path(account + "keys/", keys.keys, name="keys"),
    path(account + "keys/prove/", keys.prove, name="keys-prove"),
    path(account + "keys/allow/", keys.allow, name="keys-allow"),
    path(account + "keys/forget/", keys.forget, name="keys-forget"),
    path(account + "keys/kalshi/", kalshi.keys, name="kalshi-keys"),
    path(account + "keys/kalshi/prove/", kalshi.prove, name="kalshi-prove"),
    path(account + "keys/kalshi/forget/", kalshi.forget, name="kalshi-forget"),
    path(account + "money/", kalshi.money, name="money"),
    path(account + "money/move/", kalshi.move, name="move"),
    path(account + "opportunities/", opportunities.found, name="opportunities"),
    path(
        account + "opportunities/<int:opportunity_id>/",
        opportunities.opportunity,
        name="opportunity",
    ),
    path(account + "dossiers/<int:pair_id>/", dossiers.dossier, name="dossier"),
    path(account + "dossiers/<int:pair_id>/judge/", dossiers.judge, name="dossier-judge"),
    path(account + "pairs/", pair_trades.trades, name="pair-trades"),
    path(account + "pairs/settings/", pair_settings.settings, name="pair-settings"),
    path(account + "pairs/<uuid:trade_id>/", pair_trades.trade, name="pair-trade"),
    path(account + "pairs/<uuid:trade_id>/answer/", pair_trades.answer, name="pair-answer"),
    path(account, views.dashboard, name="dashboard"),
    path(account + "equity.json", views.equity_points, name="equity-points"),
    path(account + "decisions/", views.decisions, name="decisions"),
    path(account + "decisions/<uuid:decision_id>/", views.decision, name="decision"),
    path(account + "decisions/<uuid:decision_id>/json/", views.decision_json, name="decision-json"),
    path(account + "positions/", views.positions, name="positions"),
    path(account + "positions/<uuid:position_id>/close/", acts.close, name="close"),
    path(account + "breakers/<slug:kind>/reset/", acts.reset, name="reset"),
    path(account + "orders/", views.orders, name="orders"),
    path(account + "orders/<uuid:order_id>/", views.order, name="order"),
    path(account + "ledger/", views.ledger, name="ledger"),
    path(account + "breakers/", views.breakers, name="breakers"),
]
