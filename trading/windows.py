"""After money moved: equity at mark, the high-water mark, the chart's point, the breakers."""

from datetime import datetime

from risk.domain import breakers
from risk.models import RiskProfile, RiskState
from risk.services import losses, record_trips
from trading import portfolio
from trading.models import EquityPoint
from venues.money import ZERO
from venues.words import dollars


def roll(risk: RiskState, *, now: datetime) -> RiskState:
    """Begin the windows of `now` on a locked row, before anything of the account changes."""
    if portfolio.roll_windows([risk.account_id], now=now):
        risk.refresh_from_db()
    return risk


def after_money_moved(risk: RiskState, *, now: datetime) -> RiskState:
    """Bring a locked RiskState up to date and trip what must trip. Safe to repeat."""
    worth = portfolio.equity_of([risk.account_id], now=now).get(risk.account_id, ZERO)
    risk.equity = risk.cash + worth
    risk.high_water = max(risk.high_water, risk.equity)
    risk.save()
    EquityPoint.objects.update_or_create(
        account_id=risk.account_id,
        at=now,
        defaults={"equity": risk.equity, "cash": risk.cash, "high_water": risk.high_water},
    )
    found = losses(risk)
    limits = RiskProfile.objects.get(account_id=risk.account_id).limits()
    record_trips(
        account_id=risk.account_id,
        trips=breakers.trips(found, limits),
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
    return risk
