"""After money moved: equity at mark, the high-water mark, the chart's point, the breakers."""

from datetime import datetime

from markets.queries import rows
from risk.domain import breakers
from risk.models import RiskProfile, RiskState
from risk.services import losses, record_trips
from trading import portfolio
from venues.money import ZERO
from venues.words import dollars

DRAW = """
INSERT INTO trading_equitypoint (account_id, at, equity, cash, high_water)
VALUES (%(account)s, %(at)s, %(equity)s, %(cash)s, %(high_water)s)
ON CONFLICT (account_id, at) DO UPDATE
   SET equity = excluded.equity, cash = excluded.cash, high_water = excluded.high_water
"""


def roll(risk: RiskState, *, now: datetime) -> None:
    """Begin the windows of `now` on a locked row, before anything of the account changes."""
    if risk.hour is not None and risk.hour >= breakers.hour_start(now):
        return
    rolled = portfolio.roll_windows([risk.account_id], now=now)[risk.account_id]
    for name, value in rolled.items():
        setattr(risk, name, value)


def after_money_moved(risk: RiskState, *, now: datetime) -> None:
    """Bring a locked RiskState up to date, save it, and trip what must trip. Safe to repeat."""
    worth = portfolio.equity_of([risk.account_id], now=now).get(risk.account_id, ZERO)
    risk.equity = risk.cash + worth
    risk.high_water = max(risk.high_water, risk.equity)
    risk.save()
    rows(
        DRAW,
        {
            "account": risk.account_id,
            "at": now,
            "equity": risk.equity,
            "cash": risk.cash,
            "high_water": risk.high_water,
        },
    )
    limits = RiskProfile.objects.get(pk=risk.account_id).limits()
    trips = breakers.trips(losses(risk), limits)
    if trips:
        record_trips(
            account_id=risk.account_id,
            trips=trips,
            numbers={
                "equity": dollars(risk.equity),
                "equity_at_day_start": dollars(risk.day_equity),
                "equity_at_hour_start": dollars(risk.hour_equity),
                "realised_today": dollars(risk.day_realised),
                "realised_this_hour": dollars(risk.hour_realised),
                "losses_in_a_row": str(risk.consecutive_losses),
            },
            now=now,
        )
