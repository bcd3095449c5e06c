"""Look after real orders: hear what their venues tell, ask where they are silent, stop.

One process does it. It remembers nothing that the rows do not: killed and started again it goes on.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings

from accounts import kalshi_keys, polymarket_keys
from accounts.models import VenueCredential
from accounts.vault import VaultClosed
from accounts.venues import kalshi_of, wall_clock
from notifications.services import record_once
from trading import kalshi_news, orders, reconciliation, sending, stopping, transfers
from venues.errors import KeyRefused, VenueError
from venues.kalshi.stream import UserPush as KalshiPush
from venues.polymarket.stream import UserPush as PolymarketPush

log = logging.getLogger(__name__)

ASK_QUIET = timedelta(seconds=15)  # between two looks at an account whose stream is live
NEWS = timedelta(seconds=20)  # between two looks at what a venue says of money and itself
ASK_SOON = timedelta(seconds=3)  # while its stream is down, or an order is in doubt

UserPush = PolymarketPush | KalshiPush
MakePush = Callable[[VenueCredential], UserPush]


@dataclass(kw_only=True)
class Keeper:
    """Keeps the orders of all accounts with keys that have proved themselves."""

    now: Callable[[], datetime]  # the database's clock
    listen: MakePush
    _pushes: dict[UUID, UserPush] = field(default_factory=dict)  # by credential
    _asked: dict[UUID, datetime] = field(default_factory=dict)  # by credential
    _news: dict[str, datetime] = field(default_factory=dict)  # by what was read

    def step(self) -> None:
        """Do everything that is due now."""
        found = list(
            # Those that lost their proof too: what rests is looked after all the same.
            VenueCredential.objects.select_related("account").filter(removed_at__isnull=True)
        )
        self._listen_to(found)
        now = self.now()
        stopping.cancel_stopped(now=now)
        stopping.cancel_uncovered(now=now)
        sending.submit(order_ids=sending.unsent_real(now=now), now=now)
        reconciliation.doubt_lost_senders(now=now)
        reconciliation.tell_doubts(now=now)
        for credential in found:
            with reconciliation.one_alone(f"account {credential.account_id}"):
                self._hear(credential)
                self._ask(credential)
                if credential.venue == kalshi_keys.VENUE:
                    self._read_news(credential)

    def close(self) -> None:
        for push in self._pushes.values():
            push.close()

    def _listen_to(self, found: list[VenueCredential]) -> None:
        wanted = {credential.pk: credential for credential in found}
        for gone in self._pushes.keys() - wanted.keys():
            self._pushes.pop(gone).close()
        for key in wanted.keys() - self._pushes.keys():
            try:
                push = self.listen(wanted[key])
            except VaultClosed as problem:
                log.error("The keys of %s do not open: %s", wanted[key].account, problem)
                continue
            push.start()
            self._pushes[key] = push

    def _read_news(self, credential: VenueCredential) -> None:
        """Read what Kalshi says of itself, and of this account's money, now and then."""
        environment = credential.environment
        try:
            if self._is_due(f"state of {environment}"):
                kalshi_news.take_state(now=self.now(), environment=environment)
            if self._is_due(f"money of {credential.pk}"):
                transfers.look_after(kalshi_of(credential), credential.account_id, now=self.now())
                kalshi_news.take(credential, now=self.now())
        except KeyRefused as problem:
            _tell_refused(credential, problem, now=self.now())
        except (VenueError, VaultClosed) as problem:
            log.warning("Kalshi's word on %s cannot be read: %s", credential.account, problem)

    def _is_due(self, what: str) -> bool:
        now, last = self.now(), self._news.get(what)
        if last is not None and now - last < NEWS:
            return False
        self._news[what] = now
        return True

    def _hear(self, credential: VenueCredential) -> None:
        push = self._pushes.get(credential.pk)
        if push is not None:
            rows = push.take()
            if rows:
                reconciliation.take_told(
                    rows,
                    account_id=credential.account_id,
                    venue=credential.venue,
                    now=self.now(),
                )

    def _ask(self, credential: VenueCredential) -> None:
        """Ask after an account's orders, often where something is open to doubt."""
        now, push = self.now(), self._pushes.get(credential.pk)
        order_ids = reconciliation.to_ask(
            now=now, account_id=credential.account_id, venue=credential.venue
        )
        if not order_ids:
            return
        calm = push is not None and push.is_live and not reconciliation.in_doubt(order_ids)
        last = self._asked.get(credential.pk)
        if last is not None and now - last < (ASK_QUIET if calm else ASK_SOON):
            return
        self._asked[credential.pk] = now
        reconciliation.reconcile(order_ids=order_ids, now=now)
        for order_id in reconciliation.still_to_cancel(order_ids):
            orders.cancel(order_id=order_id, by="keeper", now=now)


def _tell_refused(credential: VenueCredential, problem: KeyRefused, *, now: datetime) -> None:
    """Tell a person, once, of a key that the venue does not take any more."""
    record_once(
        about="credential",
        kind="key_refused",
        account_id=credential.account_id,
        level="ACT",
        sentence=(
            f"Kalshi refuses this account's key. {problem} Nothing of it can be asked or taken "
            "back: enter a key that works."
        ),
        payload={"credential": str(credential.pk)},
        at=now,
    )


def listen_to(credential: VenueCredential) -> UserPush:
    """Return the stream of a credential's own orders. Raises VaultClosed."""
    if credential.venue == kalshi_keys.VENUE:
        return KalshiPush(
            kalshi_keys.ws_url_of(credential.environment),
            keys=kalshi_keys.keys_of(credential),
            now=wall_clock,
            clock=kalshi_keys.clock_of(kalshi_keys.url_of(credential.environment)),
        )
    return PolymarketPush(settings.POLYMARKET_WS_URL, api=polymarket_keys.keys_of(credential).api)
