"""What really happened, from the exchanges' own books: the judge of every bot and every test.

Only members and wallets that somebody owns are told of; what the sandbox invents is left out.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sandbox.kalshi.accounts import Member
from sandbox.kalshi.collateral import needs
from sandbox.kalshi.exchange import Exchange as KalshiExchange
from sandbox.log import EventLog
from sandbox.polymarket.exchange import Exchange as PolymarketExchange
from sandbox.polymarket.rows import Settlement
from sandbox.polymarket.wallets import Wallet

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """One order that an exchange took."""

    venue: str
    owner: str  # member, or wallet
    identity: str  # client order id, or order hash: what must be there once
    order_id: str
    filled: Decimal
    paid: Decimal  # USD without fees


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """One order's part of a match."""

    venue: str
    owner: str
    order_id: str
    trade_id: str
    shares: Decimal
    price: Decimal  # USD of one
    fee: Decimal  # USD
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """The most that an owner could lose at the moment when an order was taken."""

    venue: str
    owner: str
    order_id: str
    at: datetime
    dollars: Decimal


class Oracle:
    """Answers from both exchanges' books, and remembers what was at stake at every accept."""

    def __init__(
        self, *, kalshi: KalshiExchange, polymarket: PolymarketExchange, log: EventLog
    ) -> None:
        self.kalshi, self.polymarket, self.log = kalshi, polymarket, log
        self.exposures: list[Exposure] = []
        log.listen(self._note)

    def orders(self) -> list[Accepted]:
        """Return every order that was ever taken, by either exchange."""
        found = [
            Accepted(
                venue="kalshi",
                owner=member.user_id,
                identity=order.client_order_id,
                order_id=order.order_id,
                filled=order.filled,
                paid=order.taker_cost + order.maker_cost,
            )
            for member in self._members()
            for order in member.orders.values()
        ]
        return found + [
            Accepted(
                venue="polymarket",
                owner=order.wallet.address,
                identity=order.order_id,
                order_id=order.order_id,
                filled=order.matched,
                paid=order.paid,
            )
            for order in self.polymarket.orders.values()
            if not order.wallet.invented
        ]

    def doubled(self) -> dict[str, int]:
        """Return identities that were taken more than once, with how often: I1 wants none."""
        counts: dict[str, int] = defaultdict(int)
        for order in self.orders():
            counts[f"{order.venue}:{order.owner}:{order.identity}"] += 1
        return {identity: count for identity, count in counts.items() if count > 1}

    def fills(self) -> Iterator[Filled]:
        """Yield every fill of every owner, oldest first on each venue; lost ones too."""
        for member in self._members():
            for fill in member.fills:
                yield Filled(
                    venue="kalshi",
                    owner=member.user_id,
                    order_id=fill.order_id,
                    trade_id=fill.fill_id,
                    shares=fill.count,
                    price=fill.price,
                    fee=fill.fee,
                    status=Settlement.CONFIRMED.value,
                )
        for trade in self.polymarket.trades:
            for leg in (trade.taker, *trade.makers):
                if trade.number and not leg.order.wallet.invented:
                    yield Filled(
                        venue="polymarket",
                        owner=leg.order.wallet.address,
                        order_id=leg.order.order_id,
                        trade_id=trade.trade_id,
                        shares=leg.shares,
                        price=leg.price,
                        fee=leg.fee,
                        status=trade.status.value,
                    )

    def balances(self) -> dict[str, dict[str, str]]:
        """Return cash by owner, in USD: by shard on Kalshi, on chain on Polymarket."""
        members = {
            f"kalshi:{member.user_id}": {
                str(shard): f"{cash:f}" for shard, cash in sorted(member.cash.items())
            }
            for member in self._members()
        }
        wallets = {
            f"polymarket:{wallet.address}": {"cash": f"{wallet.cash:f}", "owed": f"{wallet.owed:f}"}
            for wallet in self._wallets()
        }
        return members | wallets

    def exposure(self, owner: str) -> Decimal:
        """Return the most that an owner could still lose, USD: what is held at cost, and open
        orders at their limits with the fees of taking.
        """
        member = self.kalshi.members.get(owner)
        if member is not None:
            held = sum((position.cost for position in member.positions.values()), ZERO)
            return held + needs(self.kalshi.markets, member.resting(), member)
        wallet = self.polymarket.wallets[owner]
        markets = self.polymarket.by_token
        held = sum(
            (each.cost for token, each in wallet.tallies.items() if markets[token].payout is None),
            ZERO,
        )
        fees = sum(
            (
                order.market.taker_fee(price=order.price, shares=order.remaining)
                for order in wallet.open.values()
                if order.buy and order.status in ("LIVE", "DELAYED")
            ),
            ZERO,
        )
        return held + self.polymarket.held_cash(wallet) + fees

    def judge(
        self,
        *,
        fills: Iterable[tuple[str, str, Decimal]] = (),
        intents: Mapping[str, Iterable[str]] | None = None,
        limits: Mapping[str, Decimal] | None = None,
    ) -> dict[str, list[str]]:
        """Judge what a bot believes by what happened; returns what is wrong, by invariant.

        `fills` are (order id, trade id, shares) as the bot recorded them, `intents` the identities
        that each of its intents may have used, `limits` the most USD that each owner may risk.
        """
        wrong: dict[str, list[str]] = {"I1": [], "I2": [], "I3": [], "I6": []}
        wrong["I1"] = [f"{name} was taken {count} times" for name, count in self.doubled().items()]
        taken = {order.identity for order in self.orders()}
        for intent, identities in (intents or {}).items():
            count = len(taken & set(identities))
            if count > 1:
                wrong["I1"].append(f"intent {intent} caused {count} orders")
        self._compare(list(fills), wrong)
        for each in self.exposures:
            limit = (limits or {}).get(each.owner)
            if limit is not None and each.dollars > limit:
                wrong["I6"].append(
                    f"{each.owner} risked {each.dollars:f} of {limit:f} at {each.at}"
                )
        return wrong

    def _compare(
        self, recorded: list[tuple[str, str, Decimal]], wrong: dict[str, list[str]]
    ) -> None:
        """Compare recorded fills with those that were not lost: none missing, twice or invented."""
        true = {
            (fill.order_id, fill.trade_id): fill.shares
            for fill in self.fills()
            if fill.status != Settlement.FAILED.value
        }
        seen: dict[tuple[str, str], Decimal] = {}
        for order_id, trade_id, shares in recorded:
            key = (order_id, trade_id)
            if key in seen:
                wrong["I3"].append(f"trade {trade_id} of order {order_id} is recorded twice")
            elif true.get(key) != shares:
                wrong["I3"].append(
                    f"trade {trade_id} of order {order_id} is recorded with {shares:f} shares, "
                    f"truly {true.get(key, ZERO):f}"
                )
            seen[key] = shares
        wrong["I2"] = [
            f"trade {trade_id} of order {order_id}, {shares:f} shares, is not recorded"
            for (order_id, trade_id), shares in true.items()
            if (order_id, trade_id) not in seen
        ]

    def report(self) -> dict[str, Any]:
        return {
            "orders": [plain(order) for order in self.orders()],
            "doubled": self.doubled(),
            "balances": self.balances(),
            "events": len(self.log),
            "digest": self.log.digest(),
        }

    def _note(self, kind: str, fields: dict[str, Any]) -> None:
        """Sample an owner's exposure when an order of theirs is taken, before it matches."""
        owner = {"polymarket.accepted": "wallet", "kalshi.accepted": "user"}.get(kind)
        if owner is None or self._is_invented(kind, fields[owner]):
            return
        assert self.log.latest is not None
        self.exposures.append(
            Exposure(
                venue=kind.partition(".")[0],
                owner=fields[owner],
                order_id=fields["order"],
                at=self.log.latest,
                dollars=self.exposure(fields[owner]),
            )
        )

    def _is_invented(self, kind: str, owner: str) -> bool:
        if kind.startswith("kalshi"):
            return self.kalshi.members[owner].invented
        return self.polymarket.wallets[owner].invented

    def _members(self) -> list[Member]:
        return [each for each in self.kalshi.members.values() if not each.invented]

    def _wallets(self) -> list[Wallet]:
        return [each for each in self.polymarket.wallets.values() if not each.invented]


def plain(row: Accepted | Filled | Exposure) -> dict[str, str]:
    """Return a row as JSON has it: numbers as text, so that no cent is lost."""
    return {
        name: f"{value:f}" if isinstance(value, Decimal) else str(value)
        for name, value in asdict(row).items()
    }
