"""What really happened, from the exchanges' own books: the judge of every bot and every test."""

from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.kalshi.exchange import Exchange as KalshiExchange
from sandbox.log import EventLog
from sandbox.polymarket.exchange import Exchange as PolymarketExchange

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


@dataclass(kw_only=True)
class Oracle:
    """Answers from both exchanges' books."""

    kalshi: KalshiExchange
    polymarket: PolymarketExchange
    log: EventLog

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
            for member in self.kalshi.members.values()
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
        ]

    def doubled(self) -> dict[str, int]:
        """Return identities that were taken more than once, with how often: I1 wants none."""
        counts: dict[str, int] = defaultdict(int)
        for order in self.orders():
            counts[f"{order.venue}:{order.owner}:{order.identity}"] += 1
        return {identity: count for identity, count in counts.items() if count > 1}

    def balances(self) -> dict[str, dict[str, str]]:
        """Return cash by owner, in USD: by shard on Kalshi, on chain on Polymarket."""
        members = {
            f"kalshi:{member.user_id}": {
                str(shard): f"{cash:f}" for shard, cash in sorted(member.cash.items())
            }
            for member in self.kalshi.members.values()
        }
        wallets = {
            f"polymarket:{wallet.address}": {"cash": f"{wallet.cash:f}", "owed": f"{wallet.owed:f}"}
            for wallet in self.polymarket.wallets.values()
        }
        return members | wallets

    def exposure(self, owner: str) -> Decimal:
        """Return the most that an owner could still lose: positions at cost and open orders."""
        member = self.kalshi.members.get(owner)
        if member is not None:
            held = sum((position.cost for position in member.positions.values()), ZERO)
            resting = sum(
                (order.remaining * order.unit_cost(order.price) for order in member.resting()), ZERO
            )
            return held + resting
        wallet = self.polymarket.wallets[owner]
        spent = sum(
            (o.paid for o in self.polymarket.orders.values() if o.wallet is wallet and o.buy), ZERO
        )
        return spent + self.polymarket.held_cash(wallet)

    def report(self) -> dict[str, Any]:
        return {
            "orders": [
                {
                    "venue": order.venue,
                    "owner": order.owner,
                    "identity": order.identity,
                    "order_id": order.order_id,
                    "filled": f"{order.filled:f}",
                    "paid": f"{order.paid:f}",
                }
                for order in self.orders()
            ],
            "doubled": self.doubled(),
            "balances": self.balances(),
            "events": len(self.log),
            "digest": self.log.digest(),
        }


def app(oracle: Oracle) -> Starlette:
    """Serve the oracle: `/oracle` answers everything, `/oracle/events?after=N` the log."""

    async def report(request: Request) -> Response:
        return JSONResponse(oracle.report())

    async def events(request: Request) -> Response:
        after = request.query_params.get("after", "0")
        lines = oracle.log.lines(after=int(after) if after.isdecimal() else 0)
        return Response("".join(f"{line}\n" for line in lines), media_type="application/jsonl")

    return Starlette(routes=[Route("/oracle", report), Route("/oracle/events", events)])
