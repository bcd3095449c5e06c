"""A small world to act in: accounts, a whale, a market; and the invariants judged at its end."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.db.models import Sum

from accounts.models import Account, User
from markets import resolutions
from markets.domain.estimators import Facts
from risk.models import Purse, Reservation, RiskState
from trading import copying, orders, sending, settlement
from trading.domain.entries import worst_cost
from trading.domain.order_state import HOLDING
from trading.models import Decision, Entry, Fill, Order, Position, Tally
from trading.opening import open_account
from trading.summary import ledger_sums, unbalanced_entries
from venues.types import Side, Trade
from whales import ingest
from whales.models import Follow, Signal, Whale

ASSUMED = {"q": 95, "s": 4.5, "w": 75, "c": 50, "r": 0}
WHALE = "0x" + "a1" * 20
OTHER_WHALE = "0x" + "b2" * 20
NOBODY = "0x" + "00" * 20
FACTS = Facts(
    ask=Decimal("0.53"),
    last=Decimal("0.53"),
    liquidity=Decimal(100_000),
    spread=Decimal("0.01"),
    volatility=0.1,
    hours=48.0,
)


def trade(
    *,
    at: datetime,
    wallet: str = WHALE,
    side: Side = Side.BUY,
    price: str = "0.53",
    shares: str = "1000",
    market: str = "senate",
    outcome: str = "Yes",
    transaction: str = "",
) -> Trade:
    seed = f"{at}{wallet}{side}{price}{shares}{market}{outcome}"
    return Trade(
        venue="polymarket",
        transaction=transaction or hashlib.sha256(seed.encode()).hexdigest(),
        counter=int.from_bytes(hashlib.sha256(seed.encode()).digest()[:7], "big"),
        wallet=wallet,
        market=market,
        token=f"{market}:{outcome}",
        outcome=outcome,
        outcome_index=None,
        title=f"Senate {market}",
        side=side,
        price=Decimal(price),
        shares=Decimal(shares),
        at=at,
    )


@dataclass
class World:
    now: datetime
    starting_balance: Decimal
    accounts: list[Account] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.owner = User.objects.create_user("ana", password="not-a-secret-2026")
        self.account = self.open("Main")
        self.follow(self.account)

    def open(self, name: str, **options) -> Account:
        account = open_account(
            owner=self.owner,
            name=name,
            now=self.now - timedelta(days=1),
            starting_balance=options.pop("starting_balance", self.starting_balance),
            **options,
        )
        self.accounts.append(account)
        return account

    def follow(self, account: Account, *, whale: str = WHALE, **options) -> Follow:
        row, _ = Whale.objects.get_or_create(address=whale)
        options.setdefault("assumed", ASSUMED)
        return Follow.objects.create(account=account, whale=row, since=self.now, **options)

    def see(self, *trades: Trade) -> None:
        ingest.store_trades(trades)

    def signal(self, *trades: Trade, facts: Facts | None = FACTS, after: int = 2) -> Signal:
        """Store a whale's fills and let them become one signal."""
        self.see(*trades)
        due = trades[0].at + timedelta(seconds=after)
        found = ingest.close_signals(
            now=due, window=timedelta(seconds=2), facts=lambda market, token: facts
        )
        assert len(found) == 1
        return found[0]

    def copy(self, signal: Signal, *, now: datetime | None = None) -> list[UUID]:
        made = copying.copy_signal(signal_id=signal.pk, now=now or signal.due_at)
        sending.submit(order_ids=made, now=now or signal.due_at)
        return made

    def buy(self, *, at: datetime | None = None, print_shares: str = "100000", **options) -> Order:
        """Copy one purchase of the whale and fill it by a later print of somebody else."""
        at = at or self.now
        made = self.copy(self.signal(trade(at=at, **options)))
        later = at + timedelta(seconds=30)
        options.pop("shares", None)
        options["wallet"] = NOBODY
        self.see(trade(at=later, shares=print_shares, **options))
        orders.poll(order_ids=made, now=later)
        return Order.objects.get(pk=made[0])

    def resolve(self, *, winner: str, at: datetime, market: str = "senate") -> None:
        from markets.models import Market

        row = Market.objects.get(external_id=market)
        resolutions.resolve(
            market=row,
            payouts=resolutions.winner_takes_all(market=row, winner=winner),
            source="test",
            resolved_at=at,
        )
        settlement.settle_due(now=at)

    def decision(self, account: Account | None = None) -> Decision:
        account = account or self.account
        return Decision.objects.filter(account=account).order_by("-at", "-pk")[0]


def assert_invariants() -> None:
    """Judge I1 to I7 of the reference by the rows of every account."""
    assert unbalanced_entries() == 0
    for state in RiskState.objects.select_related("account"):
        _judge(state)
    for order in Order.objects.all():
        fills = order.fills.exclude(settlement="FAILED").aggregate(
            shares=Sum("shares"), fee=Sum("fee")
        )
        assert (fills["shares"] or 0) == order.filled_shares  # I2, I3
        assert (fills["fee"] or 0) == order.fees
        states = [event.new for event in order.events.order_by("sequence")]
        assert states[-1] == order.state  # I4: each state was reached by a recorded step
        assert states.count("SENDING") <= 1  # I1: sent once, ever
    never = Fill.objects.filter(settlement="FAILED", entry=None).count()  # failed when first seen
    assert Fill.objects.count() - never == Entry.objects.filter(fill__isnull=False).count()


def _judge_tally(state: RiskState, books: dict[str, Decimal]) -> None:
    """Compare the sums that triggers keep with the sums themselves."""
    tally = Tally.objects.get(account=state.account)
    assert (tally.cash, tally.positions) == (books["CASH"], books["POSITIONS"])
    assert (tally.realised, tally.capital) == (books["REALISED"], books["CAPITAL"])
    kept = Fill.objects.filter(account=state.account).exclude(settlement="FAILED")
    assert tally.fees == (kept.aggregate(t=Sum("fee"))["t"] or 0)
    closed = Position.objects.filter(account=state.account, closed_at__isnull=False)
    won, lost = closed.filter(realised__gt=0), closed.filter(realised__lt=0)
    counts = (closed.count(), won.count(), lost.count())
    assert (tally.trades, tally.wins, tally.losses) == counts


def _judge(state: RiskState) -> None:
    books = ledger_sums(state.account_id)
    assert sum(books.values()) == 0  # I5
    assert books["CASH"] == state.cash
    assert books["POSITIONS"] == state.committed
    assert -books["REALISED"] == state.realised
    _judge_tally(state, books)
    held = Position.objects.filter(account=state.account, closed_at__isnull=True)
    assert (held.aggregate(t=Sum("cost"))["t"] or 0) == books["POSITIONS"]
    reservations = Reservation.objects.filter(account=state.account, state="HELD")
    assert (reservations.aggregate(t=Sum("amount"))["t"] or 0) == state.reserved  # I7
    holding = {
        order.pk: order
        for order in Order.objects.filter(
            account=state.account, state__in=[each.value for each in HOLDING]
        )
    }
    sold = Fill.objects.filter(account=state.account, order__side="SELL")
    unsure = set(
        sold.exclude(settlement__in=["CONFIRMED", "FAILED"]).values_list("order", flat=True)
    )
    assert {row.order_id for row in reservations} == set(holding) | unsure
    for row in reservations:
        if row.order_id not in holding:
            continue
        order = holding[row.order_id]
        rest = order.shares - order.filled_shares
        if row.entry:
            need = worst_cost(limit=order.limit_price, shares=rest, fee_rate=order.fee_rate)
            assert row.amount == need
        else:
            assert row.shares == rest
    assert state.cash >= state.reserved >= 0  # I6
    if not state.account.is_paper:
        lies = Purse.objects.filter(account=state.account).aggregate(t=Sum("cash"))["t"] or 0
        assert lies == state.cash  # I5, place by place
    copied = Decision.objects.filter(
        account=state.account, accepted=True, side="BUY", signal__isnull=False
    )
    assert state.day_copies == (copied.filter(at__gte=state.day).count() if state.day else 0)
