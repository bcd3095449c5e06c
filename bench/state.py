"""The state of an account with a long history against one with a short one, and its queries."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from statistics import median

from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Account, User
from bench.result import Result, seconds
from markets.models import Market, Outcome
from trading.opening import open_account
from trading.statement import state_of
from trading.summary import summary

START = datetime(2026, 3, 2, 12, tzinfo=UTC)
NOW = START + timedelta(days=400)
SHORT, LONG = 100, 100_000
ROUNDS = 40

# Orders that filled, each with its decision, entry, postings and closed position's share of sums.
FILL = """
WITH made AS (
  SELECT n, md5(%(salt)s || 'd' || n)::uuid AS decision, md5(%(salt)s || 'o' || n)::uuid AS ord,
         md5(%(salt)s || 'e' || n)::uuid AS entry,
         %(start)s + n * interval '5 minutes' AS at
    FROM generate_series(1, %(count)s) n
), decided AS (
  INSERT INTO trading_decision (id, account_id, source, outcome_id, side, accepted, reason,
         sentence, arithmetic, size, inputs, factors, assumed, mode, at)
  SELECT decision, %(account)s, 'bench-' || n, %(outcome)s, 'BUY', true, 'COPIED', '', '', 10,
         '{}', '{}', false, 'PAPER', at FROM made
), ordered AS (
  INSERT INTO trading_order (id, decision_id, account_id, outcome_id, side, state, mode,
         limit_price, shares, worst_cost, fee_rate, filled_shares, filled_cost, fees, venue,
         venue_order_id, reason, created_at, send_by, expires_at)
  SELECT ord, decision, %(account)s, %(outcome)s, 'BUY', 'FILLED', 'PAPER', 0.5, 20, 11, 0.02, 20,
         10, 0.1, 'paper', ord::text, '', at, at, at FROM made
), booked AS (
  INSERT INTO trading_entry (id, account_id, kind, source, at)
  SELECT entry, %(account)s, 'FILL', 'bench-' || n, at FROM made
)
INSERT INTO trading_posting (entry_id, book, amount)
SELECT entry, book, amount FROM made, (VALUES ('CASH', -10.1), ('POSITIONS', 10.1)) p(book, amount)
"""


def _account(owner: User, name: str, orders: int) -> Account:
    made = open_account(owner=owner, name=name, now=START, starting_balance=Decimal(100_000_000))
    market, _ = Market.objects.get_or_create(
        venue="polymarket", external_id="bench", defaults={"title": "Bench"}
    )
    outcome, _ = Outcome.objects.get_or_create(market=market, token="bench", name="Yes")
    with connection.cursor() as cursor:
        cursor.execute(
            FILL,
            {
                "account": made.pk,
                "outcome": outcome.pk,
                "count": orders,
                "start": START,
                "salt": name,
            },
        )
    return made


def _look(account: Account) -> None:
    state_of(account, now=NOW)
    summary(account=account, now=NOW)


def measure(folder: str) -> Result:
    """Alternate between both; their queries must be the same number."""
    owner = User.objects.create(username="state")
    accounts = [_account(owner, "short", SHORT), _account(owner, "long", LONG)]
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    counts = []
    for each in accounts:
        with CaptureQueriesContext(connection) as asked:
            _look(each)
        counts.append(len(asked))
    assert counts[0] == counts[1], f"{counts} queries: they grow with the history"
    times: dict[str, list[float]] = {"short": [], "long": []}
    for number in range(ROUNDS):
        for each in accounts if number % 2 else accounts[::-1]:
            times[each.name].append(seconds(lambda each=each: _look(each)))
    return Result(
        name=f"the state of an account with {LONG:,} orders against one with {SHORT}, "
        f"{counts[0]} queries each",
        measured=median(times["long"]) / median(times["short"]),
        promised=1.1,
        unit="times as long",
        at_least=False,
    )
