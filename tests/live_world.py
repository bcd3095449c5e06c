"""An account with real keys on the sandbox: its own exchange, clock and judge."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.core.cache import cache
from django.db.models import Sum
from django.test import override_settings

from accounts import credentials
from accounts.models import Account
from markets import resolutions
from markets.models import Market, Outcome
from risk.models import RiskState
from sandbox.court import Calls
from sandbox.failing import Faults
from sandbox.faults import Rule
from sandbox.kalshi.exchange import Exchange as KalshiExchange
from sandbox.log import EventLog
from sandbox.oracle import Oracle
from sandbox.polymarket.rows import Order as SandboxOrder
from sandbox.polymarket.rows import Rules
from sandbox.polymarket.wallets import Wallet
from sandbox.serving import serving
from tests.sandbox.polymarket_world import KEY, YES, PolymarketWorld
from tests.world import FACTS, WHALE, World
from trading import onboarding_polymarket, reconciliation
from trading.models import Fill, Order, Posting
from venues.secrets import Secret
from venues.types import Side, Trade
from whales.models import Follow, Signal

MONEY = Decimal(1000)  # that the account's wallet begins with


def off(url: str) -> dict[str, str]:
    """Return settings that put the sandbox in place of every real address."""
    names = ("CLOB", "GAMMA", "DATA", "RELAYER")
    return {f"POLYMARKET_{name}_URL": url for name in names} | {
        "POLYMARKET_GEOBLOCK_URL": "",
        "POLYMARKET_WS_URL": url.replace("http", "ws"),
        "POLYGON_RPC_URL": f"{url}/rpc",
        "POLYMARKET_PER_SECOND": 0,
        "POLYMARKET_PER_MINUTE": 0,
    }


@dataclass
class LiveWorld:
    """The sandbox, and PolyMix with one account whose keys have proved themselves."""

    world: World
    venue: PolymarketWorld
    url: str
    calls: Calls
    oracle: Oracle
    accounts: list[Account] = field(default_factory=list)

    def open(self, name: str = "Real", *, key: str = KEY, mode: str = "LIVE") -> Account:
        account = self.world.open(name, mode=mode, starting_balance=Decimal(0))
        onboarding_polymarket.enter(
            account=account, private_key=Secret(key), funder="", now=self.now
        )
        steps = onboarding_polymarket.prove(account=account, with_trial=False, now=self.now)
        assert credentials.of(account, "polymarket").verified_at, steps
        self.world.follow(account)
        self.accounts.append(account)
        return account

    def list_market(self) -> Market:
        made = self.venue.market
        market = Market.objects.create(
            venue="polymarket",
            external_id=made.condition,
            title=made.question,
            category="Sports",
            fee_rate=made.fee_rate,
            tick=made.tick,
            min_shares=made.min_size,
            neg_risk=made.neg_risk,
            protocol=made.version,
        )
        for token, name in zip(made.tokens, made.outcomes, strict=True):
            Outcome.objects.create(market=market, token=token, name=name)
        return market

    @property
    def ws(self) -> str:
        return self.url.replace("http", "ws")

    @property
    def now(self) -> datetime:
        return self.venue.clock.now()

    def whale_trades(self, *, side: Side = Side.BUY, shares: str = "1000") -> Signal:
        at = self.now - timedelta(seconds=2)
        seen = Trade(
            venue="polymarket",
            transaction=f"0x{at.timestamp():.6f}",
            counter=1,
            wallet=WHALE,
            market=self.venue.market.condition,
            token=YES,
            outcome="Thunder",
            outcome_index=0,
            title=self.venue.market.question,
            side=side,
            price=Decimal("0.53"),
            shares=Decimal(shares),
            at=at,
        )
        return self.world.signal(seen, facts=FACTS)

    def copy(self, *, side: Side = Side.BUY, shares: str = "1000") -> list[UUID]:
        """Let the whale trade and every follower copy it, now."""
        return self.world.copy(self.whale_trades(side=side, shares=shares), now=self.now)

    def reconcile(self, now: datetime | None = None) -> None:
        now = now or self.now
        reconciliation.doubt_lost_senders(now=now)
        reconciliation.reconcile(order_ids=reconciliation.to_ask(now=now), now=now)

    def pass_time(self, seconds: float) -> None:
        """Let the exchange live on; nothing of ours happens meanwhile."""
        self.venue.clock.move(timedelta(seconds=seconds))
        self.venue.exchange.tick(now=self.now)

    def judge(self) -> None:
        """Compare our books with the exchange's own (I1, I2, I3, I5, I6)."""
        exchange = self.venue.exchange
        said = self.oracle.judge(
            fills=[
                (fill.order.venue_order_id, fill.venue_fill_id.partition(":")[0], fill.shares)
                for fill in Fill.objects.exclude(settlement="FAILED")
                .select_related("order")
                .filter(account__in=self.accounts)
            ],
            intents={
                str(order.pk): [order.venue_order_id]
                for order in Order.objects.filter(account__in=self.accounts)
            },
            limits=dict.fromkeys(self.wallets, MONEY),
        )
        assert {name: wrong for name, wrong in said.items() if self._ours(wrong)} == {}
        for account in self.accounts:
            wallet = exchange.wallets[credentials.of(account, "polymarket").address]
            on_its_way = Posting.objects.filter(
                book="CASH", entry__fill__order__side="SELL", entry__account=account
            ).exclude(entry__fill__settlement__in=["CONFIRMED", "FAILED"])
            proceeds = on_its_way.aggregate(total=Sum("amount"))["total"] or 0
            cash = RiskState.objects.get(account=account).cash
            assert cash - proceeds == wallet.cash - wallet.owed

    def _ours(self, wrong: list[str]) -> list[str]:
        """Return what is wrong with our own orders: the maker's are nobody's books."""
        ours = set(
            Order.objects.filter(account__in=self.accounts).values_list("venue_order_id", flat=True)
        )
        named = (ours | self.wallets) - {""}
        return [each for each in wrong if any(name in each for name in named)]

    @property
    def wallets(self) -> set[str]:
        found = (credentials.of(account, "polymarket") for account in self.accounts)
        return {each.address for each in found if each is not None}

    def order(self) -> Order:
        return Order.objects.get()

    def posts(self) -> int:
        """Return how many orders were posted, whatever became of them."""
        return sum((row["method"], row["path"]) == ("POST", "/order") for row in self.calls.rows)


def bet(live: LiveWorld, wallet: Wallet, *, price: str, shares: str, token: str = YES) -> None:
    """Let somebody else buy of what is offered."""
    live.venue.numbers += 1
    live.venue.exchange.place(
        SandboxOrder(
            order_id=f"0x{50_000 + live.venue.numbers:064x}",
            key="whale",
            wallet=wallet,
            market=live.venue.market,
            token=token,
            buy=True,
            price=Decimal(price),
            shares=Decimal(shares),
            created_at=live.now,
        ),
        now=live.now,
    )


def won(live: LiveWorld, payout: str = "1") -> None:
    """Let the account hold confirmed shares of a market that then pays."""
    live.venue.quote(YES, "0.53", "5000")
    live.copy()
    live.reconcile()
    live.pass_time(15)
    live.reconcile()
    first = Decimal(payout)
    market = live.venue.market
    live.venue.exchange.resolve(market.condition, (first, 1 - first), now=live.now)
    resolutions.resolve(
        market=Market.objects.get(),
        payouts={market.tokens[0]: first, market.tokens[1]: 1 - first},
        source="test",
        resolved_at=live.now,
    )


@contextmanager
def live_world(
    now: datetime, *, rules: Rules | None = None, faults: Sequence[Rule] = ()
) -> Iterator[LiveWorld]:
    """Serve a sandbox exchange and open one live account on it."""
    cache.clear()  # books that another test's market had a moment ago
    venue = PolymarketWorld(rules=rules or Rules())
    calls = Calls(venue.clock)
    app = calls.noting(
        Faults(venue.app, faults, venue="polymarket", seed=1, clock=venue.clock),
        venue="polymarket",
    )
    with serving(app) as url, override_settings(LIVE_TRADING=True, **off(url)):
        world = World(now=now, starting_balance=Decimal(10_000))
        Follow.objects.all().delete()  # the paper account looks on
        oracle = Oracle(
            kalshi=KalshiExchange(EventLog()), polymarket=venue.exchange, log=venue.exchange.log
        )
        made = LiveWorld(world=world, venue=venue, url=url, calls=calls, oracle=oracle)
        made.list_market()
        made.open()
        yield made
