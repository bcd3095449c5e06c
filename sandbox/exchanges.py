"""Both exchanges, their world, their oracle and funded test users, in one event loop."""

import asyncio
import hashlib
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import uvicorn
from coincurve import PrivateKey
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from starlette.applications import Starlette
from starlette.types import ASGIApp

from sandbox import court
from sandbox import memory as memories
from sandbox.bending import Bent
from sandbox.clock import Clock
from sandbox.court import Calls
from sandbox.failing import Faults
from sandbox.faults import Rule
from sandbox.kalshi import server as kalshi_server
from sandbox.kalshi.exchange import Exchange as KalshiExchange
from sandbox.kalshi.limits import PRIME, Buckets
from sandbox.kalshi.server import Kalshi
from sandbox.log import EventLog
from sandbox.oracle import Oracle
from sandbox.polymarket import clob, data, gamma, relayer, rpc
from sandbox.polymarket.exchange import Exchange as PolymarketExchange
from sandbox.polymarket.node import Node
from sandbox.polymarket.server import Clob, drop_silent_keys
from sandbox.recorded import Happening
from sandbox.serving import check_loopback
from sandbox.tape import Tape
from sandbox.teams import LEAGUES, League
from sandbox.world import World
from venues.polymarket import wallets
from venues.polymarket.eip712 import keccak

USERS = 3
SAFE = 2  # the signature type of a Safe
CASH = Decimal(10_000)
TICK = 0.25  # seconds of real time between two looks at the clock
KEEP_EVERY = 8  # looks


@dataclass(frozen=True, slots=True, kw_only=True)
class FundedUser:
    """Somebody with money on both venues; the keys are worth nothing anywhere else."""

    name: str
    wallet: str  # an address that its own key signs for
    wallet_key: str
    safe: str  # another wallet of the key, with as much money; moved through the relayer
    relayer_key: str  # for the wallet's own address
    kalshi_key_id: str
    kalshi_key: str  # PEM


class Sandbox:
    """Everything that `manage.py sandbox` starts; the same seed gives the same users and games.

    With a `tape` the markets are those of a recording; `memory` keeps games for the next start.
    """

    def __init__(
        self,
        *,
        seed: int,
        start: datetime,
        speed: float = 1.0,
        rules: Sequence[Rule] = (),
        memory: Path | None = None,
        tape: Iterable[Happening] | None = None,
        clock: Clock | None = None,
        leagues: Sequence[League] = LEAGUES,
    ) -> None:
        self.clock = clock or Clock(start=start, speed=speed)
        self.log = EventLog()
        bent, epoch = Bent(rules, seed=seed, start=start), f"{seed} {start.isoformat()}"
        self.kalshi = Kalshi(
            exchange=KalshiExchange(self.log, rules=bent.kalshi(), epoch=epoch),
            clock=bent.clock("kalshi", self.clock),
            buckets=Buckets(PRIME),
        )
        self.polymarket = Clob(
            exchange=PolymarketExchange(self.log, rules=bent.polymarket(), epoch=epoch),
            clock=bent.clock("polymarket", self.clock),
        )
        self.oracle = Oracle(
            kalshi=self.kalshi.exchange, polymarket=self.polymarket.exchange, log=self.log
        )
        self.calls = Calls(self.clock)
        self.users = [self._user(seed, number) for number in range(1, USERS + 1)]
        kalshi, polymarket = self.kalshi.exchange, self.polymarket.exchange
        self._recalled = memories.recall(memory, now=start) if memory else memories.Recalled()
        self.world: World | Tape = (
            World(
                seed=seed,
                start=start,
                kalshi=kalshi,
                polymarket=polymarket,
                recalled=self._recalled.going,
                leagues=leagues,
            )
            if tape is None
            else Tape(tape, start=start, kalshi=kalshi, polymarket=polymarket)
        )
        self._rules, self._seed, self._memory = rules, seed, memory
        self.node = Node(exchange=polymarket)
        self.world.bends += [
            self.node.advance,
            lambda at: drop_silent_keys(self.polymarket, now=at),
            lambda at: bent.step(kalshi, polymarket, now=at),
        ]
        self.failing: dict[str, Faults] = {}  # of the servers, once they are made
        memories.list_decided(polymarket, self._recalled.over, now=start)
        if isinstance(self.world, World):
            self.world.recall_decided(self._recalled.over, now=start)

    def apps(self) -> dict[str, ASGIApp]:
        """Return the servers by name."""
        book = clob.app(self.polymarket)
        node, clock = self.node, self.polymarket.clock
        gasless, chain = relayer.app(node, clock), rpc.app(node, clock)
        reads, catalogue = data.app(self.polymarket), gamma.app(self.polymarket)
        # One address serves them all: no two of them share a path.
        parts = (book, gasless, chain, reads, catalogue)
        polymarket = Starlette(routes=[route for part in parts for route in part.routes])
        servers: dict[str, ASGIApp] = {
            "polymarket": polymarket,
            "kalshi": kalshi_server.app(self.kalshi),
        }
        self.failing = {
            venue: Faults(server, self._rules, venue=venue, seed=self._seed, clock=self.clock)
            for venue, server in servers.items()
        }
        noted: dict[str, ASGIApp] = {
            venue: self.calls.noting(each, venue=venue) for venue, each in self.failing.items()
        }
        return noted | {"oracle": court.app(self.oracle, self.calls)}

    async def serve(self, *, host: str, ports: dict[str, int]) -> None:
        """Serve until cancelled. Raises NotLoopback for an address that others could reach."""
        check_loopback(host)
        servers = [
            uvicorn.Server(
                uvicorn.Config(
                    app,
                    host=host,
                    port=ports[name],
                    log_level="warning",
                    access_log=False,
                    lifespan="off",
                    date_header=False,
                )
            )
            for name, app in self.apps().items()
        ]
        await asyncio.gather(self._live(), *(server.serve() for server in servers))

    async def _live(self) -> None:
        """Move the world on with the clock. One loop serves all, so nothing happens at once."""
        for count in itertools.count():
            self.world.advance(self.clock.now())
            if self._memory is not None and count % KEEP_EVERY == 0:
                games = [*self.world.ended, *self.world.games]
                memories.keep(self._memory, games, self._recalled.over)
            await asyncio.sleep(TICK)

    def _user(self, seed: int, number: int) -> FundedUser:
        name = f"user-{number}"
        secret = hashlib.sha256(f"polymix sandbox {seed} {name}".encode()).digest()
        public = PrivateKey(secret).public_key.format(compressed=False)
        address = "0x" + keccak(public[1:])[12:].hex()
        self.polymarket.exchange.open_wallet(address, cash=CASH)
        safe = wallets.safe_of(address).lower()
        self.polymarket.exchange.open_wallet(safe, owner=address, signature_type=SAFE, cash=CASH)
        relayer_key = f"relayer-{hashlib.sha256(secret).hexdigest()[:24]}"
        self.polymarket.exchange.relayer_keys[address] = relayer_key
        key = ed25519.Ed25519PrivateKey.from_private_bytes(secret)
        self.kalshi.exchange.open_member(name, cash=dict.fromkeys(range(4), CASH / 4))
        self.kalshi.keys.add(
            key_id=f"sandbox-{number}",
            user_id=name,
            public_pem=key.public_key().public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            ),
        )
        pem = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        return FundedUser(
            name=name,
            wallet=address,
            wallet_key="0x" + secret.hex(),
            safe=safe,
            relayer_key=relayer_key,
            kalshi_key_id=f"sandbox-{number}",
            kalshi_key=pem.decode(),
        )
