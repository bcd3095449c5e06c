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
        wallet.owed += sign * (leg.dollars + leg.fee)
    else:
        owed = wallet.owed_shares.get(order.token, ZERO)
        wallet.owed_shares[order.token] = owed + sign * leg.shares


def move(trade: Trade, rules: Rules, *, now: datetime) -> bool:
    """Take a trade one step on, if its time has come; returns whether it moved.

    MATCHED, then MINED and CONFIRMED, or RETRYING on the way, after which it is mined or FAILED.
    Only a confirmed trade changes what wallets hold; a failed one gives everything back.
    """
    if is_final(trade) or now < due(trade, rules):
        return False
    trade.status, trade.changed_at = _next(trade, rules), now
    if trade.status is Settlement.MINED:
        trade.transaction, trade.mined_at = _hash(trade), now
    elif is_final(trade):
        for leg in (trade.taker, *trade.makers):
            owe(leg, sign=-1)
            if trade.status is Settlement.CONFIRMED:
                _deliver(leg)
            else:
                order = leg.order
                tally = order.wallet.tally(order.token)
                tally.undo(buy=order.buy, shares=leg.shares, dollars=leg.dollars + leg.fee)
    return True


def due(trade: Trade, rules: Rules) -> datetime:
    """Return when a trade that is not final moves next."""
    if trade.status is Settlement.MATCHED:
        return trade.at + rules.mined_after
    if trade.status is Settlement.RETRYING and trade.number not in rules.fails:
        return trade.at + 2 * rules.mined_after
    return trade.at + rules.confirmed_after


def _next(trade: Trade, rules: Rules) -> Settlement:
    lost, again = trade.number in rules.fails, trade.number in rules.retries
    if trade.status is Settlement.MATCHED:
        return Settlement.RETRYING if lost or again else Settlement.MINED
    if trade.status is Settlement.RETRYING:
        return Settlement.FAILED if lost else Settlement.MINED
    return Settlement.CONFIRMED


def _hash(trade: Trade) -> str:
    """Return the hash of the transaction that held: another one than that of a first try."""
    return "0x" + hashlib.sha256(f"{trade.trade_id}:{trade.at.isoformat()}".encode()).hexdigest()


def is_final(trade: Trade) -> bool:
    return trade.status in (Settlement.CONFIRMED, Settlement.FAILED)


def _deliver(leg: Leg) -> None:
    wallet, order = leg.order.wallet, leg.order
    sign = 1 if order.buy else -1
    wallet.cash -= sign * leg.dollars + leg.fee
    wallet.shares[order.token] = wallet.shares.get(order.token, ZERO) + sign * leg.shares
