"""An account with a real key on Kalshi's sandbox: its own exchange, clock and judge."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

from django.core.cache import cache
from django.db import transaction
from django.test import override_settings

from accounts import credentials, kalshi_keys
from accounts.models import Account
from accounts.venues import kalshi_public
from markets import kalshi_catalogue
from markets.models import Market, Outcome
from risk.models import Purse, RiskState
from sandbox.clock import Clock
from sandbox.court import Calls
from sandbox.failing import Faults
from sandbox.faults import Kind, Rule
from sandbox.kalshi.exchange import Rules
from sandbox.log import EventLog
from sandbox.oracle import Oracle
from sandbox.polymarket.exchange import Exchange as PolymarketExchange
from sandbox.serving import serving
from tests.sandbox.kalshi_world import HOME, RSA_KEY, KalshiWorld
from tests.venues.kalshi import ROOT, YES, private_pem
from tests.world import World
from trading import onboarding_kalshi, reconciliation, sending
from trading.domain.entries import worst_cost
from trading.domain.situation import Intent
from trading.models import Fill, Order
from trading.proposals import Event, decision_id, order_fields, order_id, write
from venues.kalshi.hours import Hours
from venues.money import ZERO
from venues.secrets import Secret
from venues.types import OrderKind, Side

ORDERS = "/trade-api/v2/portfolio/events/orders"
PEM = private_pem(RSA_KEY)
CREATE, FILLS = "POST /portfolio/events/orders", "GET /portfolio/fills"


class HandClock(Clock):
    """Moved by hand, while signatures carry the real time."""

    def __init__(self, start: datetime) -> None:
        super().__init__(start=start, speed=0)

    def wall(self) -> datetime:
        return datetime.now(UTC)


@dataclass
class KalshiLive:
    world: World
    venue: KalshiWorld
    url: str
    calls: Calls
    oracle: Oracle
    account: Account
    faults: Faults
    numbers: int = 0

    @property
    def now(self) -> datetime:
        return self.venue.clock.now()

    @property
    def member(self):
        return self.venue.exchange.members["alice"]

    def enter(self, account: Account | None = None, *, name: str = "alice", **more):
        return onboarding_kalshi.enter(
            **{
                "account": account or self.account,
                "key_id": f"key-{name}",
                "pem": Secret(PEM),
                "environment": "production",
                "now": self.now,
                **more,
            }
        )

    def prove(self, *, with_trial: bool = False):
        steps = onboarding_kalshi.prove(account=self.account, with_trial=with_trial, now=self.now)
        return {step.name: step for step in steps}

    def intend(
        self,
        limit: str = "0.55",
        shares: str = "20",
        *,
        token: str = YES,
        side: Side = Side.BUY,
        kind: OrderKind = OrderKind.GTD,
        account: Account | None = None,
    ) -> UUID:
        """Decide on an order and reserve its money, as every flow does."""
        self.numbers += 1
        account = account or self.account
        source, outcome = f"test:{self.numbers}", Outcome.objects.get(token=token)
        made = order_id(account_id=account.pk, source=source)
        count, price = Decimal(shares), Decimal(limit)
        rate = outcome.market.fee_rate
        cost = worst_cost(limit=price, shares=count, fee_rate=rate) if side == Side.BUY else ZERO
        decision = {
            "id": decision_id(account_id=account.pk, source=source),
            "account_id": account.pk,
            "accepted": True,
            "reason": "COPIED",
            "sentence": "A test wants it.",
            "arithmetic": "",
            "size": cost,
            "inputs": {},
            "factors": {},
            "assumed": False,
            "mode": account.mode,
        }
        intent = Intent(side=side, limit_price=price, shares=count, worst_cost=cost)
        event = Event(
            source=source, outcome_id=outcome.pk, side=side, venue="kalshi", fee_rate=rate
        )
        with transaction.atomic():
            RiskState.objects.select_for_update().get(account=account)
            write([decision | order_fields(intent, order=made)], event, now=self.now)
        Order.objects.filter(pk=made).update(kind=kind.value)
        return made

    def place(self, limit: str = "0.55", shares: str = "20", **more) -> Order:
        made = self.intend(limit, shares, **more)
        sending.submit(order_ids=[made], now=self.now)
        return self.order(made)

    def order(self, pk: UUID | None = None) -> Order:
        return Order.objects.get(pk=pk) if pk else Order.objects.get()

    def offer(self, price: str, count: str = "100.00", *, side: str = "ask") -> None:
        answer = self.venue.order("bob", side, price, count)
        assert answer.status_code == 201, answer.text

    def reconcile(self, now: datetime | None = None) -> None:
        now = now or self.now
        reconciliation.doubt_lost_senders(now=now)
        reconciliation.reconcile(order_ids=reconciliation.to_ask(now=now), now=now)

    def forget_clock(self) -> None:
        """Let the next request compare clocks anew."""
        kalshi_keys.clock_of.cache_clear()

    def posts(self) -> int:
        """Return how many orders were posted, whatever became of them."""
        return sum((row["method"], row["path"]) == ("POST", ORDERS) for row in self.calls.rows)

    def judge(self) -> None:
        """Compare our books with the exchange's own, cash shard by shard (I1, I2, I3, I5)."""
        said = self.oracle.judge(
            fills=[
                (each.order.reference, each.venue_fill_id.partition(":")[0], each.shares)
                for each in Fill.objects.filter(account=self.account).select_related("order")
            ],
            intents={str(order.pk): [str(order.pk)] for order in Order.objects.all()},
        )
        theirs = {order for order in self.venue.exchange.members["bob"].orders}
        wrong = [
            each
            for rows in said.values()
            for each in rows
            if not any(order in each for order in theirs)
        ]
        assert wrong == []
        booked = dict(Purse.objects.filter(account=self.account).values_list("shard", "cash"))
        assert {shard: cash for shard, cash in self.member.cash.items()} == booked


@contextmanager
def kalshi_live(
    now: datetime, *, rules: Rules | None = None, faults: Sequence[Rule] = ()
) -> Iterator[KalshiLive]:
    """Serve a sandbox Kalshi, list its game, and open one live account on it."""
    rules = rules or Rules(maintenance=False)
    venue = KalshiWorld(rules, clock=HandClock(now))
    calls = Calls(venue.clock)
    failing = Faults(venue.app, faults, venue="kalshi", seed=1, clock=venue.clock)
    app = calls.noting(failing, venue="kalshi")
    with serving(app) as url, override_settings(LIVE_TRADING=True, **to(url)):
        kalshi_keys.clock_of.cache_clear()
        kalshi_keys.keep_hours(Hours(weekly=()), "production")
        kalshi_keys.keep_hours(Hours(weekly=()), "demo")
        world = World(now=now, starting_balance=Decimal(10_000))
        oracle = Oracle(
            kalshi=venue.exchange,
            polymarket=PolymarketExchange(EventLog()),
            log=venue.exchange.log,
        )
        account = world.open("Real", mode="LIVE", starting_balance=Decimal(0))
        made = KalshiLive(world, venue, url, calls, oracle, account, failing)
        kalshi_catalogue.sync(kalshi_public(), ["KXNBAGAME"], now=made.now)
        assert Market.objects.get(external_id=HOME).shard == 3
        made.enter()
        made.prove()
        assert credentials.of(account, "kalshi").verified_at
        yield made
    cache.delete_many([f"{kalshi_keys.HOURS}-{name}" for name in ("production", "demo")])


def to(url: str) -> dict[str, object]:
    """Return settings that put the sandbox in place of Kalshi and its demo."""
    socket = url.replace("http", "ws") + "/trade-api/ws/v2"
    return {
        "KALSHI_URL": url + ROOT,
        "KALSHI_WS_URL": socket,
        "KALSHI_DEMO_URL": url + ROOT,
        "KALSHI_DEMO_WS_URL": socket,
        "VENUE_RETRY_SECONDS": 0.01,
    }


def rules(dedup: str = "burned", **more) -> Rules:
    return Rules(dedup=dedup, maintenance=False, **more)


def fault(do: Kind, endpoint: str = CREATE, **more) -> Rule:
    more.setdefault("nth", 1)
    return Rule(venue="kalshi", endpoint=endpoint, kind=do, **more)


def faults_of(live: KalshiLive) -> list[Rule]:
    """Return the script of the running exchange, to add to."""
    return live.faults._rules
