"""The chain as the first feed of what whales trade: pushed as blocks come, replayed after gaps.

A cursor says up to which block everything was stored. Nothing depends on the push alone: whatever
it may have missed is read from the node, from the cursor on.
"""

import logging
from collections.abc import Callable, Collection, Iterable
from datetime import datetime

from markets.models import Feed, Outcome
from venues.polymarket.chain import ChainFill, ChainPush, Node
from venues.polymarket.public import Public
from venues.reading import BadMessage
from venues.types import Trade

log = logging.getLogger(__name__)

BEHIND = 5  # blocks that are read again: the newest ones may still be replaced


class ChainFeed:
    """Trades of followed wallets from a node of the chain."""

    def __init__(
        self,
        *,
        feed: Feed,
        push: ChainPush,
        node: Node,
        public: Public,
        now: Callable[[], datetime],
    ) -> None:
        self._feed, self.push, self._node = feed, push, node
        self._public, self._now = public, now
        self._was_live = False
        self._waiting: dict[tuple[str, str], ChainFill] = {}  # told, and not stored yet
        self._up_to: int | None = None  # the block that will be the cursor once they are
        self._names: dict[str, tuple[str, str, int, str]] = {}  # by token

    @property
    def is_live(self) -> bool:
        return self.push.is_live

    def take(self, wallets: Collection[str]) -> list[Trade]:
        """Return what these wallets traded since the last call; some of it may come again.

        Whoever stored it calls `stored`. Raises Unreadable when something could not be read: it
        comes again at the next call.
        """
        self.push.want(wallets)
        is_live = self.push.is_live
        self._keep(self.push.take())
        if not (is_live and self._was_live) and wallets:
            self._was_live = False
            self._gap(wallets)
        elif self._waiting:
            self._up_to = max(fill.block for fill in self._waiting.values())
        found = self._trades(self._waiting.values())
        self._was_live = is_live
        return found

    def stored(self) -> None:
        """Remember that everything of the last `take` is stored."""
        self._waiting = {}
        if self._up_to is not None and (self._feed.block is None or self._up_to > self._feed.block):
            self._feed.block = self._up_to
            self._feed.save(update_fields=["block"])

    def _keep(self, fills: Iterable[ChainFill]) -> None:
        """Wait for the store with each fill once, however often it is told."""
        self._waiting |= {(fill.transaction, fill.order): fill for fill in fills}

    def _gap(self, wallets: Collection[str]) -> None:
        """Read from the cursor to the newest block; a new feed begins where the chain is now."""
        last = self._node.last_block()
        first = last + 1 if self._feed.block is None else self._feed.block - BEHIND
        if first <= last:
            self._keep(self._node.fills(wallets, first=first, last=last))
        self._up_to = last

    def _trades(self, fills: Iterable[ChainFill]) -> list[Trade]:
        """Name what the fills are of. A transaction with a part that nobody can name is left to the
        Data API as a whole: half of it would keep the rest from being stored.
        """
        times: dict[int, datetime] = {}
        now = self._now()
        found: dict[str, list[Trade]] = {}
        unknown: set[str] = set()
        for fill in fills:
            try:
                market, outcome, index, title = self._name(fill.token)
                if fill.block not in times:
                    times[fill.block] = min(self._node.time_of(fill.block), now)
                trade = fill.as_trade(
                    market=market, outcome=outcome, index=index, title=title, at=times[fill.block]
                )
                found.setdefault(fill.transaction, []).append(trade)
            except (BadMessage, LookupError) as problem:
                log.warning("A fill of the chain is left to the Data API: %s", problem)
                unknown.add(fill.transaction)
        return [
            trade
            for transaction, trades in found.items()
            if transaction not in unknown
            for trade in trades
        ]

    def _name(self, token: str) -> tuple[str, str, int, str]:
        """Return market, outcome, its index and the title of a token. Raises LookupError."""
        if token not in self._names:
            known = Outcome.objects.select_related("market").filter(token=token).first()
            if known is not None:
                ordered = list(known.market.outcomes.order_by("pk").values_list("token", flat=True))
                self._names[token] = (
                    known.market.external_id,
                    known.name,
                    ordered.index(token),
                    known.market.title,
                )
            else:
                self._names[token] = self._ask(token)
        return self._names[token]

    def _ask(self, token: str) -> tuple[str, str, int, str]:
        listed = self._public.listing_of(token)
        if listed is None:
            raise LookupError(f"the catalogue does not know the token {token[:20]}")
        index = listed.tokens.index(token)
        return listed.market, listed.outcomes[index], index, listed.title
