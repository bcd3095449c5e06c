"""The chain as the first feed of what whales trade: pushed as blocks come, replayed after gaps.

A cursor says up to which block everything was stored. Nothing depends on the push alone: whatever
it may have missed is read from the node, from the cursor on.
"""

import logging
from collections.abc import Callable, Collection, Iterable
from datetime import datetime

from markets.models import Feed, Outcome
from venues.polymarket.chain import ChainFill, ChainPush, Node
from venues.polymarket.parse import BadMessage
from venues.polymarket.public import Public
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
        self._names: dict[str, tuple[str, str, int, str]] = {}  # by token

    @property
    def is_live(self) -> bool:
        return self.push.is_live

    def take(self, wallets: Collection[str]) -> list[Trade]:
        """Return what these wallets traded since the last call; some of it may come again.

        Raises Unreadable when a gap could not be read: it is read at the next call.
        """
        self.push.want(wallets)
        is_live = self.push.is_live
        fills = self.push.take()
        if not (is_live and self._was_live) and wallets:
            fills += self._gap(wallets)
        elif fills:
            self._move(max(fill.block for fill in fills))
        self._was_live = is_live
        return list(self._trades(fills))

    def _gap(self, wallets: Collection[str]) -> list[ChainFill]:
        """Read from the cursor to the newest block; a new feed begins where the chain is now."""
        last = self._node.last_block()
        first = last + 1 if self._feed.block is None else self._feed.block - BEHIND
        found = list(self._node.fills(wallets, first=first, last=last)) if first <= last else []
        self._move(last)
        return found

    def _move(self, block: int) -> None:
        if self._feed.block is None or block > self._feed.block:
            self._feed.block = block
            self._feed.save(update_fields=["block"])

    def _trades(self, fills: Iterable[ChainFill]) -> Iterable[Trade]:
        times: dict[int, datetime] = {}
        now = self._now()
        for fill in fills:
            try:
                market, outcome, index, title = self._name(fill.token)
                if fill.block not in times:
                    times[fill.block] = min(self._node.time_of(fill.block), now)
                yield fill.as_trade(
                    market=market, outcome=outcome, index=index, title=title, at=times[fill.block]
                )
            except (BadMessage, LookupError) as problem:
                log.warning("A fill of the chain is passed over: %s", problem)

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
