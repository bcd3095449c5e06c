"""Decisions, orders, fills, positions and the double-entry ledger."""

from trading.models.books import Chapter, Entry, EquityPoint, Fill, Position, Posting, Tally
from trading.models.decisions import Decision
from trading.models.orders import (
    Absence,
    Approval,
    Order,
    OrderEvent,
    OrderQuerySet,
    Submission,
)
from trading.models.pairs import Lease, PairEvent, PairTrade
from trading.models.payouts import MarketSettlement, Redemption, Transfer

__all__ = [
    "Absence",
    "Approval",
    "Chapter",
    "Decision",
    "Entry",
    "EquityPoint",
    "Fill",
    "Lease",
    "MarketSettlement",
    "Order",
    "OrderEvent",
    "OrderQuerySet",
    "PairEvent",
    "PairTrade",
    "Position",
    "Posting",
    "Redemption",
    "Submission",
    "Tally",
    "Transfer",
]
