"""What happens to a trade on the chain, and to the wallets it moves."""

import hashlib
from datetime import datetime
from decimal import Decimal

from sandbox.polymarket.rows import Leg, Rules, Settlement, Trade

ZERO = Decimal(0)


def owe(leg: Leg, *, sign: int = 1) -> None:
    """Hold what a leg gives until the chain has it, or let it go again."""
    wallet, order = leg.order.wallet, leg.order
    if order.buy:
        wallet.owed += sign * (leg.shares * leg.price + leg.fee)
    else:
        owed = wallet.owed_shares.get(order.token, ZERO)
        wallet.owed_shares[order.token] = owed + sign * leg.shares


def move(trade: Trade, rules: Rules, *, now: datetime) -> bool:
    """Take a trade one step on, if its time has come; returns whether it moved.

    Only a confirmed trade changes what wallets hold; a failed one gives everything back.
    """
    if trade.status is Settlement.MATCHED and now >= trade.at + rules.mined_after:
        trade.status, trade.changed_at = Settlement.MINED, now
        trade.mined_at = now
        trade.transaction = "0x" + hashlib.sha256(trade.trade_id.encode()).hexdigest()
        return True
    retried = trade.status is Settlement.RETRYING
    wait = rules.confirmed_after * (2 if retried else 1)
    if trade.status is Settlement.MATCHED or is_final(trade) or now < trade.at + wait:
        return False
    if trade.number in rules.retries and not retried:
        trade.status, trade.changed_at = Settlement.RETRYING, now
        trade.mined_at = None
        trade.transaction = "0x" + hashlib.sha256(f"{trade.trade_id}:2".encode()).hexdigest()
        return True
    failed = trade.number in rules.fails
    trade.status = Settlement.FAILED if failed else Settlement.CONFIRMED
    trade.changed_at = now
    trade.mined_at = None if failed else trade.mined_at or now
    for leg in (trade.taker, *trade.makers):
        owe(leg, sign=-1)
        if not failed:
            _deliver(leg)
    return True


def due(trade: Trade, rules: Rules) -> datetime:
    """Return when a trade that is not final moves next."""
    if trade.status is Settlement.MATCHED:
        return trade.at + rules.mined_after
    return trade.at + rules.confirmed_after * (2 if trade.status is Settlement.RETRYING else 1)


def is_final(trade: Trade) -> bool:
    return trade.status in (Settlement.CONFIRMED, Settlement.FAILED)


def _deliver(leg: Leg) -> None:
    wallet, order = leg.order.wallet, leg.order
    sign = 1 if order.buy else -1
    wallet.cash -= sign * leg.shares * leg.price + leg.fee
    wallet.shares[order.token] = wallet.shares.get(order.token, ZERO) + sign * leg.shares
