"""What the pages read: a constant number of queries each, all of it of one account."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.db.models import Case, QuerySet, When
from django.http import HttpRequest

from accounts.models import Account
from markets import clock
from markets.domain.book import Mark, mark
from markets.models import Feed
from markets.queries import rows
from risk.domain.breakers import BreakerKind, is_open
from risk.models import BreakerTrip, RiskProfile
from trading.models import Decision, Position
from trading.summary import Summary
from venues import money
from venues.money import ZERO
from venues.words import duration

DEFAULT_FIRST = Case(When(preset="default", then=0), default=1)
LATE = timedelta(seconds=30)  # a stream that says nothing for so long is not alive


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedLine:
    """Where prices come from, in words, and how far a replay has come."""

    sentence: str
    assumed: bool
    late: str  # words for a stream that fell silent, or empty
    percent: int | None
    position: int
    total: int
    done: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldPosition:
    position: Position
    mark: Mark
    worth: Decimal | None
    age: str

    @property
    def unrealised(self) -> Decimal | None:
        return None if self.worth is None else self.worth - self.position.cost

    @property
    def bought_at(self) -> Decimal | None:
        return self.position.cost / self.position.shares if self.position.shares else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """How close a breaker is: what it counts, its limit, and a width class of 0 to 100."""

    name: str
    used: str
    limit: str
    width: int
    open: bool


def feed_line(*, wall: datetime) -> FeedLine | None:
    """Describe the current feed; `wall` is the database's clock, not the tape's."""
    feed = clock.current_feed()
    if feed is None:
        return None
    silent = wall - feed.seen_at
    done = feed.state == Feed.State.DONE
    who = "replay" if feed.kind == Feed.Kind.RECORDING else "watch"
    late = not done and silent >= LATE
    return FeedLine(
        sentence=_sentence(feed, done=done, silent=silent),
        assumed=bool(feed.assumed),
        late=f"The {who} has said nothing for {duration(silent)}" if late else "",
        percent=int(100 * feed.position / feed.total) if feed.total else None,
        position=feed.position,
        total=feed.total,
        done=done,
    )


def _sentence(feed: Feed, *, done: bool, silent: timedelta) -> str:
    if feed.kind == Feed.Kind.SANDBOX:
        age = max(silent.total_seconds(), 0)
        return f"Sandbox exchanges: prices are invented. Feed {age:.1f} s."
    if feed.kind == Feed.Kind.LIVE:
        age = max(silent.total_seconds(), 0)
        return f"Polymarket, live. Feed {age:.1f} s."
    span = f"{feed.first_at:%-d %b %Y} to {feed.last_at:%-d %b %Y}" if feed.first_at else ""
    where = "at its end" if done else f"now at {feed.clock_at:%-d %b %Y %H:%M} UTC"
    return f"Recording of {span}, {where}: not today's market."


def money_strip(found: Summary) -> dict[str, Decimal]:
    """Return the nine words in whole cents that add up as the page says they do."""
    equity = money.nearest_cents(found.equity)
    cash, worth = money.split_cents(found.equity, [found.cash, found.worth])
    total = equity - money.nearest_cents(found.account.starting_balance)
    realised, unrealised = money.split_cents(total, [found.realised, found.unrealised])
    return {
        "equity": equity,
        "cash": cash,
        "worth": worth,
        "reserved": money.nearest_cents(found.reserved),
        "open_cost": worth - unrealised,
        "unrealised": unrealised,
        "realised": realised,
        "total": realised + unrealised,
        "today": money.nearest_cents(found.daily_pnl),
    }


def open_positions(account: Account, *, now: datetime) -> list[HeldPosition]:
    found = (
        Position.objects.filter(account=account, closed_at__isnull=True)
        .select_related("outcome__market")
        .order_by("outcome__market__title", "opened_at")
    )
    return [held(row, now=now) for row in found]


def held(row: Position, *, now: datetime) -> HeldPosition:
    outcome = row.outcome
    found = mark(
        bid=outcome.bid,
        bid_at=outcome.bid_at,
        last=outcome.last_price,
        last_at=outcome.last_at,
        now=now,
        payout=outcome.payout,
    )
    worth = None if found.price is None else row.shares * found.price
    age = "" if found.at is None else duration(now - found.at)
    return HeldPosition(position=row, mark=found, worth=worth, age=age)


def open_trips(account: Account, *, now: datetime) -> list[BreakerTrip]:
    """Return the trips that stop buying now, the latest of each kind."""
    waiting = BreakerTrip.objects.filter(account=account, reset_at__isnull=True).order_by("at")
    latest = {
        trip.kind: trip
        for trip in waiting
        if is_open(kind=BreakerKind(trip.kind), window_start=trip.window_start, now=now)
    }
    return list(latest.values())


def last_decisions(account: Account) -> QuerySet[Decision]:
    return (
        Decision.objects.filter(account=account)
        .select_related("whale", "outcome__market", "signal")
        .order_by("-at", "-id")
    )


def breaker_bars(found: Summary) -> list[Bar]:
    limits = RiskProfile.objects.get(account=found.account).limits()
    breakers = [
        ("Daily loss", "DAILY", found.day_loss, limits.daily_loss_limit, True),
        ("Hourly loss", "HOURLY", found.hour_loss, limits.hourly_loss_limit, True),
        (
            "Losses in a row",
            "STREAK",
            Decimal(found.losses_in_a_row),
            Decimal(limits.max_consecutive_losses),
            False,
        ),
    ]
    return [
        Bar(
            name=name,
            used=f"${money.nearest_cents(used):,.2f}" if dollars else f"{used:.0f}",
            limit=f"${limit:,.2f}" if dollars else f"{limit:.0f}",
            width=width_class(used, limit),
            open=kind in found.breakers,
        )
        for name, kind, used, limit, dollars in breakers
    ]


def width_class(part: Decimal, whole: Decimal) -> int:
    """Return 0 to 100 in steps of 5: widths are classes, as the page allows no inline style."""
    if whole <= ZERO:
        return 0
    return int(min(max(part / whole, ZERO), Decimal(1)) * 20) * 5


TOPICS = """
SELECT (SELECT (position, state, seen_at > clock_timestamp() - interval '30 seconds')::text
          FROM markets_feed ORDER BY started_at DESC, id DESC LIMIT 1) AS band,
       (SELECT (cash, reserved, equity, consecutive_losses)::text
          FROM risk_riskstate WHERE account_id = %(account)s) AS money,
       (SELECT (count(*), sum(p.shares), max(o.last_at))::text
          FROM trading_position p JOIN markets_outcome o ON o.id = p.outcome_id
         WHERE p.account_id = %(account)s AND p.closed_at IS NULL) AS positions,
       (SELECT (d.id, d.at)::text FROM trading_decision d WHERE d.account_id = %(account)s
         ORDER BY d.at DESC, d.id DESC LIMIT 1) AS decisions,
       (SELECT (count(*), count(reset_at))::text FROM risk_breakertrip
         WHERE account_id = %(account)s) AS breakers,
       (SELECT (o.id, o.created_at)::text FROM trading_order o WHERE o.account_id = %(account)s
         ORDER BY o.created_at DESC, o.id DESC LIMIT 1) AS orders,
       (SELECT (t.id, t.created_at)::text FROM trading_pairtrade t
         WHERE t.account_id = %(account)s ORDER BY t.created_at DESC LIMIT 1) AS pairs
"""


def fingerprint(account_id: UUID) -> dict[str, str | None]:
    """Return one cheap value for each live topic; another value means: fetch the topic again."""
    return rows(TOPICS, {"account": account_id})[0]


def accounts_of(user_id: int | None) -> QuerySet[Account]:
    """Return a person's accounts that are not archived, in the order of their making."""
    mine = Account.objects.filter(owner_id=user_id, archived_at=None)
    return mine.order_by("created_at", DEFAULT_FIRST, "name")


def newest_account(user_id: int | None) -> Account | None:
    """Return the account that was made last, the default preset before its sisters."""
    return accounts_of(user_id).order_by("-created_at", DEFAULT_FIRST, "name").first()


def asked(request: HttpRequest, name: str) -> str:
    """Return what an address asks for, as a database can look for it."""
    return request.GET.get(name, "").replace("\x00", "")[:100]
