"""Read side: how an account stands, from its rows."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Sum

from accounts.models import Account
from markets.queries import snapshot
from risk.domain.breakers import losses_from
from risk.models import RiskState
from risk.stops import open_trips
from trading import exposure
from trading.models import Entry, Position, Posting, Tally
from venues.money import ZERO, nearest_cents


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """An account's figures; money in dollars, ratios as percent where named so."""

    account: Account
    cash: Decimal
    reserved: Decimal
    open_cost: Decimal
    worth: Decimal
    realised: Decimal
    fees: Decimal
    high_water: Decimal
    day_loss: Decimal
    hour_loss: Decimal
    losses_in_a_row: int
    daily_pnl: Decimal
    trades: int  # positions closed
    wins: int
    losses: int
    average_roi: Decimal | None  # percent
    max_drawdown: float  # fraction
    open_positions: int
    breakers: tuple[str, ...]  # the kinds that are open

    @property
    def equity(self) -> Decimal:
        return self.cash + self.worth

    @property
    def unrealised(self) -> Decimal:
        return self.worth - self.open_cost

    @property
    def total(self) -> Decimal:
        return self.realised + self.unrealised

    @property
    def roi(self) -> Decimal | None:
        """Return total P&L over the starting balance, in percent."""
        start = self.account.starting_balance
        return 100 * self.total / start if start else None

    @property
    def win_rate(self) -> Decimal | None:
        return Decimal(100 * self.wins) / self.trades if self.trades else None

    @property
    def drawdown(self) -> float:
        if self.high_water <= 0:
            return 0.0
        return max(float((self.high_water - self.equity) / self.high_water), 0.0)


def summary(*, account: Account, now: datetime) -> Summary:
    """Return how an account stands at `now`; cash and results come from the ledger."""
    with snapshot():
        return _summary(account, now)


def _summary(account: Account, now: datetime) -> Summary:
    ids = [account.pk]
    state = RiskState.objects.get(account=account)
    worth = exposure.worth_of(ids, now=now).get(account.pk, ZERO)
    tally = Tally.objects.filter(account=account).first() or Tally(account=account)
    equity = tally.cash + worth
    window = losses_from(vars(state), now=now, equity=equity)
    return Summary(
        account=account,
        cash=tally.cash,
        reserved=state.reserved,
        open_cost=tally.positions,
        worth=worth,
        realised=-tally.realised,
        fees=tally.fees,
        high_water=max(state.high_water, equity),
        day_loss=window.day_loss,
        hour_loss=window.hour_loss,
        losses_in_a_row=state.consecutive_losses,
        daily_pnl=equity - window.day.equity_at_start,
        trades=tally.trades,
        wins=tally.wins,
        losses=tally.losses,
        average_roi=tally.roi_sum / tally.roi_count if tally.roi_count else None,
        max_drawdown=tally.max_drawdown,
        open_positions=Position.objects.filter(account=account, closed_at__isnull=True).count(),
        breakers=tuple(trip.kind.value for trip in open_trips(ids, now=now).get(account.pk, ())),
    )


def ledger_sums(account_id: UUID) -> dict[str, Decimal]:
    sums = dict.fromkeys(("CASH", "POSITIONS", "REALISED", "CAPITAL"), ZERO)
    rows = Posting.objects.filter(entry__account_id=account_id).values_list("book")
    sums.update({book: total for book, total in rows.annotate(total=Sum("amount"))})
    return sums


def as_json(found: Summary) -> dict[str, Any]:
    """Return the figures under the names of the `summary` command's contract."""
    return {
        "account": found.account.name,
        "mode": found.account.mode,
        "preset": found.account.preset,
        "starting_balance": cents(found.account.starting_balance),
        "balance": cents(found.cash),
        "total_value": cents(found.equity),
        "pnl": cents(found.total),
        "roi": _percent(found.roi),
        "realised": cents(found.realised),
        "unrealised": cents(found.unrealised),
        "trades": found.trades,
        "wins": found.wins,
        "losses": found.losses,
        "win_rate": _percent(found.win_rate),
        "average_roi": _percent(found.average_roi),
        "max_drawdown": round(100 * found.max_drawdown, 4),
        "exposure": cents(found.open_cost + found.reserved),
        "open_positions": found.open_positions,
        "fees": cents(found.fees),
        "breaker": ", ".join(found.breakers) or "closed",
        "daily_pnl": cents(found.daily_pnl),
    }


def cents(amount: Decimal) -> str:
    return str(nearest_cents(amount))


def _percent(value: Decimal | None) -> float | None:
    return None if value is None else round(float(value), 4)


def unbalanced_entries() -> int:
    """Count entries whose postings do not sum to zero: none, or the books are wrong."""
    return Entry.objects.annotate(total=Sum("postings__amount")).exclude(total=0).count()
