"""One pass for many accounts against many passes; a decision with and without a long history."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from statistics import median

from django.db import connection

from accounts.models import Account, User
from bench.result import Result, seconds
from markets.domain.estimators import Facts
from trading import copying
from trading.opening import open_account
from venues.types import Side, Trade
from whales import ingest
from whales.models import Follow, Signal, Whale

START = datetime(2026, 3, 2, 12, tzinfo=UTC)
ACCOUNTS = 100
LIVED = 8  # orders decided before the first measured one
ROUNDS = 6
HISTORY = 100_000
WHALE = "0x" + "a1" * 20
LONER = "0x" + "b2" * 20
ASSUMED = {"q": 95, "s": 4.5, "w": 75, "c": 50, "r": 0}
FACTS = Facts(
    ask=Decimal("0.53"),
    last=Decimal("0.53"),
    liquidity=Decimal(100_000),
    spread=Decimal("0.01"),
    volatility=0.1,
    hours=48.0,
)


def signal(number: int, wallet: str) -> Signal:
    """Store one whale's purchase of a market of its own, and let it become a signal."""
    at = START + timedelta(minutes=2 * number)
    market = f"market-{number}"
    fill = Trade(
        venue="polymarket",
        transaction=f"0x{number:064x}",
        counter=number,
        wallet=wallet,
        market=market,
        token=market,
        outcome="Yes",
        outcome_index=0,
        title=market,
        side=Side.BUY,
        price=Decimal("0.53"),
        shares=Decimal(1000),
        at=at,
    )
    ingest.store_trades([fill])
    window = timedelta(seconds=2)
    return ingest.close_signals(now=at + window, window=window, facts=lambda *_: FACTS)[0]


def account(owner: User, name: str, wallet: str, *, mode: str = "PAPER") -> Account:
    made = open_account(
        owner=owner, name=name, mode=mode, now=START, starting_balance=Decimal(1_000_000)
    )
    made.profile.max_positions = 10_000
    made.profile.hourly_loss_limit = made.profile.daily_loss_limit = Decimal(900_000)
    made.profile.save()
    whale, _ = Whale.objects.get_or_create(address=wallet)
    Follow.objects.create(account=made, whale=whale, assumed=ASSUMED, since=START)
    return made


def measure_set(folder: str) -> Result:
    owner = User.objects.create(username="bench")
    accounts = [account(owner, f"many-{n}", WHALE) for n in range(ACCOUNTS)]
    for number in range(LIVED):
        past = signal(number, WHALE)
        copying.copy_signal(signal_id=past.pk, now=past.due_at)
    with connection.cursor() as cursor:
        # A database that has lived knows its tables, and no longer reads them whole to prove a key.
        cursor.execute("ANALYZE")
    together, apart = [], []
    for number in range(LIVED, LIVED + ROUNDS):
        one, each = signal(2 * number, WHALE), signal(2 * number + 1, WHALE)
        together.append(
            seconds(lambda one=one: copying.copy_signal(signal_id=one.pk, now=one.due_at))
        )
        apart.append(seconds(lambda each=each: _one_by_one(each, accounts)))
    return Result(
        name=f"copy_signal for {ACCOUNTS} accounts in one pass against {ACCOUNTS} passes",
        measured=median(apart) / median(together),
        promised=25,
        unit="times faster",
    )


def _one_by_one(found: Signal, accounts: list[Account]) -> None:
    for each in accounts:
        copying.copy_signal(signal_id=found.pk, now=found.due_at, account_ids=[each.pk])


def measure_history(folder: str) -> Result:
    """Compare, alternating, an account with 100,000 past decisions with one that has none."""
    owner = User.objects.create(username="history")
    old = account(owner, "old", LONER)
    new = account(owner, "new", LONER)
    _past_decisions(old)
    times: dict[str, list[float]] = {"old": [], "new": []}
    for number in range(1000, 1060):
        found = signal(number, LONER)
        for each in (old, new) if number % 2 else (new, old):
            times[each.name].append(
                seconds(
                    lambda found=found, each=each: copying.copy_signal(
                        signal_id=found.pk, now=found.due_at, account_ids=[each.pk]
                    )
                )
            )
    return Result(
        name=f"a decision with {HISTORY:,} past decisions against one with none",
        measured=median(times["old"]) / median(times["new"]),
        promised=1.2,
        unit="times as long",
        at_least=False,
    )


def _past_decisions(old: Account) -> None:
    outcome = signal(900, LONER).outcome_id
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO trading_decision (id, account_id, source, outcome_id, side, accepted,
                   reason, sentence, arithmetic, size, inputs, factors, assumed, mode, at)
            SELECT gen_random_uuid(), %s, 'past-' || n, %s, 'BUY', n %% 3 = 0, 'COPIED', 'past',
                   '', 0, '{}', '{}', true, 'PAPER', %s::timestamptz - n * interval '1 minute'
              FROM generate_series(1, %s) n
            """,
            [old.pk, outcome, START, HISTORY],
        )
        cursor.execute("ANALYZE")
