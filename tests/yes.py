"""A person's yes in tests: to what is shown now, with a factor where money is real."""

from datetime import datetime

from accounts.factors import Proof
from accounts.models import User
from trading import approvals, asks, closing, pair_approvals
from trading.consent import Yes
from trading.models import Order, PairTrade, Position
from venues.types import Side


def yes_to(asked, *, by: User, now: datetime, **rest) -> Yes:
    """Return a yes to an order (or its id) or to a pair trade, as it stands."""
    seen = None
    if isinstance(asked, PairTrade):
        digest = pair_approvals.digest_of(asked)
    else:
        order = asked if isinstance(asked, Order) else Order.objects.get(pk=asked)
        digest = approvals.digest_of(order)
        seen = asks.price_now(order.outcome, Side(order.side)).price
    proof = proof_of(rest.get("digest", digest), by=by, now=now)
    return Yes(**{"by": by, "digest": digest, "seen": seen, "proof": proof} | rest)


def proof_of(digest: str, *, by: User, now: datetime) -> Proof:
    return Proof(user_id=by.pk, digests=frozenset([digest]), at=now, way="code")


def yes_to_sale(position: Position, *, by: User, now: datetime, exit_price=None) -> Yes:
    """Return a yes to selling what a position offers now."""
    digest = closing.digest_of(position, *closing.offer_of(position, exit_price=exit_price))
    return Yes(by=by, digest=digest, proof=proof_of(digest, by=by, now=now))
